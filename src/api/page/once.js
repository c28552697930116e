// One tab of many: what has to happen once, happens in whichever comes first.
//
// The keys of an IndexedDB store decide: of several that add the same one, in whatever process, one succeeds. What `localStorage` holds
// reaches other tabs late, also under a lock of the browser's, and those locks are there for pages by HTTPS alone.

import { store, stored } from "./dom.js";

const NAME = "callcast";
const POPPED = "popped";
/** How long a key is remembered, in milliseconds. */
const REMEMBERED = 24 * 3_600_000;
/** Where the browser has no database for us: what is remembered, and how long tabs wait for each other. */
const KEPT = 200;
const SETTLE = 100;

let opening = null;

/** Says yes once for a key, however many tabs ask, and however often. */
export async function once(key) {
  try {
    opening ??= open();
    return await add(await opening, key);
  } catch {
    opening = null;
    return settle(key);
  }
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(POPPED).createIndex("at", "at");
    request.onsuccess = () => {
      const database = request.result;
      // A later version of the page wants it.
      database.onversionchange = () => database.close();
      database.onclose = () => (opening = null);
      resolve(database);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

function add(database, key) {
  return new Promise((resolve, reject) => {
    const popped = database.transaction(POPPED, "readwrite").objectStore(POPPED);
    const request = popped.add({ at: Date.now() }, key);
    request.onsuccess = () => {
      forgetOld(popped);
      resolve(true);
    };
    request.onerror = (event) => {
      if (request.error.name !== "ConstraintError") return reject(request.error);
      // It is there: no reason to undo the transaction.
      event.preventDefault();
      resolve(false);
    };
  });
}

function forgetOld(popped) {
  const old = popped.index("at").openCursor(IDBKeyRange.upperBound(Date.now() - REMEMBERED));
  old.onsuccess = () => {
    if (!old.result) return;
    old.result.delete();
    old.result.continue();
  };
}

/** As good as it gets without: whoever wrote last before all have read has it. */
async function settle(key) {
  const known = () => stored(POPPED, {});
  if (known()[key]?.done) return false;
  const me = Math.random().toString(36).slice(2);
  const write = (done) => store(POPPED, Object.fromEntries([...Object.entries(known()).filter(([other]) => other !== key), [key, { me, done }]].slice(-KEPT)));
  write(false);
  await new Promise((resolve) => setTimeout(resolve, SETTLE));
  const mine = known()[key]?.me === me && !known()[key].done;
  if (mine) write(true);
  return mine;
}
