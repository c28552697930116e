// The client library of callcast: an ES module without dependencies, which the page itself uses and others may import from any gateway.
//
// One `Callcast` is one connection. It signs in, subscribes, and after every break takes up where it was: what was missed comes as ordinary
// events, in order and once; where the gateway's log no longer reaches back that far, a snapshot comes and says so (`recovered: false`).
// Nothing is queued here: a frame goes to its handlers as it comes. The protocol is in docs/websocket.md, the types in callcast.d.ts.

import { Awake } from "./callcast-awake.js";
import { oldest, query, union } from "./callcast-filter.js";
import { Subscription } from "./callcast-subscription.js";

const SUBPROTOCOL = "callcast.v1";
/** Milliseconds before the first new attempt; they double up to the longest, and jitter keeps clients from coming all at once. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** A connection that lasted so long was a good one: the next wait is short again. */
const GOOD = 10_000;
/** How long a connection may take until it is open and signed in. */
const OPENING = 15_000;
/** Seconds before a token ends in which a new one is asked for. */
const RENEW_BEFORE = 60;
const CHECKING = "Checking the connection";
const LONGEST_TIMER = 2 ** 31 - 1;

const [DENIED, FELL_BEHIND, TOO_MANY] = [4001, 4008, 4029];
const REASONS = {
  1001: "The gateway is restarting",
  1009: "The gateway found a message too long",
  [FELL_BEHIND]: "This client fell behind",
  [TOO_MANY]: "Too many messages were sent",
};

/** What the gateway refused: `code` is its word for programs, `status` that of HTTP where there is one. */
export class CallcastError extends Error {
  constructor(message, code = "error", status = 0) {
    super(message);
    this.name = "CallcastError";
    this.code = code;
    this.status = status;
  }
}

export class Callcast extends EventTarget {
  #base;
  #options;
  #token;
  /** The `getToken` that is under way, so that two who need one wait for the same. */
  #asking = null;
  #account = null;
  #state = { state: "connecting", reason: "", code: 0, since: Date.now(), retryAt: null, transport: "websocket" };
  #subscriptions = new Map();
  /** What the gateway knows as one subscription, by its id there: after a break all of ours are taken up as one. */
  #groups = new Map();
  #ids = 0;
  #socket = null;
  #stream = null;
  #ready = false;
  /** Counts attempts: what an older one still says is not heard. */
  #attempt = 0;
  #wait;
  #openedAt = 0;
  #neverOpened = 0;
  #freshToken = false;
  #timers = { open: 0, retry: 0, renew: 0 };
  #awake;

  constructor(options = {}) {
    super();
    this.#options = { streamAfter: 3, renewBefore: RENEW_BEFORE, firstWait: FIRST_WAIT, longestWait: LONGEST_WAIT, ...options };
    const base = new URL(this.#options.url ?? globalThis.location?.origin);
    base.protocol = base.protocol.replace(/^ws/, "http");
    if (!base.pathname.endsWith("/")) base.pathname += "/";
    this.#base = base;
    this.#token = this.#options.token ?? null;
    this.#wait = this.#options.firstWait;
    this.#awake = new Awake({
      ask: (doubtful) => this.#ask(doubtful),
      lost: (reason) => this.#lost(reason),
      woke: () => this.#state.state === "offline" && this.retry(),
    });
    // Whoever made it has a turn to subscribe and to listen first.
    queueMicrotask(() => this.#connect());
  }

  /** `{state, reason, code, since, retryAt, transport}`: how the connection stands. */
  get state() {
    return this.#state;
  }

  /** `{account, expires, scope, admin}` as the gateway told it; null until then, and where it asks for no token. */
  get account() {
    return this.#account;
  }

