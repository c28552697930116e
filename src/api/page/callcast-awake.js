// Notices that a connection is no longer one, and that it is worth trying again. Part of callcast.js.
//
// A browser hides the server's pings, and a computer that slept, or changed its network, has sockets that look open and are dead. So we ask
// after a silence, and whenever something woke us up; whoever does not answer is gone.

/** How often we look at the clock, and the gap between two looks that means: this computer slept, or its timers did. */
const BEAT = 5_000;
const SLEPT = 20_000;
/** Browsers wake the timers of a hidden page once a minute. After a longer gap the connection is taken for dead without asking. */
const LONG_SLEPT = 150_000;
/** After so much silence we ask, and so long we wait for the answer. */
const SILENCE = 25_000;
const ANSWER = 4_000;
/** A stream cannot be asked. It says something every 15 s. */
const STREAM_SILENCE = 45_000;

export class Awake {
  #on;
  #heardAt = Date.now();
  #askedAt = 0;
  #beatAt = Date.now();
  #beating;
  #unlisten = [];
  /** What is open: "websocket", "sse" or null. */
  transport = null;

  /** `on.ask(doubtful)` sends something that is answered, `on.lost(reason)` gives the connection up, `on.woke()` tries a new one. */
  constructor(on) {
    this.#on = on;
    const page = globalThis.document;
    this.#listen(globalThis, "online", () => this.#wake());
    this.#listen(globalThis, "pageshow", ({ persisted }) => persisted && this.#wake());
    this.#listen(page, "resume", () => this.#wake());
    this.#listen(page, "visibilitychange", () => !page.hidden && this.#wake());
    this.#beating = setInterval(() => this.#beat(), BEAT);
    this.#beating.unref?.();
  }

  /** A connection is open, or none any more. */
  opened(transport) {
    this.transport = transport;
    this.heard();
  }

  /** Something came. */
  heard() {
    this.#heardAt = Date.now();
    this.#askedAt = 0;
  }

  stop() {
    clearInterval(this.#beating);
    for (const unlisten of this.#unlisten.splice(0)) unlisten();
  }

  #listen(target, name, then) {
    target?.addEventListener?.(name, then);
    this.#unlisten.push(() => target?.removeEventListener?.(name, then));
  }

  #wake() {
    if (!this.transport) return this.#on.woke();
    this.#beat();
    if (this.transport === "websocket" && Date.now() - this.#heardAt > 1000) this.#ask();
  }

  #beat() {
    const now = Date.now();
    const gap = now - this.#beatAt;
    this.#beatAt = now;
    if (!this.transport) return;
    const silent = now - this.#heardAt;
    if (gap > LONG_SLEPT) this.#lost("This computer slept");
    else if (this.transport === "sse" ? silent > STREAM_SILENCE : this.#askedAt && now - this.#askedAt >= ANSWER) this.#lost("The gateway does not answer");
    else if (this.transport === "websocket" && (gap > SLEPT || silent > SILENCE)) this.#ask();
  }

  #ask() {
    if (this.#askedAt) return;
    this.#askedAt = Date.now();
    this.#on.ask(this.#askedAt - this.#heardAt > SLEPT);
    setTimeout(() => this.#beat(), ANSWER);
  }

  #lost(reason) {
    this.transport = null;
    this.#on.lost(reason);
  }
}
