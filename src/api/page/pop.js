// The calls of one user that are up. For those that come in the gateway says when one is offered, moves and goes; legs say how each stands.

import { moved, way } from "./words.js";

/** How a call stands, by the state of its leg. The first that a snapshot has of a call is what is shown of it. */
const INBOUND = { connected: "talking", offered: "ringing", alerting: "ringing", held: "held" };
const OUTBOUND = { connected: "talking", dialing: "dialing", ringback: "ringback", busy: "busy", held: "held" };
/** Calls of which we remember how they came here: what moved a call is told before its leg. */
const REMEMBERED = 100;

export class Pops {
  #user;
  /** The legs of the user that are up: their last data and its time, by key. */
  #legs = new Map();
  /** How a call came to be where it is, in words, by call id. */
  #ways = new Map();
  /** By pop id. */
  open = new Map();

  constructor(user) {
    this.#user = user;
  }

  /** Takes the snapshot, of which only the legs are of use; gives what changed, when it is complete. */
  snapshot(devices, begins, ends) {
    if (begins) this.#legs.clear();
    const legs = devices.flatMap((device) => device.legs).map(({ time, data }) => ({ ...data, time }));
    for (const leg of legs) if (this.#isOurs(leg)) this.#legs.set(legKey(leg), leg);
    return ends ? [...this.#missedMeanwhile(), ...this.#upBefore()] : [];
  }

  /** Takes an event; gives the calls that changed. One that has `over` is to go: the word says why. */
  event({ type, time, data }) {
    const [, about, what] = type.split(".");
    if (about === "call") return this.#moved(what, data);
    if (!this.#isOurs(data)) return [];
    if (about === "leg") return this.#legChanged({ ...data, time });
    if (about !== "pop") return [];
    const known = this.#known(data);
    if (what === "withdrawn") return known ? [this.#close(known, data.reason, data)] : [];
    const leg = this.#legs.get(legKey(data));
    const pop = { id: data.pop_id, since: time, ...known, ...this.#shown({ ...data, reason: leg?.reason }), offered: what === "offered" };
    setState(pop, stateOf(leg) ?? pop.state ?? "ringing", leg?.time ?? time);
    this.open.set(pop.id, pop);
    return [pop];
  }

  /** What a card shows of the data of a pop or leg. */
  #shown(data) {
    const { call_id: callId, remote, line, device, direction = "inbound" } = data;
    return { callId, leg: legKey(data), remote, dn: line.dn, device: device.name, direction, how: this.#ways.get(callId) ?? way(data) };
  }

  #isOurs(data) {
    return data.user?.id === this.#user;
  }

  /** One that was offered before this page came may be known by its call alone: there is one at most. */
  #known(data) {
    const callId = data.previous_call_id ?? data.call_id;
    return this.open.get(data.pop_id) ?? [...this.open.values()].find((pop) => pop.callId === callId && pop.direction === "inbound");
  }

  #legChanged(leg) {
    const key = legKey(leg);
    const pop = [...this.open.values()].find((pop) => pop.leg === key);
    if (leg.state === "disconnected") {
      this.#legs.delete(key);
      // One that was not answered is withdrawn, with the reason.
      return pop && pop.state !== "ringing" ? [this.#close(pop, "ended")] : [];
    }
    this.#legs.set(key, leg);
    if (!pop) return leg.direction === "outbound" && stateOf(leg) ? [this.#dialed(leg)] : [];
    if (pop.direction === "outbound") Object.assign(pop, this.#shown(leg));
    setState(pop, stateOf(leg) ?? pop.state, leg.time);
    return [pop];
  }

  #dialed(leg) {
    const pop = { id: `${leg.call_id}/${legKey(leg)}`, since: leg.time, ...this.#shown(leg), offered: false };
    setState(pop, stateOf(leg), leg.time);
    this.open.set(pop.id, pop);
    return pop;
  }

  #moved(what, data) {
    if (what === "ended" || what === "merged") this.#ways.delete(data.call_id);
    const how = moved(what, data);
    if (!how) return [];
    this.#ways.set(data.call_id, how);
    if (this.#ways.size > REMEMBERED) this.#ways.delete(this.#ways.keys().next().value);
    const pops = [...this.open.values()].filter((pop) => pop.callId === data.call_id);
    for (const pop of pops) pop.how = how;
    return pops;
  }

  #close(pop, over, data) {
    this.open.delete(pop.id);
    // Why it goes is not the way on which it came.
    return { ...pop, ...(data && { ...this.#shown(data), how: pop.how }), over };
  }

  /** Pops whose legs went while the page was not connected, and those whose legs went on. */
  #missedMeanwhile() {
    return [...this.open.values()].map((pop) => {
      const leg = this.#legs.get(pop.leg);
      if (!stateOf(leg)) return this.#close(pop, leg ? "answered_elsewhere" : "unobserved");
      Object.assign(pop, this.#shown(leg), { offered: false });
      return setState(pop, stateOf(leg), leg.time);
    });
  }

  /** Calls that were there before the page was: a snapshot has no pops. */
  #upBefore() {
    const legs = [...this.#legs.values()].filter((leg) => stateOf(leg));
    const order = Object.keys(INBOUND);
    legs.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
    const pops = [];
    for (const leg of legs) {
      const known = leg.direction === "inbound" ? this.#known(leg) : [...this.open.values()].some((pop) => pop.leg === legKey(leg));
      if (known) continue;
      if (leg.direction === "outbound") {
        pops.push(this.#dialed(leg));
        continue;
      }
      const pop = { id: `${leg.call_id}/${this.#user}`, ...this.#shown(leg), since: leg.time, offered: stateOf(leg) === "ringing" };
      setState(pop, stateOf(leg), leg.time);
      this.open.set(pop.id, pop);
      pops.push(pop);
    }
    return pops;
  }
}

function stateOf(leg) {
  return leg && (leg.direction === "outbound" ? OUTBOUND : INBOUND)[leg.state];
}

/** The clock of a call that was answered runs on while it is on hold. */
function setState(pop, state, time) {
  const talks = state === "talking" || state === "held";
  if (talks && !pop.answered) pop.answered = time;
  pop.state = state;
  return pop;
}

function legKey(data) {
  return `${data.device.name}/${data.line.dn}/${data.line.partition}/${data.leg_id}`;
}
