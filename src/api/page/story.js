// The story of one call as a readable time line.

import { make } from "./dom.js";
import { clock, diversion, party, timeOfDay, transfer } from "./words.js";

const OUTCOMES = { answered: "answered", missed: "missed", not_answered: "not answered", busy: "busy", failed: "could not be put through", not_dialled: "nobody was called", transferred: "went on at lines that are not watched", unobserved: "how was not seen" };

/** A list of what happened, from what the gateway has of a call. */
export function story({ call_id, summary: call, events = [], truncated }) {
  const list = make("ol", "timeline");
  for (const { time, text, kind = "" } of events.map(tell).filter(Boolean)) {
    const item = make("li", kind);
    const when = make("time", "", timeOfDay(time, true));
    when.dateTime = time;
    item.append(when, make("span", "", text));
    list.append(item);
  }
  const facts = make("dl", "facts");
  const add = (name, value) => {
    if (!value || value === "0:00") return;
    const fact = make("div");
    fact.append(make("dt", "", name), make("dd", "", value));
    facts.append(fact);
  };
  add("Rang", clock(call?.ring_ms ?? 0));
  add("Talked", clock(call?.talk_ms ?? 0));
  add("On hold", clock(call?.hold_ms ?? 0));
  add("Call", call_id);
  const whole = make("div");
  if (truncated) whole.append(make("p", "hint", "It is a long story: its beginning is left out."));
  whole.append(list, facts);
  return whole;
}

function tell({ type, time, data }) {
  const about = (text, kind) => ({ time, text, kind });
  const line = data.line && `${data.line.dn}${data.user ? ` (${data.user.id})` : ""}`;
  switch (type.slice("callcast.".length)) {
    case "call.started":
      return about(`${party(data.first_calling ?? data.calling, "Someone")} calls ${party(data.first_called ?? data.called)}`);
    case "leg.alerting":
      return about(`Rings at ${line}`, "ringing");
    case "leg.connected":
      return about(data.direction === "inbound" ? `${line} answers` : `${line} is connected`, "talking");
    case "leg.held":
      return about(`${line} puts it on hold`, "held");
    case "leg.resumed":
      return about(`${line} takes it back from hold`, "talking");
    case "leg.remote_in_use":
      return about(`Another phone of ${line} has it`);
    case "leg.disconnected":
      // What a feature took away is told by the feature.
      return data.cause?.name === "split_by_feature" ? null : about(`Over at ${line}${cause(data)}`);
    case "call.transferred":
      return about(transfer(data.transfer), "moved");
    case "call.diverted":
      return about(diversion(data.diversion), "moved");
    case "call.conferenced":
      return about(`Conference of ${data.conference.participants.map((one) => party(one)).join(", ")}`, "moved");
    case "call.parked":
      return about(`Parked at ${data.park.number}${data.park.by ? ` by ${party(data.park.by)}` : ""}`, "held");
    case "call.retrieved":
      return about(`Taken back from ${data.park.number}${data.park.by ? ` by ${party(data.park.by)}` : ""}`, "talking");
    case "call.merged":
      return about("Goes on as part of another call", "moved");
    case "call.ended":
      return about(`Ended: ${OUTCOMES[data.outcome] ?? data.outcome}`, "ended");
    default:
      return null;
  }
}

function cause({ cause: why, unobserved }) {
  if (unobserved) return ": how was not seen";
  const words = why?.name?.replaceAll("_", " ");
  return !words || /^normal|^other$/.test(words) ? "" : `: ${words}`;
}
