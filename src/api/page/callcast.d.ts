// Types of callcast.js. Events and devices are described in full by the JSON Schemas at /schemas/ and in docs/events.md.

/** `renew`: the last one ends soon. `refused`: the last one was not taken. */
export type TokenReason = "connect" | "renew" | "refused";

export interface Options {
  /** The gateway, as `https://callcast.example.com`. Left out: where the page comes from. */
  url?: string | URL;
  /** A token that stays. */
  token?: string | null;
  /** Or where to get one: asked when there is none, shortly before it ends, and once when it was refused. */
  getToken?: (why: { reason: TokenReason; account: Account | null }) => string | null | Promise<string | null>;
  /** Seconds before the end of a token in which `getToken` is asked for the next. 60. */
  renewBefore?: number;
  /** Milliseconds before the first new attempt after a break (500); doubled each time up to `longestWait` (30000); always with jitter. */
  firstWait?: number;
  longestWait?: number;
  /** After so many WebSockets that could not be opened, server-sent events are tried. 3; 0 for never. */
  streamAfter?: number;
}

/**
 * `connecting`: an attempt is under way. `catching_up`: connected, and what was missed is coming. `live`. `offline`: another attempt follows at
 * `retryAt`. `denied`: the token was refused; nothing happens until `setToken` or `retry`. `closed`: by `close`.
 */
export type StateName = "connecting" | "catching_up" | "live" | "offline" | "denied" | "closed";

export interface State {
  state: StateName;
  /** Why, in words for people; may be empty. */
  reason: string;
  /** The close code of the WebSocket, where there was one. */
  code: number;
  /** Since when it is live, or since when it is not: milliseconds as of `Date.now()`. */
  since: number;
  retryAt: number | null;
  transport: "websocket" | "sse";
}

export interface Account {
  account: string;
  /** When the token ends. */
  expires: string | null;
  scope: { everything: boolean; users: string[]; devices: string[]; lines: string[] };
  admin: boolean;
}

/** What concerns any of these; `all` is all that the token may see. */
export interface Filter {
  devices?: readonly string[];
  lines?: readonly string[];
  users?: readonly string[];
  all?: boolean;
}

/** A CloudEvent. */
export interface CallcastEvent {
  specversion: "1.0";
  id: string;
  source: string;
  /** `callcast.leg.alerting`, … */
  type: string;
  subject: string;
  time: string;
  sequence: string;
  partitionkey?: string;
  datacontenttype: string;
  dataschema: string;
  data: Record<string, any>;
}

/** A device in a snapshot. */
export interface Device {
  device: { name: string; model: string; kind: "phone" | "cti_port" | "route_point" };
  user: { id: string } | null;
  lines: { dn: string; partition: string }[];
  registered: boolean;
  in_service: boolean;
  restricted: boolean;
  restriction: { reason: string; result: string; cure: string } | null;
  state: "idle" | "held" | "active" | "alerting";
  calls: number;
  since: string | null;
  sequence: number;
  time: string | null;
  /** The last event of each leg that is up. */
  legs: CallcastEvent[];
}

export interface SnapshotInfo {
  /** A large snapshot comes in pieces: this is the first one, … */
  begins: boolean;
  /** … and this the last. */
  ends: boolean;
  /** False when the gateway no longer had what was missed since the break: `reason` says why. */
  recovered: boolean;
  reason: string;
  cursor: string;
}

export interface EventInfo {
  /** Where a subscription stands after the event; null for one that is not kept. */
  cursor: string | null;
  /** False while the gateway's log cannot be written: the event will not be told again. */
  durable: boolean;
}

export interface Gap {
  /** How many events are missing. */
  count: number;
  /** `trimmed`: the gateway keeps them no longer. `not_written`: its log could not be written. */
  reason: string;
  cursor: string | null;
}

export interface Handlers {
  /** How things stand: forget what was known before. Comes first, and again after a break over which nothing else could help. */
  snapshot?(devices: Device[], info: SnapshotInfo): void;
  /** In order, each once, also over breaks. */
  event?(event: CallcastEvent, info: EventInfo): void;
  /** All that was missed has come. */
  live?(info: { cursor: string | null }): void;
  gap?(gap: Gap): void;
  /** The gateway refuses the subscription: it is not asked for again until `refresh` or `setToken`. */
  error?(error: CallcastError): void;
}

export interface Subscription {
  readonly id: string;
  readonly filter: Required<Filter>;
  /** The last place in the log that it has seen. */
  readonly cursor: string | null;
  /** Takes the snapshot again. */
  refresh(): void;
  close(): void;
}

export declare class CallcastError extends Error {
  constructor(message: string, code?: string, status?: number);
  code: string;
  status: number;
}

/** One connection to a gateway. */
export declare class Callcast extends EventTarget {
  constructor(options?: Options);
  get state(): State;
  get account(): Account | null;
  addEventListener(type: "state", listener: (event: CustomEvent<State>) => void, options?: AddEventListenerOptions | boolean): void;
  addEventListener(type: "account", listener: (event: CustomEvent<Account>) => void, options?: AddEventListenerOptions | boolean): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: AddEventListenerOptions | boolean): void;
  subscribe(filter: Filter, handlers?: Handlers): Subscription;
  /** Reads JSON from the gateway with the token: `get("/v1/calls?user=bsmith")`. Throws a `CallcastError` where it refuses. */
  get(path: string, options?: { signal?: AbortSignal }): Promise<any>;
  /** Goes on with another token, also after `denied`. */
  setToken(token: string | null): void;
  /** Tries at once, instead of when the wait is over. */
  retry(): void;
  close(): void;
}
