// Shortcuts: single keys, for whoever wants them, and the list of them.

import { element, make, store, stored } from "./dom.js";

const KEPT = "callcast.keys";

export class Keys {
  #actions;
  #on = stored(KEPT, true);

  /** `actions`: `{key, words, run, when}`; `when` says whether it is of use now. */
  constructor(actions) {
    this.#actions = [...actions, { key: "?", words: "This list", run: () => this.#help() }];
    const list = element("keys-list");
    for (const { key, words } of this.#actions) list.append(make("dt", "", key), make("dd", "", words));
    const toggle = element("keys-on");
    toggle.checked = this.#on;
    toggle.addEventListener("change", () => {
      this.#on = toggle.checked;
      store(KEPT, this.#on);
    });
    element("help").addEventListener("click", () => this.#help());
    addEventListener("keydown", (event) => this.#pressed(event));
  }

  #help() {
    element("keys").showModal();
  }

  #pressed(event) {
    const types = event.target.closest?.("input, select, textarea, [contenteditable]");
    if (!this.#on || types || event.ctrlKey || event.metaKey || event.altKey || element("keys").open) return;
    const action = this.#actions.find(({ key }) => key === event.key);
    if (!action || (action.when && !action.when())) return;
    event.preventDefault();
    action.run();
  }
}
