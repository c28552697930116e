// Who is here, and which view: #calls, #wall, #user=…&url=… (the URL is the rest of the address). A token never stands in an address.

import { Callcast } from "./callcast.js";
import { Devices } from "./devices.js";
import { element, store, stored, write } from "./dom.js";
import { watch } from "./health.js";
import { Keys } from "./keys.js";
import { MyCalls } from "./my-calls.js";
import { Notices } from "./notify.js";
import { SignIn, forget, onSignedOutElsewhere, token } from "./session.js";
import { Status } from "./status.js";
import { check } from "./template.js";
import { Wall } from "./wall.js";

const SETTINGS = "callcast.pop";
const ANYONE = { account: "anyone", expires: null, scope: { everything: true, users: [], devices: [], lines: [] }, admin: false };
const VIEWS = ["calls", "wall"];

const devices = new Devices();
const wall = new Wall(devices);
const notices = new Notices();
const status = new Status(() => client?.retry());
const signIn = new SignIn((entered) => begin(entered));
let page = { url_template: "", url_schemes: [], access: { required: false } };
let client = null;
/** What the token may see; null until the gateway said so. */
let me = null;
/** The user whose calls are watched: `{user, url, view, subscription}`. */
let mine = null;
let everything = null;

// Coming and going.

/** Signs in, or just connects where no token is asked for. */
async function begin(entered) {
  if (me && client?.state.state === "denied") {
    // The same account takes up where it was.
    client.setToken(entered);
  } else {
    end();
    client = new Callcast({ token: entered });
    client.addEventListener("state", ({ detail }) => changed(detail));
  }
  const known = client;
  const found = await whoAmI(known);
  if (!found || known !== client) return;
  if (me && me.account !== found.account) {
    end();
    return begin(entered);
  }
  me = found;
  signIn.hide();
  element("me").hidden = !entered;
  write(element("account"), entered ? me.account : "");
  route();
}

function end() {
  client?.close();
  client = me = mine = everything = null;
  element("me").hidden = true;
  element("cards").replaceChildren();
  for (const name of VIEWS) element(name).hidden = element(`nav-${name}`).hidden = true;
}

async function whoAmI(from) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 10_000)) {
    try {
      return await from.get("/v1/me");
    } catch ({ status: code = 0, message }) {
      if (code === 404) return ANYONE;
      if (code === 401 || code === 403) return void refused(message);
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (from !== client) return null;
  }
}

function changed(state) {
  status.show(state);
  if (state.state === "denied") refused(state.reason);
}

function refused(reason) {
  if (!element("sign-in").hidden && !element("sign-in-problem").hidden) return;
  forget();
  for (const name of VIEWS) element(name).hidden = true;
  signIn.show(me ? `You were signed out: ${reason}` : token() === null && !client ? "" : `The token was refused: ${reason}`);
}

function signOut() {
  forget();
  end();
  status.show(null);
  signIn.show();
}

// Views.

const seesCalls = () => me && (me.scope.everything || me.scope.users.length > 0);
const seesWall = () => me && (me.scope.everything || me.scope.devices.length > 0 || me.scope.lines.length > 0 || me.scope.users.length !== 1);

function show(view) {
  element("nav-calls").hidden = !seesCalls();
  element("nav-wall").hidden = !seesWall();
  for (const name of VIEWS) {
    element(name).hidden = name !== view;
    if (name === view) element(`nav-${name}`).setAttribute("aria-current", "page");
    else element(`nav-${name}`).removeAttribute("aria-current");
  }
  if (view === "wall") return;
  everything?.close();
  everything = null;
}

function watchAll() {
  document.title = "callcast";
  show("wall");
  everything ??= client.subscribe(
    { all: true },
    {
      snapshot(list, { begins, ends }) {
        devices.snapshot(list, begins);
        if (ends) wall.loaded();
        wall.update();
      },
      event(event) {
        if (devices.event(event)) everything.refresh();
        wall.update();
      },
      error: ({ message }) => tellBanner(message),
    },
  );
  wall.update();
}

