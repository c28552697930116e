// The wall: only the tiles that can be seen exist.

import { element, make, write } from "./dom.js";
import { clock, partyText } from "./words.js";

const STATES = [
  ["ringing", "Ringing"],
  ["talking", "On a call"],
  ["held", "Held"],
  ["idle", "Idle"],
  ["out", "Out of service"],
  ["restricted", "Restricted"],
];
const RANK = Object.fromEntries(STATES.map(([state], rank) => [state, rank]));
const LEG_WORDS = { initiated: "Off hook", dialing: "Dialing", ringback: "Calling", busy: "Busy", connected: "Talking to", held: "Holding", remote_in_use: "On another phone of" };
const byNumber = new Intl.Collator("en", { numeric: true });
const ORDERS = {
  name: () => 0,
  number: (a, b) => byNumber.compare(a.lines[0] ?? "", b.lines[0] ?? ""),
  state: (a, b) => RANK[a.state] - RANK[b.state],
};
const [TILE_WIDTH, TILE_HEIGHT, GAP] = [236, 98, 10];
/** Milliseconds between two sortings that nobody asked for. */
const RESORT = 250;

export class Wall {
  #devices;
  #shown = [];
  #tiles = new Map();
  #only = new Set();
  #sorted = [];
  #sortedBy = "";
  #sortedAt = 0;
  #dirty = true;
  #frame = 0;
  #later = 0;
  #loaded = false;
  #chips = new Map();

