// What one `subscribe` asked for, and how far it has come. Part of callcast.js.

import { isLater, matches, matchesDevice, placeOf, placeOfSnapshot } from "./callcast-filter.js";

export class Subscription {
  #owner;
  #handlers;
  /** Epoch and sequence of the last event that it has seen: what comes up to there is not told again. */
  seen = [0, 0];
  /** Where to go on after a break. */
  cursor = null;
  /** It had its snapshot: from there on it can be taken up again. */
  ready = false;
  failed = false;

  constructor(owner, id, filter, handlers) {
    const { devices = [], lines = [], users = [], all = false } = filter;
    this.#owner = owner;
    this.#handlers = handlers;
    this.id = id;
    this.filter = Object.freeze({ devices: [...devices], lines: [...lines], users: [...users], all });
  }

  /** Takes the snapshot again. */
  refresh() {
    this.ready = false;
    this.failed = false;
    this.#owner.refresh(this);
  }

  close() {
    this.#owner.close(this);
  }

  // For the client.

  /** `several`: what comes may be for another one. */
  event(event, cursor, durable, several) {
    const place = placeOf(event);
    // One that is not ready has it in its snapshot, which is still to come; one that has seen it took it by another way.
    if (!this.ready || !isLater(place, this.seen)) return;
    this.seen = place;
    if (cursor) this.cursor = cursor;
    if (several && !matches(this.filter, event)) return;
    if (event.type === "callcast.journal.gap") this.gap({ count: event.data.count, reason: event.data.reason, cursor });
    this.#call("event", event, { cursor, durable });
  }

  snapshot(devices, { begins, ends, lost, cursor, several }) {
    const ours = several ? devices.filter((device) => matchesDevice(this.filter, device)) : devices;
    this.#call("snapshot", ours, { begins, ends, recovered: !lost, reason: lost, cursor });
    if (!ends) return;
    this.ready = true;
    this.cursor = cursor;
    this.seen = placeOfSnapshot(cursor, devices);
  }

  live(cursor) {
    if (cursor) this.cursor = cursor;
    this.#call("live", { cursor: this.cursor });
  }

  gap(gap) {
    this.#call("gap", gap);
  }

  fail(error) {
    this.failed = true;
    this.#call("error", error);
  }

  /** A handler that fails is its owner's trouble, not that of the others. */
  #call(name, ...values) {
    try {
      this.#handlers[name]?.(...values);
    } catch (error) {
      if (globalThis.reportError) globalThis.reportError(error);
      else console.error(error);
    }
  }
}