  /** Asks for what concerns any of the `devices`, `lines` or `users`, or for `all`. */
  subscribe(filter, handlers = {}) {
    const owner = { refresh: (which) => this.#resubscribe(which), close: (which) => this.#unsubscribe(which) };
    const subscription = new Subscription(owner, String((this.#ids += 1)), filter, handlers);
    this.#subscriptions.set(subscription.id, subscription);
    if (this.#stream) this.#restart();
    else this.#subscribeNext();
    return subscription;
  }

  /** Reads JSON from the gateway with the token: `get("/v1/calls?user=bsmith")`. */
  async get(path, { signal } = {}) {
    for (let again = false; ; again = true) {
      const token = await this.#takeToken(again ? "refused" : "connect");
      const headers = token ? { Authorization: `Bearer ${token}` } : {};
      const response = await fetch(new URL(path.replace(/^\//, ""), this.#base), { headers, signal, cache: "no-store" });
      if (response.ok) return response.json();
      if (response.status === 401 && this.#options.getToken && !again) {
        if (this.#token === token) this.#token = null;
        continue;
      }
      throw await refusal(response);
    }
  }

  /** Goes on with another token, also after having been denied. */
  setToken(token) {
    this.#token = token;
    this.#freshToken = true;
    for (const subscription of this.#subscriptions.values()) subscription.failed = false;
    if (this.#stream) this.#restart();
    else if (this.#ready) this.#send({ op: "authenticate", token });
    else this.retry();
  }

  /** Tries at once, instead of when the wait is over. */
  retry() {
    if (this.#state.state === "closed" || this.#ready) return;
    this.#wait = this.#options.firstWait;
    this.#connect();
  }

  close() {
    this.#drop();
    this.#subscriptions.clear();
    this.#awake.stop();
    this.#tell("closed", "");
  }

  // Connecting.

  async #connect(why = "connect") {
    if (this.#state.state === "closed") return;
    this.#drop();
    const attempt = this.#attempt;
    this.#tell("connecting", "");
    try {
      const token = await this.#takeToken(why);
      if (attempt !== this.#attempt) return;
      this.#timers.open = setTimeout(() => this.#unanswered(), OPENING);
      const streams = this.#options.streamAfter > 0 && this.#neverOpened >= this.#options.streamAfter;
      if (streams) await this.#openStream(token, attempt);
      else this.#openSocket(token, attempt);
    } catch (error) {
      if (attempt !== this.#attempt) return;
      if (error.status === 401 || error.status === 403) this.#denied(error.message);
      else this.#retryLater(error.message);
    }
  }

  #unanswered() {
    if (this.#ready) return;
    this.#neverOpened += 1;
    this.#retryLater("The gateway does not answer");
  }

  #openSocket(token, attempt) {
    const url = new URL("v1/ws", this.#base);
    url.protocol = url.protocol.replace(/^http/, "ws");
    const socket = new WebSocket(url, SUBPROTOCOL);
    this.#socket = socket;
    let opened = false;
    const mine = (then) => (event) => {
      if (attempt === this.#attempt) then(event);
    };
    socket.onopen = mine(() => {
      opened = true;
      this.#awake.opened("websocket");
      if (token) this.#send({ op: "authenticate", token });
      else this.#signedIn();
    });
    socket.onmessage = mine(({ data }) => {
      this.#neverOpened = 0;
      this.#heard();
      this.#take(JSON.parse(data));
    });
    socket.onclose = mine(({ code, reason }) => {
      if (!opened) this.#neverOpened += 1;
      if (code === DENIED) this.#denied(reason || "The token was refused");
      else this.#retryLater(REASONS[code] ?? (reason || (opened ? "The connection was lost" : "The gateway cannot be reached")), code);
    });
  }

  /** Server-sent events, for networks that let no WebSocket through: one stream for all subscriptions. */
  async #openStream(token, attempt) {
    const { stream } = await import("./callcast-sse.js");
    if (attempt !== this.#attempt) return;
    const stop = new AbortController();
    this.#stream = stop;
    this.#awake.opened("sse");
    const read = (subscriptions, after, take) => {
      const url = new URL(`v1/events?${query(union(subscriptions), after)}`, this.#base);
      return stream({ url, token, signal: stop.signal, heard: () => this.#heard(), take, refusal });
    };
    try {
      const fresh = this.#all().filter((subscription) => !subscription.ready);
      const ready = this.#all().filter((subscription) => subscription.ready);
      // Those that are new need their snapshot, those that are not must not lose their place: the new ones catch up first.
      if (ready.length && fresh.length) await this.#snapshotByStream(fresh, read);
      const all = this.#all();
      if (attempt !== this.#attempt || !all.length) return;
      const after = oldest(all);
      const group = this.#group(all, after);
      this.#ready = true;
      this.#openedAt = Date.now();
      this.#tell("catching_up", "");
      await read(all, after, (frame) => attempt === this.#attempt && this.#take({ ...frame, id: group.id }));
    } catch (error) {
      if (attempt !== this.#attempt) return;
      // Neither way is open: WebSockets get their chance again.
      if (!this.#ready) this.#neverOpened = 0;
      throw error;
    }
    if (attempt === this.#attempt) this.#retryLater("The connection was lost");
  }

  async #snapshotByStream(fresh, read) {
    const group = this.#group(fresh, null);
    await read(fresh, null, (frame) => {
      this.#take({ ...frame, id: group.id });
      return group.live;
    });
    this.#groups.delete(group.id);
  }

  /** Forgets the connection; whatever it still says belongs to the past. */
  #drop() {
    this.#attempt += 1;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#socket?.close(1000);
    this.#stream?.abort();
    this.#socket = this.#stream = null;
    this.#ready = false;
    this.#awake.opened(null);
    this.#groups.clear();
  }

  #restart() {
    this.#drop();
    this.#connect();
  }

  #retryLater(reason, code = 0) {
    const lasted = this.#openedAt ? Date.now() - this.#openedAt : 0;
    this.#openedAt = 0;
    if (lasted > GOOD) this.#wait = this.#options.firstWait;
    this.#drop();
    // Jitter: a gateway that restarts is not to be met by all its clients at once.
    const wait = this.#wait * (0.5 + Math.random());
    this.#wait = Math.min(this.#wait * 2, this.#options.longestWait);
    this.#timers.retry = setTimeout(() => this.#connect(), wait);
    this.#tell("offline", reason, { code, retryAt: Date.now() + wait });
  }

  // Tokens.

  async #takeToken(reason) {
    if (this.#token && reason !== "renew") return this.#token;
    if (!this.#options.getToken) return this.#token;
    this.#asking ??= Promise.resolve(this.#options.getToken({ reason, account: this.#account })).finally(() => (this.#asking = null));
    this.#token = (await this.#asking) || null;
    this.#freshToken = true;
    return this.#token;
  }

  #denied(reason) {
    const another = this.#options.getToken && !this.#freshToken;
    this.#drop();
    this.#freshToken = false;
    if (this.#options.getToken) this.#token = null;
    this.#account = null;
    if (another) this.#connect("refused");
    else this.#tell("denied", reason, { code: DENIED });
  }

  #authenticated({ account, expires = null, scope, admin = false }) {
    this.#account = { account, expires, scope, admin };
    this.#freshToken = false;
    this.dispatchEvent(new CustomEvent("account", { detail: this.#account }));
    if (expires && this.#options.getToken) {
      const left = Date.parse(expires) - Date.now() - this.#options.renewBefore * 1000;
      this.#timers.renew = setTimeout(() => this.#renew(), Math.min(Math.max(left, 1000), LONGEST_TIMER));
    }
    if (this.#ready) this.#subscribeNext();
    else this.#signedIn();
  }

  async #renew() {
    const attempt = this.#attempt;
    try {
      const token = await this.#takeToken("renew");
      if (attempt === this.#attempt && this.#socket && token) this.#send({ op: "authenticate", token });
    } catch {
      // The gateway closes when the token ends; then one is asked for again.
    }
  }

  #signedIn() {
    this.#ready = true;
    this.#openedAt = Date.now();
    if (this.#subscriptions.size) this.#tell("catching_up", "");
    this.#subscribeNext();
  }

  // Subscriptions.

  /** Who was ready goes on where it was, all as one; who is new takes its snapshot after that, one by one. */
  #subscribeNext() {
    if (!this.#ready || !this.#socket) return;
    if ([...this.#groups.values()].some((group) => !group.live)) return;
    const waiting = this.#all().filter((subscription) => !this.#groupOf(subscription));
    const ready = waiting.filter((subscription) => subscription.ready);
    const next = ready.length ? ready : waiting.slice(0, 1);
    if (!next.length) return this.#tell("live", "");
    const after = oldest(next);
    const group = this.#group(next, after);
    this.#send({ op: "subscribe", id: group.id, ...union(next), ...(after && { after }) });
  }

  #all() {
    return [...this.#subscriptions.values()].filter((subscription) => !subscription.failed);
  }

  #group(members, after) {
    const group = { id: String((this.#ids += 1)), members, after, live: false, begins: true };
    this.#groups.set(group.id, group);
    return group;
  }

  #groupOf(subscription) {
    return [...this.#groups.values()].find((group) => group.members.includes(subscription));
  }

  /** Takes the snapshot again. */
  #resubscribe(subscription) {
    if (this.#subscriptions.get(subscription.id) !== subscription) return;
    if (this.#stream) return this.#restart();
    this.#leave(subscription);
    this.#subscribeNext();
  }

  #unsubscribe(subscription) {
    if (!this.#subscriptions.delete(subscription.id)) return;
    this.#leave(subscription);
    if (!this.#subscriptions.size) this.#stream?.abort();
  }

  #leave(subscription) {
    const group = this.#groupOf(subscription);
    if (!group) return;
    group.members = group.members.filter((member) => member !== subscription);
    if (group.members.length) return;
    this.#groups.delete(group.id);
    if (this.#ready && this.#socket) this.#send({ op: "unsubscribe", id: group.id });
  }

  // What the gateway says.

  #take(frame) {
    switch (frame.op) {
      case "event":
        return this.#event(frame);
      case "subscribed":
      case "snapshot":
        return this.#snapshot(frame);
      case "live":
        return this.#live(this.#groups.get(frame.id), frame.cursor);
      case "gap":
        return this.#gap(frame);
      case "authenticated":
        return this.#authenticated(frame);
      case "error":
        return this.#refused(frame);
    }
  }

  #event({ event, cursor = null, durable = true }) {
    const several = this.#subscriptions.size > 1;
    const subscribed = [...this.#groups.values()].flatMap(({ members }) => members);
    for (const subscription of subscribed) subscription.event(event, cursor, durable, several);
  }

  #snapshot({ id, cursor, snapshot = [], more = false, recovered = null, reason = "" }) {
    const group = this.#groups.get(id);
    if (!group) return;
    if (cursor) group.cursor = cursor;
    // The missed events follow, and then `live`.
    if (recovered === true) return;
    if (group.begins) group.lost = group.after ? reason || "unknown" : "";
    const about = { begins: group.begins, ends: !more, lost: group.lost, cursor: group.cursor, several: group.members.length > 1 };
    group.begins = false;
    for (const subscription of group.members) subscription.snapshot(snapshot, about);
    if (!more) this.#live(group, group.cursor);
  }

  #live(group, cursor) {
    if (!group || group.live) return;
    group.live = true;
    for (const subscription of group.members) subscription.live(cursor);
    if (this.#socket) this.#subscribeNext();
    else this.#tell("live", "");
  }

  #gap({ id, count, cursor = null, reason = "trimmed" }) {
    const members = this.#groups.get(id)?.members ?? this.#all();
    for (const subscription of members) subscription.gap({ count, reason, cursor });
  }

  #refused({ id, code, message }) {
    if (code === "denied" || code === "unauthenticated") return this.#denied(message);
    if (code === "other_account") return this.#restart();
    // A gateway that knows no tokens needs none.
    if (code === "unknown_op" && !this.#ready) return this.#signedIn();
    // A stream says so before it ends; the next one goes on where it was.
    if (this.#stream) return this.#retryLater(message);
    const group = this.#groups.get(id);
    if (!group) return;
    this.#groups.delete(id);
    if (group.after || group.members.length > 1) {
      // One of them may not, or no longer: each asks for itself, from a snapshot.
      for (const subscription of group.members) subscription.ready = false;
    } else {
      for (const subscription of group.members) subscription.fail(new CallcastError(message, code));
    }
    this.#subscribeNext();
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  // Being awake.

  #heard() {
    this.#awake.heard();
    if (this.#state.reason === CHECKING) this.#tell("live", "");
  }

  #ask(doubtful) {
    if (doubtful && this.#state.state === "live") this.#tell("catching_up", CHECKING);
    this.#send({ op: "ping" });
  }

  /** Nobody is there any more: there is no use in waiting for a close. */
  #lost(reason) {
    this.#wait = this.#options.firstWait;
    this.#drop();
    this.#tell("offline", reason, { retryAt: Date.now() });
    this.#connect();
  }

  #tell(state, reason, { code = 0, retryAt = null } = {}) {
    const before = this.#state;
    if (before.state === "closed" || (before.state === state && before.reason === reason && before.retryAt === retryAt)) return;
    // Since when nothing comes: attempts in between do not make that younger.
    const since = state !== "live" && before.state !== "live" ? before.since : Date.now();
    this.#state = { state, reason, code, since, retryAt, transport: this.#stream ? "sse" : "websocket" };
    this.dispatchEvent(new CustomEvent("state", { detail: this.#state }));
  }
}

async function refusal(response) {
  const { error } = await response.json().catch(() => ({}));
  return new CallcastError(error?.message ?? `The gateway answered ${response.status}`, error?.code ?? "error", response.status);
}
