// The calls of one user: which ring, which are over, and which still have to be popped.

const POPPED = "callcast.popped";
/** Pops that are remembered, in this browser. */
const REMEMBERED = 200;

export class Calls {
  #user;
  /** By call id. */
  open = new Map();

  constructor(user) {
    this.#user = user;
  }

  /** Takes the snapshot: what is not in it is over. */
  snapshot(devices, begins) {
    if (begins) for (const call of this.open.values()) call.legs.clear();
    const events = devices.flatMap((device) => device.legs);
    for (const event of events) this.event(event);
  }

  /** Takes an event; gives the call that changed, if one did. */
  event({ type, time, data }) {
    if (!type.startsWith("callcast.leg.") || data.user?.id !== this.#user || data.direction !== "inbound") return null;
    const call = this.open.get(data.call_id) ?? { id: data.call_id, legs: new Map(), state: "", since: time };
    const key = `${data.device.name}/${data.line.dn}/${data.leg_id}`;
    call.remote = data.remote;
    call.dn = data.line.dn;
    call.device = data.device.name;
    if (type === "callcast.leg.disconnected") {
      call.legs.delete(key);
      call.cause = data.cause?.name ?? null;
    } else {
      call.legs.set(key, data.state);
    }
    this.open.set(call.id, call);
    return settle(call);
  }

  /** Takes out the calls that are over. */
  ended() {
    const over = [...this.open.values()].map(settle).filter((call) => ["missed", "over", "elsewhere"].includes(call.state));
    for (const call of over) if (!call.legs.size) this.open.delete(call.id);
    return over;
  }

  /** Whether this call has to be popped now. Says yes once per call and user, however many tabs there are. */
  claim(call) {
    if (![...call.legs.values()].includes("alerting")) return false;
    const key = `${call.id} ${this.#user}`;
    const popped = read();
    if (popped.includes(key)) return false;
    localStorage.setItem(POPPED, JSON.stringify([...popped, key].slice(-REMEMBERED)));
    return true;
  }
}

function settle(call) {
  const states = [...call.legs.values()];
  const is = (...wanted) => states.some((state) => wanted.includes(state));
  const answered = ["talking", "held"].includes(call.state);
  if (is("connected")) call.state = "talking";
  else if (is("offered", "alerting")) call.state = "ringing";
  else if (is("held")) call.state = "held";
  else if (is("remote_in_use") || call.cause === "answered_elsewhere") call.state = "elsewhere";
  else if (!states.length) call.state = answered || call.state === "over" ? "over" : call.state === "elsewhere" ? "elsewhere" : "missed";
  return call;
}

function read() {
  try {
    const popped = JSON.parse(localStorage.getItem(POPPED) ?? "[]");
    return Array.isArray(popped) ? popped : [];
  } catch {
    return [];
  }
}
