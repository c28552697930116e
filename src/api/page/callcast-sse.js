// Server-sent events read by `fetch`, which unlike `EventSource` sends a token in a header. Loaded by callcast.js when it needs it.

/** The longest frame that is waited for, in characters: a snapshot of tens of thousands of devices is shorter. */
const LONGEST = 64 * 1024 * 1024;

/**
 * Reads a stream to its end. `heard()` is called for every sign of life, `take(frame)` with frames as those of the WebSocket; when it
 * returns true, no more is read.
 */
export async function stream({ url, token, signal, heard, take, refusal }) {
  const headers = { Accept: "text/event-stream", ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { headers, signal, cache: "no-store" });
  if (!response.ok) throw await refusal(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let [pieces, length] = [[], 0];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
    length += value.length;
    if (length > LONGEST) throw new Error("The gateway sent a frame without end");
    pieces.push(value);
    // A frame that comes in a thousand pieces is joined once.
    if (!value.includes("\n")) continue;
    const blocks = pieces.join("").split("\n\n");
    const rest = blocks.pop();
    [pieces, length] = [[rest], rest.length];
    for (const block of blocks) {
      const frame = read(block);
      if (frame && take(frame)) return reader.cancel();
    }
  }
}

/** One block of lines; null for a comment. */
function read(block) {
  const fields = { id: null, event: "", data: [] };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(id|event|data): ?(.*)$/.exec(line) ?? [];
    if (name === "data") fields.data.push(value);
    else if (name) fields[name] = value;
  }
  if (!fields.data.length) return null;
  const data = JSON.parse(fields.data.join("\n"));
  const cursor = fields.id ? { cursor: fields.id } : {};
  if (["subscribed", "snapshot", "live", "gap", "error"].includes(fields.event)) return { ...cursor, ...data, op: fields.event };
  return { op: "event", durable: fields.id !== null, ...cursor, event: data };
}
