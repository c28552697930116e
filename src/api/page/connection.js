// The WebSocket: one subscription, taken again after every break.

const SUBPROTOCOL = "callcast.v1";
const FELL_BEHIND = 4008;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** A connection that lasted so long was a good one: the next wait is short again. */
const GOOD = 10_000;

/**
 * Calls `on.snapshot(devices, begins, ends)`, `on.event(event)`, `on.status(state, text)`; state is live, connecting or offline.
 */
export class Connection {
  #filter;
  #on;
  #socket = null;
  #id = 0;
  #begins = true;
  #wait = FIRST_WAIT;
  #timer = 0;
  #closed = false;
  #again = () => {
    if (!this.#socket) this.#connect();
  };

  constructor(filter, on) {
    this.#filter = filter;
    this.#on = on;
    addEventListener("online", this.#again);
    this.#connect();
  }

  /** Takes the snapshot again. */
  refresh() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#send({ op: "unsubscribe", id: String(this.#id) });
    this.#subscribe();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    removeEventListener("online", this.#again);
    this.#socket?.close(1000);
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#on.status("connecting", "Connecting…");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/v1/ws`, SUBPROTOCOL);
    this.#socket = socket;
    let opened = 0;
    socket.onopen = () => {
      opened = performance.now();
      this.#subscribe();
    };
    socket.onmessage = ({ data }) => {
      if (!this.#closed) this.#heard(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) => {
      if (this.#socket !== socket || this.#closed) return;
      this.#socket = null;
      if (opened && performance.now() - opened > GOOD) this.#wait = FIRST_WAIT;
      this.#retry(code === FELL_BEHIND ? "This browser fell behind" : reason || "Connection lost");
    };
  }

  #retry(why) {
    // Jitter: a gateway that restarts is not to be met by all its clients at once.
    const wait = this.#wait * (0.5 + Math.random());
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    const due = Date.now() + wait;
    const tick = () => {
      const left = due - Date.now();
      if (left <= 0) return this.#connect();
      this.#on.status("offline", `${why} · again in ${Math.ceil(left / 1000)} s`);
      this.#timer = setTimeout(tick, Math.min(left, 1000));
    };
    tick();
  }

  #subscribe() {
    this.#id += 1;
    this.#begins = true;
    this.#send({ op: "subscribe", id: String(this.#id), ...this.#filter });
  }

  #send(request) {
    this.#socket.send(JSON.stringify(request));
  }

  #heard(frame) {
    const stale = frame.id !== undefined && frame.id !== String(this.#id);
    if (frame.op === "event") {
      this.#on.event(frame.event);
    } else if (frame.op === "error") {
      this.#on.status("offline", frame.message);
    } else if ((frame.op === "subscribed" || frame.op === "snapshot") && !stale) {
      this.#on.snapshot(frame.snapshot, this.#begins, !frame.more);
      this.#begins = false;
      if (!frame.more) {
        this.#on.status("live", "Live");
      }
    }
  }
}
