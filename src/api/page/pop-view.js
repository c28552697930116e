// The screen-pop: cards for the calls of one user, and the page that opens as the phone rings.

import { partyText } from "./devices.js";
import { Pops } from "./pop.js";
import { fill } from "./template.js";
import { make } from "./wall.js";

const STATES = { ringing: "Ringing", talking: "On a call", held: "Held" };
/** Why a card went: the reasons of `pop.withdrawn`, and the end of a call that was answered. */
const OVER = {
  answered_elsewhere: "Answered elsewhere",
  picked_up: "Picked up by a colleague",
  diverted: "Sent on",
  transferred: "Handed over",
  abandoned: "Missed",
  declined: "Declined",
  unobserved: "Over; how was not seen",
  ended: "Ended",
};
const RECENT = 12;
const element = (id) => document.getElementById(id);

export class PopView {
  #pops;
  #user;
  #template;
  #schemes;
  /** By pop id. */
  #cards = new Map();

  constructor(user, template, schemes) {
    this.#user = user;
    this.#template = template;
    this.#schemes = schemes;
    this.#pops = new Pops(user);
    element("cards").replaceChildren();
    element("recent-list").replaceChildren();
    element("recent").hidden = true;
    this.#settle();
  }

  snapshot(devices, begins, ends) {
    this.#take(this.#pops.snapshot(devices, begins, ends));
  }

  event(event) {
    this.#take(this.#pops.event(event));
  }

  #take(pops) {
    for (const pop of pops) {
      if (pop.over) this.#withdraw(pop);
      else this.#show(pop);
    }
    this.#settle();
  }

  #show(pop) {
    const card = this.#cards.get(pop.id) ?? this.#card(pop);
    const { who, number } = partyText(pop.remote);
    card.root.dataset.state = pop.state;
    card.state.textContent = STATES[pop.state];
    card.who.textContent = who;
    card.how.textContent = [number, `to ${pop.dn}`, pop.device].filter(Boolean).join(" · ");
    // Whoever is at the other end now is whose page can be opened; by itself it is opened once.
    const party = `${pop.callId} ${JSON.stringify(pop.remote)}`;
    const opens = this.#pops.claim(pop);
    if (opens || (card.party !== undefined && card.party !== party)) this.#offer(pop, card, opens);
    card.party = party;
  }

  #card(pop) {
    const card = { root: make("article", "card"), state: make("p", "state"), who: make("p", "who"), how: make("p", "how"), foot: make("div") };
    card.root.dataset.pop = pop.id;
    card.root.append(card.state, card.who, card.how, card.foot);
    this.#cards.set(pop.id, card);
    element("cards").prepend(card.root);
    // It is not over after all: it moved to another phone.
    for (const item of [...element("recent-list").children]) if (item.dataset.pop === pop.id) item.remove();
    return card;
  }

  /** Opens the page of the party at the other end, or offers to. */
  #offer(pop, card, opens) {
    const note = (text, bad) => card.foot.replaceChildren(make("p", bad ? "note problem" : "note", text));
    if (partyText(pop.remote).withheld) return note("The caller withholds the number: nothing is opened.");
    if (!pop.remote?.number) return note("The caller's number is not known: nothing is opened.");
    if (!this.#template) return;
    const { number, e164, name } = pop.remote;
    const { url, problem } = fill(this.#template, { number, e164: e164 ?? number, name, call_id: pop.callId, dn: pop.dn }, this.#schemes);
    if (problem) return note(problem, true);
    const blocked = opens && !open(url);
    if (blocked) note("The browser blocked the new window. Allow pop-ups for this page to have it opened by itself.", true);
    else note(opens ? "Opened in a new window." : "Who is at the other end changed.");
    const link = make("a", "open", !opens ? "Open this caller's page" : blocked ? "Open it now" : "Open again");
    Object.assign(link, { href: url, target: "_blank", rel: "noopener noreferrer" });
    card.foot.append(link);
  }

  #withdraw(pop) {
    this.#cards.get(pop.id)?.root.remove();
    this.#cards.delete(pop.id);
    const { who, number } = partyText(pop.remote);
    const item = make("li");
    item.dataset.pop = pop.id;
    const time = new Date(pop.since).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    item.append(make("b", "", number ? `${who} · ${number}` : who), make("span", "", OVER[pop.over] ?? pop.over), make("span", "", time));
    const list = element("recent-list");
    list.prepend(item);
    while (list.childElementCount > RECENT) list.lastElementChild.remove();
  }

  #settle() {
    const quiet = element("quiet-phone");
    quiet.hidden = this.#cards.size > 0;
    quiet.textContent = `Watching ${this.#user}.\nA call appears here as soon as the phone rings.`;
    element("recent").hidden = !element("recent-list").childElementCount;
    document.title = [...this.#pops.open.values()].some((pop) => pop.state === "ringing") ? "☎ Ringing · callcast" : `${this.#user} · callcast`;
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
