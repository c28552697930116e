// The screen-pop: cards for the calls of one user, and the page that opens as the phone rings.

import { partyText } from "./devices.js";
import { Calls } from "./pop.js";
import { fill } from "./template.js";
import { make } from "./wall.js";

const WORDS = { ringing: "Ringing", talking: "On a call", held: "Held", elsewhere: "Answered elsewhere", missed: "Missed", over: "Ended" };
const RECENT = 12;
const element = (id) => document.getElementById(id);

export class PopView {
  #calls;
  #user;
  #template;
  #schemes;
  #cards = new Map();

  constructor(user, template, schemes) {
    this.#user = user;
    this.#template = template;
    this.#schemes = schemes;
    this.#calls = new Calls(user);
    element("cards").replaceChildren();
    element("recent-list").replaceChildren();
    element("recent").hidden = true;
    this.#settle();
  }

  snapshot(devices, begins, ends) {
    this.#calls.snapshot(devices, begins);
    if (ends) for (const call of [...this.#calls.open.values()]) this.#show(call);
    this.#settle();
  }

  event(event) {
    const call = this.#calls.event(event);
    if (call) this.#show(call);
    this.#settle();
  }

  #show(call) {
    const known = this.#cards.get(call.id);
    const card = known ?? { root: make("article", "card"), state: make("p", "state"), who: make("p", "who"), how: make("p", "how"), foot: make("div") };
    const { who, number, withheld } = partyText(call.remote);
    card.root.dataset.state = call.state;
    card.root.dataset.call = call.id;
    card.state.textContent = WORDS[call.state] ?? call.state;
    card.who.textContent = who;
    card.how.textContent = [number, `to ${call.dn}`, call.device].filter(Boolean).join(" · ");
    if (!known) {
      card.root.append(card.state, card.who, card.how, card.foot);
      this.#cards.set(call.id, card);
      element("cards").prepend(card.root);
    }
    if (this.#calls.claim(call)) this.#pop(call, card, withheld);
  }

  #pop(call, card, withheld) {
    const note = (text, bad) => card.foot.replaceChildren(make("p", bad ? "note problem" : "note", text));
    if (withheld) return note("The caller withholds the number: nothing is opened.");
    if (!call.remote?.number) return note("The caller's number is not known: nothing is opened.");
    if (!this.#template) return;
    const { number, e164, name } = call.remote;
    const { url, problem } = fill(this.#template, { number, e164: e164 ?? number, name, call_id: call.id, dn: call.dn }, this.#schemes);
    if (problem) return note(problem, true);
    const blocked = !open(url);
    note(blocked ? "The browser blocked the new window. Allow pop-ups for this page to have it opened by itself." : "Opened in a new window.", blocked);
    const link = make("a", "open", blocked ? "Open it now" : "Open again");
    Object.assign(link, { href: url, target: "_blank", rel: "noopener noreferrer" });
    card.foot.append(link);
  }

  /** Withdraws the cards of calls that are over. */
  #settle() {
    for (const call of this.#calls.ended()) {
      this.#cards.get(call.id)?.root.remove();
      if (this.#cards.delete(call.id)) this.#remember(call);
    }
    const quiet = element("quiet-phone");
    quiet.hidden = this.#cards.size > 0;
    quiet.textContent = `Watching ${this.#user}.\nA call appears here as soon as the phone rings.`;
    document.title = [...this.#calls.open.values()].some((call) => call.state === "ringing") ? "☎ Ringing · callcast" : `${this.#user} · callcast`;
  }

  #remember(call) {
    const { who, number } = partyText(call.remote);
    const item = make("li");
    const time = new Date(call.since).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    item.append(make("b", "", number ? `${who} · ${number}` : who), make("span", "", WORDS[call.state]), make("span", "", time));
    const list = element("recent-list");
    list.prepend(item);
    while (list.childElementCount > RECENT) list.lastElementChild.remove();
    element("recent").hidden = false;
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
