// How the connection stands: always visible, in words and by a sign, and read aloud when it changes.

import { element, write } from "./dom.js";
import { timeOfDay } from "./words.js";

/** A break that is over sooner is not worth a word to those who listen. */
const BRIEF = 1500;

export class Status {
  #state = null;
  #saying = 0;

  constructor(retry) {
    element("retry").addEventListener("click", retry);
    setInterval(() => this.#draw(), 1000);
  }

  /** Takes a state of the client library; null for none. */
  show(state) {
    this.#state = state;
    this.#draw();
    clearTimeout(this.#saying);
    this.#saying = setTimeout(() => write(element("status-said"), this.#words().said), state?.state === "live" ? 0 : BRIEF);
  }

  #words() {
    if (!this.#state) return { said: "Not connected", more: "" };
    const { state, reason, since, retryAt, transport } = this.#state;
    if (this.#isAway() && state === "connecting") return { said: `Offline since ${timeOfDay(since)}`, more: "trying…" };
    switch (state) {
      case "live":
        return { said: "Live", more: transport === "sse" ? "by server-sent events" : "" };
      case "catching_up":
        return { said: reason || "Catching up", more: "" };
      case "connecting":
        return { said: "Connecting…", more: "" };
      case "offline": {
        const left = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
        return { said: `Offline since ${timeOfDay(since)}`, more: `${reason} · again in ${left} s` };
      }
      default:
        return { said: "Signed out", more: "" };
    }
  }

  /** Attempts that follow each other are one absence. */
  #isAway() {
    return ["offline", "connecting"].includes(this.#state?.state) && Date.now() - this.#state.since > BRIEF;
  }

  #draw() {
    const { said, more } = this.#words();
    const state = this.#isAway() ? "offline" : (this.#state?.state ?? "none");
    element("status").dataset.state = state;
    write(element("status-text"), said);
    write(element("status-more"), more);
    element("status").title = more;
    element("retry").hidden = state !== "offline";
  }
}
