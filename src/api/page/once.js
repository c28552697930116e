// One tab of many: what has to happen once, happens in whichever comes first.

import { store, stored } from "./dom.js";

const DONE = "callcast.popped";
/** What is remembered, in this browser. */
const REMEMBERED = 200;
/** How long tabs wait for each other where the browser has no locks: it has them for pages that came by HTTPS, or from this computer. */
const SETTLE = 80;

/** Says yes once for a key, however many tabs ask, and however often. */
export async function once(key) {
  if (navigator.locks) return navigator.locks.request(DONE, () => take(key));
  if (isDone(key)) return false;
  // Whoever writes last before all have read has it.
  const me = Math.random().toString(36).slice(2);
  const claim = `${DONE}.${key}`;
  store(claim, me);
  await new Promise((resolve) => setTimeout(resolve, SETTLE));
  const mine = stored(claim, null) === me && take(key);
  setTimeout(() => store(claim, null), 10 * SETTLE);
  return mine;
}

function take(key) {
  if (isDone(key)) return false;
  store(DONE, [...done(), key].slice(-REMEMBERED));
  return true;
}

function isDone(key) {
  return done().includes(key);
}

function done() {
  const keys = stored(DONE, []);
  return Array.isArray(keys) ? keys : [];
}
