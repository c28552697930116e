// Elements, and nothing but text in them.

const SVG = "http://www.w3.org/2000/svg";
/** Strokes on a square of 24. */
const ICONS = {
  inbound: "M19 5 7 17M7 8v9h9",
  outbound: "M5 19 17 7M8 7h9v9",
  missed: "M4 8l7 7 9-9M14 6h6v6",
  phone: "M6 3h3l2 5-2.5 1.5a11 11 0 0 0 6 6L16 13l5 2v3a3 3 0 0 1-3 3A15 15 0 0 1 3 6a3 3 0 0 1 3-3z",
  open: "M14 4h6v6M20 4l-9 9M18 14v4a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2h4",
};

export const element = (id) => document.getElementById(id);

/** An element; the text is only ever text. */
export function make(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

/** A drawing that screen readers pass over. */
export function icon(name) {
  const [svg, path] = [document.createElementNS(SVG, "svg"), document.createElementNS(SVG, "path")];
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Writing what stands there already would cost a layout, and have it read aloud again. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Has a text read aloud: at once when it cannot wait. */
export function announce(text, urgent = false) {
  const region = element(urgent ? "urgent" : "polite");
  // The same text twice is said twice.
  region.textContent = "";
  requestAnimationFrame(() => (region.textContent = text));
}

/** What is kept in a storage; the fall-back when it holds nothing of use, or is closed to us. */
export function stored(key, fallback, storage = localStorage) {
  try {
    return JSON.parse(storage.getItem(key) ?? "null") ?? fallback;
  } catch {
    return fallback;
  }
}

/** Keeps it; a browser that keeps nothing is no reason to stop. */
export function store(key, value, storage = localStorage) {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
  } catch {
    // Then it lasts as long as the page.
  }
}