  constructor(devices) {
    this.#devices = devices;
    for (const [state, label] of STATES) this.#chips.set(state, this.#chip(state, label));
    element("search").addEventListener("input", () => this.#resort());
    element("order").addEventListener("change", () => this.#resort());
    addEventListener("scroll", () => this.update(), { passive: true });
    addEventListener("resize", () => this.update(), { passive: true });
    setInterval(() => this.update(), 1000);
  }

  /** Draws what changed, with the next frame. */
  update() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (!element("wall").hidden) this.#draw();
    });
  }

  /** The snapshot is complete. */
  loaded() {
    this.#loaded = true;
    this.#resort();
  }

  #resort() {
    this.#sortedAt = 0;
    this.#dirty = true;
    this.update();
  }

  #chip(state, label) {
    const [button, dot, count] = [make("button"), make("i", "dot"), make("b", "", "0")];
    button.type = "button";
    button.dataset.state = state;
    button.setAttribute("aria-pressed", "false");
    button.append(dot, label, count);
    button.addEventListener("click", () => {
      const on = !this.#only.delete(state);
      if (on) this.#only.add(state);
      button.setAttribute("aria-pressed", String(on));
      this.#resort();
    });
    element("chips").append(button);
    return count;
  }

  #draw() {
    if (this.#devices.take().size) this.#dirty = true;
    if (this.#dirty) this.#sortInTime();
    const grid = element("grid");
    const width = grid.clientWidth;
    const columns = Math.max(1, Math.floor((width + GAP) / (TILE_WIDTH + GAP)));
    const tileWidth = (width - GAP * (columns - 1)) / columns;
    const step = TILE_HEIGHT + GAP;
    const above = -grid.getBoundingClientRect().top;
    const height = `${Math.ceil(this.#shown.length / columns) * step}px`;
    if (grid.style.height !== height) grid.style.height = height;
    const first = Math.max(0, Math.floor(above / step) - 1) * columns;
    const last = Math.min(this.#shown.length, (Math.floor((above + innerHeight) / step) + 2) * columns);
    const seen = new Set();
    for (let at = first; at < last; at += 1) {
      const device = this.#shown[at];
      seen.add(device.name);
      const tile = this.#tiles.get(device.name) ?? this.#tile(device.name);
      place(tile, at, columns, tileWidth, this.#shown.length);
      fillTile(tile, device);
    }
    for (const [name, tile] of this.#tiles) {
      if (seen.has(name)) continue;
      tile.root.remove();
      this.#tiles.delete(name);
    }
  }

  #sortInTime() {
    const wait = this.#sortedAt + RESORT - performance.now();
    if (this.#sortedAt && wait > 0) this.#later ||= setTimeout(() => { this.#later = 0; this.update(); }, wait);
    else this.#sort();
  }

  #sort() {
    clearTimeout(this.#later);
    this.#later = 0;
    this.#dirty = false;
    this.#sortedAt = performance.now();
    const wanted = element("search").value.trim().toLowerCase();
    const counts = Object.fromEntries(STATES.map(([state]) => [state, 0]));
    const shown = [];
    for (const device of this.#ordered()) {
      counts[device.state] += 1;
      if ((!this.#only.size || this.#only.has(device.state)) && (!wanted || device.text.includes(wanted))) shown.push(device);
    }
    this.#shown = shown;
    for (const [state, count] of this.#chips) count.textContent = counts[state].toLocaleString("en");
    element("ringing").textContent = counts.ringing ? `${counts.ringing} ringing` : "";
    const nothing = element("nothing");
    nothing.hidden = this.#shown.length > 0 || !this.#loaded;
    nothing.textContent = this.#devices.all.size ? "No device matches." : "No device yet.\nDevices appear here as the gateway opens them.";
  }

  /** All devices in the order that is wanted. By name it stays what it was until one comes or goes; else most are in their place already. */
  #ordered() {
    const by = element("order").value;
    const all = this.#devices.all;
    const stale = this.#sorted.length !== all.size || this.#sortedBy !== by || this.#devices.replaced;
    if (stale) this.#sorted = [...all.values()];
    if (!stale && by === "name") return this.#sorted;
    this.#devices.replaced = false;
    this.#sortedBy = by;
    const order = ORDERS[by];
    // Names of phones are hexadecimal: as plain text they are in the order of their addresses.
    return this.#sorted.sort((a, b) => order(a, b) || (a.name < b.name ? -1 : 1));
  }

  #tile(name) {
    const tile = { root: make("article", "tile"), number: make("span", "number"), name: make("span", "name"), user: make("div", "user"), what: make("div", "what"), word: make("span"), since: make("span") };
    tile.root.setAttribute("role", "listitem");
    tile.root.dataset.device = name;
    tile.what.append(tile.word, tile.since);
    tile.root.append(tile.number, tile.name, tile.user, tile.what);
    element("grid").append(tile.root);
    this.#tiles.set(name, tile);
    return tile;
  }
}

/** Where a tile is; what it has already is not touched, for the browser would lay it out again. */
function place(tile, at, columns, width, of) {
  const where = `${at}/${columns}/${width}/${of}`;
  if (tile.where === where) return;
  tile.where = where;
  tile.root.style.transform = `translate(${(at % columns) * (width + GAP)}px, ${Math.floor(at / columns) * (TILE_HEIGHT + GAP)}px)`;
  tile.root.style.width = `${width}px`;
  tile.root.setAttribute("aria-posinset", at + 1);
  tile.root.setAttribute("aria-setsize", of);
}

function fillTile(tile, device) {
  if (tile.root.dataset.state !== device.state) tile.root.dataset.state = device.state;
  write(tile.number, device.lines.join(", ") || "No line");
  write(tile.name, device.name);
  write(tile.user, [device.user, device.model].filter(Boolean).join(" · "));
  const words = describe(device);
  write(tile.word, words);
  const title = device.state === "restricted" ? `${device.restriction.reason ?? ""}\n${device.restriction.cure ?? ""}`.trim() : words;
  if (tile.root.title !== title) tile.root.title = title;
  write(tile.since, device.leg && device.since ? clock(Date.now() - Date.parse(device.since)) : "");
}

function describe(device) {
  if (device.state === "restricted") return device.restriction.cure || device.restriction.reason || "Restricted";
  if (device.state === "out") return "Out of service";
  if (!device.leg) return "Idle";
  const { who, number } = partyText(device.leg.remote);
  const party = number ? `${who} · ${number}` : who;
  if (device.state === "ringing") return `Ringing: ${party}`;
  return device.leg.remote || device.leg.state === "connected" ? `${LEG_WORDS[device.leg.state] ?? device.leg.state} ${party}` : (LEG_WORDS[device.leg.state] ?? device.leg.state);
}
