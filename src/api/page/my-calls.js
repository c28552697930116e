// One user's own view: the calls that are up as cards, the page that opens as the phone rings, and today's calls.

import { announce, element, icon, make, write } from "./dom.js";
import { once } from "./once.js";
import { Pops } from "./pop.js";
import { fill } from "./template.js";
import { Today } from "./today.js";
import { OVER, clock, partyText } from "./words.js";

const STATES = { ringing: "Ringing", talking: "On a call", held: "On hold", dialing: "Calling", ringback: "Calling", busy: "Busy" };

export class MyCalls {
  #pops;
  #user;
  #template;
  #schemes;
  #notices;
  #today;
  /** By pop id. */
  #cards = new Map();
  #devices = new Map();
  #ticking;

  /** `today` is where the list of today's calls comes from. */
  constructor({ user, template, schemes, notices, get }) {
    this.#user = user;
    this.#template = template;
    this.#schemes = schemes;
    this.#notices = notices;
    this.#pops = new Pops(user);
    this.#today = new Today(user, get);
    element("cards").replaceChildren();
    this.#ticking = setInterval(() => this.#tick(), 1000);
    this.#settle();
  }

  close() {
    clearInterval(this.#ticking);
    for (const id of this.#cards.keys()) this.#notices.withdraw(id);
    this.#today.close();
  }

  snapshot(devices, { begins, ends }) {
    if (begins) this.#devices.clear();
    for (const { device, lines } of devices) this.#devices.set(device.name, { ...device, lines });
    this.#take(this.#pops.snapshot(devices, begins, ends));
    if (!ends) return;
    this.#phones();
    this.#today.load();
  }

  event(event) {
    this.#take(this.#pops.event(event));
    this.#today.event(event);
  }

  gap() {
    this.#today.load();
  }

  /** Opens the page of the call that rings, or of the first that there is. */
  openFirst() {
    const cards = [...this.#cards.values()];
    const card = cards.find(({ root }) => root.dataset.state === "ringing") ?? cards[0];
    card?.foot.querySelector("a")?.click();
  }

  #phones() {
    const phones = [...this.#devices.values()].map(({ name, model, lines }) => `${lines.map(({ dn }) => dn).join(", ") || "No line"} · ${model || name}`);
    write(element("phones"), phones.slice(0, 4).join("   "));
  }

  #take(pops) {
    for (const pop of pops) {
      if (pop.over) this.#withdraw(pop);
      else this.#show(pop);
    }
    if (pops.length) this.#settle();
  }

  #show(pop) {
    const known = this.#cards.get(pop.id);
    const card = known ?? this.#card(pop);
    const { who, number } = partyText(pop.remote);
    const rang = card.root.dataset.state === "ringing";
    card.pop = pop;
    card.root.dataset.state = pop.state;
    write(card.state, STATES[pop.state]);
    write(card.who, who);
    write(card.number, number);
    write(card.line, [pop.direction === "outbound" ? `from ${pop.dn}` : `to ${pop.dn}`, pop.device].join(" · "));
    write(card.way, pop.how);
    card.root.setAttribute("aria-label", `${STATES[pop.state]}: ${who}`);
    this.#tick();
    if (rang && pop.state !== "ringing") this.#notices.withdraw(pop.id);
    if (!known && pop.state === "ringing") announce(`${who} is calling. ${pop.how}`, true);
    if (pop.direction === "outbound") return;
    // Whoever is at the other end now is whose page can be opened; by itself it is opened once.
    const party = `${pop.callId} ${JSON.stringify(pop.remote)}`;
    const changed = card.party !== undefined && card.party !== party;
    card.party = party;
    if (pop.offered && !card.claimed) this.#ring(pop, card);
    else if (changed) this.#offer(pop, card, "Who is at the other end changed.", "Open this caller's page");
  }

  /** The phone rings: one tab of this browser opens the page and tells of it. */
  async #ring(pop, card) {
    card.claimed = true;
    const first = await once(pop.id);
    const now = card.pop;
    if (this.#cards.get(now.id) !== card) return;
    if (!first) return this.#offer(now, card, "Opened by another tab, or before.", "Open again");
    const { who, number } = partyText(now.remote);
    if (now.state === "ringing") this.#notices.show(now.id, `${who} is calling`, [number, now.how, `to ${now.dn}`].filter(Boolean).join("\n"), () => this.#offer(now, card, "Opened from the notification.", "Open again", true));
    this.#offer(now, card, "Opened in a new window.", "Open again", true);
  }

  #card(pop) {
    const card = { root: make("article", "card"), state: make("span"), clock: make("span", "clock"), who: make("h2", "who"), number: make("p", "number"), way: make("p", "way"), line: make("p", "line"), foot: make("div", "foot") };
    const head = make("p", "state");
    head.append(icon(pop.direction), card.state, card.clock);
    card.clock.setAttribute("aria-hidden", "true");
    card.root.dataset.pop = pop.id;
    card.root.append(head, card.who, card.number, card.way, card.line, card.foot);
    this.#cards.set(pop.id, card);
    element("cards").prepend(card.root);
    // It is not over after all: it moved to another phone.
    this.#today.back(pop);
    return card;
  }

  /** Opens the page of the party at the other end, or offers to. */
  #offer(pop, card, told, label, opens = false) {
    const note = (text, bad) => card.foot.replaceChildren(make("p", bad ? "note problem" : "note", text));
    if (partyText(pop.remote).withheld) return note("The caller withholds the number: nothing is opened.");
    if (!pop.remote?.number) return note("The caller's number is not known: nothing is opened.");
    if (!this.#template) return;
    const { number, e164, name } = pop.remote;
    const { url, problem } = fill(this.#template, { number, e164: e164 ?? number, name, call_id: pop.callId, dn: pop.dn }, this.#schemes);
    if (problem) return note(problem, true);
    const blocked = opens && !open(url);
    if (blocked) note("The browser blocked the new window. Allow pop-ups for this page to have it opened by itself.", true);
    else note(told);
    const link = make("a", "open", blocked ? "Open it now" : label);
    Object.assign(link, { href: url, target: "_blank", rel: "noopener noreferrer" });
    link.append(icon("open"));
    card.foot.append(link);
  }

  #withdraw(pop) {
    const card = this.#cards.get(pop.id);
    const focused = card?.root.contains(document.activeElement);
    card?.root.remove();
    this.#cards.delete(pop.id);
    this.#notices.withdraw(pop.id);
    if (focused) element("main").focus();
    if (card) announce(`${partyText(pop.remote).who}: ${OVER[pop.over] ?? pop.over}`);
    this.#today.gone(pop);
  }

  #tick() {
    for (const { pop, clock: shown } of this.#cards.values()) write(shown, clock(Date.now() - Date.parse(pop.answered ?? pop.since)));
  }

  #settle() {
    element("quiet-phone").hidden = this.#cards.size > 0;
    write(element("quiet-user"), this.#user);
    const ringing = [...this.#pops.open.values()].find((pop) => pop.state === "ringing");
    document.title = ringing ? `☎ ${partyText(ringing.remote).who} · callcast` : `${this.#user} · callcast`;
  }
}

// The new page gets no hold of this one, and this one learns whether the browser let it open.
function open(url) {
  if (!/^https?:/i.test(url)) {
    const link = make("a");
    link.href = url;
    link.click();
    return true;
  }
  const opened = window.open("", "_blank");
  if (!opened) return false;
  opened.opener = null;
  opened.location.replace(url);
  return true;
}
