// URL templates: what a caller sends goes into them percent-encoded, and never decides where they lead.

const PLACEHOLDER = /\{(number|e164|name|call_id|dn)\}/g;

/** The URL of a template, or why there is none: `{url}` or `{problem}`. `schemes` are allowed beside http and https. */
export function fill(template, values, schemes) {
  const problem = check(template, schemes);
  return problem ? { problem } : { url: replace(template, (name) => values[name] ?? "") };
}

/** Why a template cannot be used; null when it can. */
export function check(template, schemes) {
  const [one, other] = ["1", "2"].map((value) => parse(replace(template, () => value)));
  if (!one || !other) return "This is not a complete URL. It begins like https://crm.example/…";
  const allowed = ["http", "https", ...schemes.map((scheme) => scheme.toLowerCase().replace(/:$/, ""))];
  const scheme = one.protocol.slice(0, -1);
  if (!allowed.includes(scheme) || ["javascript", "data", "vbscript", "blob", "file"].includes(scheme)) {
    return `URLs that begin with “${scheme}:” are not opened. Allowed here: ${allowed.join(", ")}.`;
  }
  if (one.protocol !== other.protocol || one.host !== other.host || one.username !== other.username || one.password !== other.password) {
    return "A placeholder may not stand before the path: the caller would choose the site.";
  }
  const unknown = template.replace(PLACEHOLDER, "").match(/\{\w*\}/);
  return unknown ? `There is no placeholder ${unknown[0]}. Known: {number} {e164} {name} {call_id} {dn}.` : null;
}

function replace(template, value) {
  return template.trim().replace(PLACEHOLDER, (_, name) => encode(String(value(name))));
}

// encodeURIComponent refuses half a surrogate pair, and leaves a few characters that some servers treat as special.
function encode(text) {
  const whole = text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD");
  return encodeURIComponent(whole).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function parse(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