function watchUser({ user, url }) {
  const problem = url ? check(url, page.url_schemes) : null;
  if (problem) return ask({ user, url }, problem);
  store(SETTINGS, { user, url });
  show("calls");
  element("settings").hidden = true;
  element("change").hidden = false;
  write(element("calls-title"), me.scope.everything ? `Calls of ${user}` : "My calls");
  if (mine && mine.user === user && mine.url === url) return;
  leave();
  const view = new MyCalls({ user, template: url, schemes: page.url_schemes, notices, get: (...all) => client.get(...all) });
  const subscription = client.subscribe(
    { users: [user] },
    {
      snapshot: (...all) => view.snapshot(...all),
      event: (event) => view.event(event),
      gap: () => view.gap(),
      error: ({ message }) => ask({ user, url }, message),
    },
  );
  mine = { user, url, view, subscription };
}

function leave() {
  mine?.view.close();
  mine?.subscription.close();
  mine = null;
}

/** Asks whose calls, and what to open. */
function ask({ user, url }, problem) {
  leave();
  show("calls");
  document.title = "My calls · callcast";
  write(element("calls-title"), "My calls");
  write(element("phones"), "");
  element("settings").hidden = false;
  element("change").hidden = element("quiet-phone").hidden = element("today").hidden = true;
  element("cards").replaceChildren();
  element("user").value = user;
  element("user").readOnly = !me.scope.everything && me.scope.users.length === 1;
  element("url").value = url;
  tellProblem(problem);
  element(element("user").readOnly ? "url" : "user").focus();
}

function tellProblem(problem) {
  element("problem").hidden = !problem;
  element("problem").textContent = problem ?? "";
}

function tellBanner(text) {
  element("banner").hidden = !text;
  write(element("banner"), text);
}

/** What this browser was told before; a token that sees its own user only has no choice. */
function settings() {
  const { user = "", url = "" } = stored(SETTINGS, {});
  const { everything, users } = me.scope;
  return { user: everything || users.includes(user) ? String(user) : (users[0] ?? ""), url: String(url) || page.url_template };
}

function route() {
  if (!me) return;
  const hash = location.hash.slice(1);
  if (hash === "main") return;
  const [, user, url] = /^user=([^&]*)(?:&url=(.*))?$/.exec(hash) ?? [];
  if (user && seesCalls()) {
    const named = decode(user);
    const allowed = me.scope.everything || me.scope.users.includes(named) ? named : settings().user;
    return watchUser({ user: allowed, url: url === undefined ? page.url_template : decode(url) });
  }
  if (hash === "settings" && seesCalls()) return ask(settings(), null);
  const wants = hash === "wall" ? "wall" : ["calls", "pop"].includes(hash) ? "calls" : me.scope.everything ? "wall" : "calls";
  if ((wants === "wall" && seesWall()) || !seesCalls()) return watchAll();
  // One who may see everything says whose calls.
  if (me.scope.everything && hash !== "calls") return ask(settings(), null);
  const known = settings();
  return known.user ? watchUser(known) : ask(known, null);
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

element("settings").addEventListener("submit", (event) => {
  event.preventDefault();
  const [user, url] = [element("user").value.trim(), element("url").value.trim()];
  if (!user) return tellProblem("Say whose calls to watch: the user id, as CUCM has it.");
  const problem = url ? check(url, page.url_schemes) : null;
  if (problem) return tellProblem(problem);
  location.hash = `user=${encodeURIComponent(user)}&url=${encodeURIComponent(url)}`;
});
element("change").addEventListener("click", () => (location.hash = "settings"));
element("sign-out").addEventListener("click", signOut);
addEventListener("hashchange", route);
onSignedOutElsewhere(signOut);
new Keys([
  { key: "1", words: "My calls", run: () => (location.hash = "calls"), when: seesCalls },
  { key: "2", words: "Wall", run: () => (location.hash = "wall"), when: seesWall },
  { key: "/", words: "Search the wall", run: () => element("search").focus(), when: () => !element("wall").hidden },
  { key: "o", words: "Open the page of the call that rings", run: () => mine.view.openFirst(), when: () => mine },
  { key: "r", words: "Connect again now", run: () => client.retry(), when: () => client },
  { key: "t", words: "Colours: as the system, light, dark", run: () => element("theme").click() },
]);

try {
  page = { ...page, ...(await (await fetch("/v1/config")).json()) };
} catch {
  // The gateway is away: the connection says so, and the page goes on with what it has.
}
// A token of another time is of no use where none is asked for.
const kept = page.access.required ? token() : null;
if (page.access.required && !kept) signOut();
else begin(kept);
watch(tellBanner);
