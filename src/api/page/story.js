// The story of one call as a readable time line.

import { make } from "./dom.js";
import { clock, diversion, party, timeOfDay, transfer } from "./words.js";

const OUTCOMES = { answered: "answered", missed: "missed", not_answered: "not answered", busy: "busy", failed: "could not be put through", not_dialled: "nobody was called", transferred: "went on at lines that are not watched", unobserved: "how was not seen" };

/** A list of what happened, from the events of a call, or from its summary where there are none. */
export function story(call, events) {
  const told = events.map(tell).filter(Boolean);
  const list = make("ol", "timeline");
  for (const { time, text, kind = "" } of told.length ? told : summary(call)) {
    const item = make("li", kind);
    const when = make("time", "", timeOfDay(time, true));
    when.dateTime = time;
    item.append(when, make("span", "", text));
    list.append(item);
  }
  const names = make("dl", "facts");
  const add = (name, value) => value && names.append(make("dt", "", name), make("dd", "", value));
  add("Rang", call?.ring_ms ? clock(call.ring_ms) : "");
  add("Talked", call?.talk_ms ? clock(call.talk_ms) : "");
  add("On hold", call?.hold_ms ? clock(call.hold_ms) : "");
  add("Call", call?.call_id ?? events[0]?.data.call_id);
  const whole = make("div");
  whole.append(list, names);
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
      return about(`Over at ${line}${cause(data)}`);
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

function summary(call) {
  if (!call) return [];
  const steps = [
    { time: call.started, text: `${party(call.first_calling ?? call.calling, "Someone")} calls ${party(call.first_called ?? call.called)}` },
    ...call.diversions.map((step) => ({ time: step.at, text: diversion(step), kind: "moved" })),
    ...call.transfers.map((step) => ({ time: step.at, text: transfer(step), kind: "moved" })),
  ];
  if (call.answered) steps.push({ time: call.answered, text: `Answered${call.answered_by ? ` at ${call.answered_by.line.dn}` : ""}`, kind: "talking" });
  if (call.ended) steps.push({ time: call.ended, text: `Ended: ${OUTCOMES[call.outcome] ?? call.outcome ?? ""}`, kind: "ended" });
  return steps.sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
}
