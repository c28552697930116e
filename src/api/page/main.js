// Which view, for whom. The address says it: #wall, #pop, #user=…&url=… (the URL is the rest of the address).

import { Connection } from "./connection.js";
import { Devices } from "./devices.js";
import { watch } from "./health.js";
import { PopView } from "./pop-view.js";
import { check } from "./template.js";
import { Wall } from "./wall.js";

const SETTINGS = "callcast.pop";
const element = (id) => document.getElementById(id);

const devices = new Devices();
const wall = new Wall(devices);
let page = { url_template: "", url_schemes: [] };
let connection = null;

function show(view) {
  for (const name of ["wall", "pop"]) {
    element(name).hidden = name !== view;
    if (name === view) element(`nav-${name}`).setAttribute("aria-current", "page");
    else element(`nav-${name}`).removeAttribute("aria-current");
  }
}

function status(state, text) {
  const node = element("status");
  node.dataset.state = state;
  if (node.textContent !== text) node.textContent = text;
}

function connect(filter, on) {
  connection?.close();
  connection = new Connection(filter, { ...on, status });
}

function watchAll() {
  document.title = "callcast";
  show("wall");
  connect(
    { all: true },
    {
      snapshot(list, begins, ends) {
        devices.snapshot(list, begins);
        if (ends) wall.loaded();
        wall.update();
      },
      event(event) {
        if (devices.event(event)) connection.refresh();
        wall.update();
      },
    },
  );
}

function watchUser({ user, url }) {
  const problem = url ? check(url, page.url_schemes) : null;
  if (problem) return ask({ user, url }, problem);
  localStorage.setItem(SETTINGS, JSON.stringify({ user, url }));
  show("pop");
  element("settings").hidden = true;
  element("change").hidden = false;
  element("pop-title").textContent = `Calls of ${user}`;
  const view = new PopView(user, url, page.url_schemes);
  connect({ users: [user] }, { snapshot: (...all) => view.snapshot(...all), event: (event) => view.event(event) });
}

function ask({ user, url }, problem) {
  connection?.close();
  connection = null;
  status("connecting", "Not watching");
  show("pop");
  document.title = "Screen pop · callcast";
  element("pop-title").textContent = "Screen pop";
  element("settings").hidden = false;
  element("change").hidden = true;
  element("quiet-phone").hidden = true;
  element("cards").replaceChildren();
  element("user").value = user;
  element("url").value = url;
  tellProblem(problem);
  element("user").focus();
}

function tellProblem(problem) {
  element("problem").hidden = !problem;
  element("problem").textContent = problem ?? "";
}

function saved() {
  try {
    const { user = "", url = "" } = JSON.parse(localStorage.getItem(SETTINGS) ?? "{}");
    return { user: String(user), url: String(url) };
  } catch {
    return { user: "", url: "" };
  }
}

function route() {
  const hash = location.hash.slice(1);
  if (hash === "main") return;
  const [, user, url] = /^user=([^&]*)(?:&url=(.*))?$/.exec(hash) ?? [];
  if (user) return watchUser({ user: decode(user), url: url === undefined ? page.url_template : decode(url) });
  if (hash !== "pop") return watchAll();
  const { user: known, url: template } = saved();
  return ask({ user: known, url: template || page.url_template }, null);
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
element("change").addEventListener("click", () => {
  location.hash = "pop";
});
addEventListener("hashchange", route);

try {
  page = await (await fetch("/v1/config")).json();
} catch {
  // The gateway is away: the connection says so, and the page goes on with what it has.
}
route();
watch((text) => {
  element("banner").hidden = !text;
  element("banner").textContent = text;
});
