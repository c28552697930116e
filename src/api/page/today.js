// Today's calls of one user: what the gateway has of them, and each that ends from now on. A row opens the story of its call.

import { element, icon, make, write } from "./dom.js";
import { story } from "./story.js";
import { OVER, clock, party, partyText, timeOfDay } from "./words.js";

/** Rows that are kept, and how many calls are asked for at a time. */
const MOST = 500;
const PAGE = 100;

const OUTCOMES = { not_answered: "No answer", busy: "Busy", failed: "Could not be put through", not_dialled: "Not dialled", unobserved: OVER.unobserved, missed: OVER.abandoned, transferred: OVER.transferred };

export class Today {
  #user;
  #get;
  #list = element("today-list");
  /** By call id: `{callId, at, direction, remote, outcome, missed, talked, dn, node}`. */
  #rows = new Map();
  #next = null;
  #stop = new AbortController();

  constructor(user, get) {
    this.#user = user;
    this.#get = get;
    this.#list.replaceChildren();
    element("today-more").onclick = () => this.#more();
    element("missed-only").onclick = () => this.#filter();
    element("missed-only").setAttribute("aria-pressed", "false");
    this.#settle();
  }

  close() {
    this.#stop.abort();
  }

  /** Asks for today's calls; a gateway that keeps none has no list before the first call ends. */
  async load() {
    const midnight = new Date();
    midnight.setHours(0, 0, 0, 0);
    await this.#ask(new URLSearchParams({ user: this.#user, from: midnight.toISOString(), live: false, limit: PAGE }));
  }

  event({ type, data }) {
    if (type === "callcast.call.ended") this.#ended(data);
    if (type === "callcast.call.merged") this.#merged(data);
  }

  /** A call is no longer this user's; it may go on elsewhere. */
  gone({ callId, since, direction, remote, dn, over, answered }) {
    const talked = answered && over === "ended" ? Date.now() - Date.parse(answered) : 0;
    this.#put({ callId, at: since, direction, remote, dn, over, missed: over === "abandoned", outcome: OVER[over] ?? over, talked });
  }

  /** It came back. */
  back({ callId }) {
    const row = this.#rows.get(callId);
    if (row?.over) this.#remove(row);
  }

  async #more() {
    await this.#ask(new URLSearchParams(this.#next));
    element("today-more").blur();
  }

  async #ask(query) {
    try {
      const { calls = [], next = null } = await this.#get(`/v1/calls?${query}`, { signal: this.#stop.signal });
      for (const call of calls) this.#ended(call);
      this.#next = next && Object.fromEntries([...query, ["page", next]]);
    } catch {
      // The live list goes on without.
      this.#next = null;
    }
    this.#settle();
  }

  #ended(call) {
    const legs = (call.legs ?? []).filter(({ user }) => user?.id === this.#user);
    if (!legs.length || call.purpose !== "conversation") return;
    const known = this.#rows.get(call.call_id);
    const [first] = legs;
    const answered = legs.some((leg) => leg.answered);
    const { direction } = legs.find((leg) => leg.answered) ?? first;
    const far = direction === "inbound" ? (call.first_calling ?? call.calling) : (call.first_called ?? call.called);
    const over = known?.over && known.over !== "ended" ? known.over : null;
    const by = call.answered_by && call.answered_by.user?.id !== this.#user ? (call.answered_by.user?.id ?? call.answered_by.line.dn) : "";
    const missed = direction === "inbound" && !answered && !call.answered && !["diverted", "declined"].includes(over);
    const outcome = answered ? "Answered" : over ? OVER[over] : missed ? OVER.abandoned : direction === "inbound" ? OVER.answered_elsewhere : (OUTCOMES[call.outcome] ?? "No answer");
    const talked = answered ? legs.reduce((sum, { talk_ms, hold_ms }) => sum + talk_ms + hold_ms, 0) : 0;
    const elsewhere = !answered && direction === "inbound" && by ? `${outcome} · ${by}` : outcome;
    this.#put({ callId: call.call_id, at: first.started, direction, remote: known?.remote ?? far, dn: first.line.dn, over, missed, outcome: elsewhere, talked });
  }

  /** What happened goes on under another id. */
  #merged({ call_id, merged_into }) {
    const row = this.#rows.get(call_id);
    if (!row) return;
    this.#remove(row);
    if (!this.#rows.has(merged_into)) this.#put({ ...row, callId: merged_into });
  }

  #put(row) {
    const known = this.#rows.get(row.callId);
    const node = known?.node ?? this.#row(row.callId);
    Object.assign(row, { node });
    this.#rows.set(row.callId, row);
    const { who, number } = partyText(row.remote);
    const kind = row.missed ? "missed" : row.direction;
    node.root.dataset.kind = kind;
    node.mark.replaceChildren(icon(kind));
    write(node.time, timeOfDay(row.at));
    write(node.who, who);
    write(node.number, number);
    write(node.outcome, row.outcome);
    write(node.talked, row.talked ? clock(row.talked) : "");
    const spoken = { missed: "Missed call from", inbound: "Call from", outbound: "Call to" }[kind];
    node.button.setAttribute("aria-label", `${timeOfDay(row.at)}, ${spoken} ${party(row.remote, "unknown")}, ${row.outcome}${row.talked ? `, ${clock(row.talked)}` : ""}`);
    if (!known || known.at !== row.at) this.#place(row);
    if (this.#rows.size > MOST) this.#remove([...this.#rows.values()].reduce((a, b) => (a.at < b.at ? a : b)));
    this.#settle();
  }

  /** The newest first. */
  #place(row) {
    // All times are of one form: their texts are in their order.
    const older = [...this.#rows.values()].filter((other) => other !== row && other.node.root.isConnected && other.at <= row.at);
    const next = older.reduce((most, other) => (!most || other.at > most.at ? other : most), null);
    this.#list.insertBefore(row.node.root, next?.node.root ?? null);
  }

  #remove(row) {
    this.#rows.delete(row.callId);
    row.node.root.remove();
    this.#settle();
  }

  #row(callId) {
    const node = { root: make("li"), button: make("button", "row"), time: make("span", "time"), mark: make("span", "mark"), who: make("b", "who"), number: make("span", "number"), outcome: make("span", "outcome"), talked: make("span", "talked"), story: null };
    node.root.dataset.call = callId;
    node.button.type = "button";
    node.button.setAttribute("aria-expanded", "false");
    node.button.append(node.time, node.mark, node.who, node.number, node.outcome, node.talked);
    node.button.addEventListener("click", () => this.#toggle(callId));
    node.root.append(node.button);
    return node;
  }

  async #toggle(callId) {
    const { node } = this.#rows.get(callId);
    const opens = !node.story;
    node.button.setAttribute("aria-expanded", String(opens));
    node.story?.remove();
    node.story = opens ? make("div", "story", "…") : null;
    if (!opens) return;
    const place = node.story;
    node.root.append(place);
    try {
      place.replaceChildren(story(await this.#get(`/v1/calls/${encodeURIComponent(callId)}`, { signal: this.#stop.signal })));
    } catch (error) {
      place.replaceChildren(make("p", "hint", error.status === 404 ? "The gateway keeps no more of this call." : error.message));
    }
  }

  #filter() {
    const button = element("missed-only");
    const only = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(only));
    this.#list.classList.toggle("only-missed", only);
  }

  #settle() {
    const missed = [...this.#rows.values()].filter((row) => row.missed).length;
    element("today").hidden = !this.#rows.size;
    element("missed-only").hidden = !missed;
    write(element("missed-count"), String(missed));
    element("today-more").hidden = !this.#next;
  }
}
