// The pops of one user. The gateway says when one is offered, moves and goes; legs say how its call stands.

const POPPED = "callcast.popped";
/** Pops that are remembered, in this browser. */
const REMEMBERED = 200;
/** How a call stands, by the state of its leg. The first that a snapshot has of a call is what is shown of it. */
const STATES = { connected: "talking", offered: "ringing", alerting: "ringing", held: "held" };

export class Pops {
  #user;
  /** The legs of the user that are up: their last data, by key. */
  #legs = new Map();
  /** By pop id. */
  open = new Map();

  constructor(user) {
    this.#user = user;
  }

  /** Takes the snapshot, of which only the legs are of use; gives what changed, when it is complete. */
  snapshot(devices, begins, ends) {
    if (begins) this.#legs.clear();
    const legs = devices.flatMap((device) => device.legs).map((event) => event.data);
    for (const leg of legs) if (this.#isOurs(leg)) this.#legs.set(legKey(leg), leg);
    return ends ? [...this.#missedMeanwhile(), ...this.#offeredBefore()] : [];
  }

  /** Takes an event; gives the pops that changed. One that has `over` is to go: the word says why. */
  event({ type, time, data }) {
    if (!this.#isOurs(data)) return [];
    const [, about, what] = type.split(".");
    if (about === "leg") return this.#legChanged(data);
    if (about !== "pop") return [];
    const known = this.#known(data);
    if (what === "withdrawn") return known ? [this.#close(known, data.reason, data)] : [];
    const pop = { id: data.pop_id, since: time, ...known, ...shown(data), offered: what === "offered" };
    pop.state = STATES[this.#legs.get(pop.leg)?.state] ?? pop.state ?? "ringing";
    this.open.set(pop.id, pop);
    return [pop];
  }

  /** Whether the page of this pop has to be opened now. Says yes once, however many tabs there are. */
  claim(pop) {
    if (!pop.offered) return false;
    const popped = read();
    if (popped.includes(pop.id)) return false;
    localStorage.setItem(POPPED, JSON.stringify([...popped, pop.id].slice(-REMEMBERED)));
    return true;
  }

  #isOurs(data) {
    return data.user?.id === this.#user;
  }

  /** One that was offered before this page came may be known by its call alone: there is one at most. */
  #known(data) {
    const callId = data.previous_call_id ?? data.call_id;
    return this.open.get(data.pop_id) ?? [...this.open.values()].find((pop) => pop.callId === callId);
  }

  #legChanged(data) {
    const key = legKey(data);
    const pop = [...this.open.values()].find((pop) => pop.leg === key);
    if (data.state === "disconnected") {
      this.#legs.delete(key);
      // One that was not answered is withdrawn, with the reason.
      return pop && pop.state !== "ringing" ? [this.#close(pop, "ended")] : [];
    }
    this.#legs.set(key, data);
    if (!pop) return [];
    pop.state = STATES[data.state] ?? pop.state;
    return [pop];
  }

  #close(pop, over, data) {
    this.open.delete(pop.id);
    return { ...pop, ...(data && shown(data)), over };
  }

  /** Pops whose legs went while the page was not connected, and those whose legs went on. */
  #missedMeanwhile() {
    return [...this.open.values()].map((pop) => {
      const leg = this.#legs.get(pop.leg);
      if (!STATES[leg?.state]) return this.#close(pop, leg ? "answered_elsewhere" : "unobserved");
      return Object.assign(pop, shown(leg), { state: STATES[leg.state], offered: false });
    });
  }

  /** Calls that were there before the page was: a snapshot has no pops. */
  #offeredBefore() {
    const legs = [...this.#legs.values()].filter((leg) => leg.direction === "inbound" && STATES[leg.state]);
    const order = Object.keys(STATES);
    legs.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
    const pops = [];
    for (const leg of legs) {
      if (this.#known(leg)) continue;
      const state = STATES[leg.state];
      const pop = { id: `${leg.call_id}/${this.#user}`, ...shown(leg), state, since: new Date().toISOString(), offered: state === "ringing" };
      this.open.set(pop.id, pop);
      pops.push(pop);
    }
    return pops;
  }
}

/** What a card shows of the data of a pop or leg. */
function shown(data) {
  return { callId: data.call_id, leg: legKey(data), remote: data.remote, dn: data.line.dn, device: data.device.name };
}

function legKey(data) {
  return `${data.device.name}/${data.line.dn}/${data.line.partition}/${data.leg_id}`;
}

function read() {
  try {
    const popped = JSON.parse(localStorage.getItem(POPPED) ?? "[]");
    return Array.isArray(popped) ? popped : [];
  } catch {
    return [];
  }
}
