// Who is at this page: a token, which stays in this tab unless its owner wants it kept, and never stands in an address.

import { element, store, stored } from "./dom.js";

const TOKEN = "callcast.token";

/** The token of this tab, or of this computer. */
export function token() {
  return stored(TOKEN, null, sessionStorage) ?? stored(TOKEN, null);
}

function keep(value, kept) {
  store(TOKEN, kept ? null : value, sessionStorage);
  store(TOKEN, kept ? value : null);
}

/** Forgets the token, in the other tabs too. */
export function forget() {
  keep(null, false);
}

/** Tells when another tab signed out. */
export function onSignedOutElsewhere(then) {
  addEventListener("storage", ({ key, newValue }) => key === TOKEN && newValue === null && !token() && then());
}

/** The form: `entered(token)` gets what somebody signs in with. */
export class SignIn {
  #entered;

  constructor(entered) {
    this.#entered = entered;
    element("sign-in-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** Shows the form, with why it is there. */
  show(problem = "") {
    const busy = !element("sign-in").hidden && element("token").value;
    element("sign-in").hidden = false;
    this.#tell(problem);
    document.title = "Sign in · callcast";
    if (!busy) element("keep").checked = stored(TOKEN, null) !== null;
    element("token").focus();
    element("token").select();
  }

  hide() {
    element("sign-in").hidden = true;
    element("token").value = "";
  }

  #submit() {
    const value = element("token").value.trim().replace(/^Bearer\s+/i, "");
    if (!value) return this.#tell("Enter the token that you were given.");
    if (/[^\x21-\x7e]/.test(value)) return this.#tell("This is no token: it has blanks or characters that tokens do not have. Was it copied whole?");
    this.#tell("");
    keep(value, element("keep").checked);
    this.#entered(value);
  }

  #tell(problem) {
    element("sign-in-problem").hidden = !problem;
    element("sign-in-problem").textContent = problem;
    element("token").setAttribute("aria-invalid", String(Boolean(problem)));
  }
}
