// Calls in words.

/** Why a call is no longer the user's: the reasons of `pop.withdrawn`, and the end of a call that was answered. */
export const OVER = {
  answered_elsewhere: "Answered elsewhere",
  picked_up: "Picked up by a colleague",
  diverted: "Sent on",
  transferred: "Handed over",
  abandoned: "Missed",
  declined: "Declined",
  unobserved: "Over; how was not seen",
  ended: "Ended",
};

/** Why a call was sent on. */
const DIVERTED = {
  forward_all: "all calls are forwarded",
  forward_busy: "busy",
  forward_no_answer: "no answer",
  forward_no_retrieve: "nobody took it back from park",
  immediate_divert: "turned away",
  pickup: "picked up",
  redirect: "redirected",
  sip_redirection: "redirected",
  park_reminder: "it came back from park",
  directed_park_reversion: "it came back from park",
  mobility_follow_me: "follows its user",
};

const TRANSFERRED = { consult: "after asking", blind: "without asking", direct: "two calls were joined" };

/** Whom a leg is with, in words. */
export function partyText(party) {
  if (!party) return { who: "Unknown caller", number: "" };
  const withheld = party.presentation === "restricted";
  const number = withheld ? "Number withheld" : (party.number ?? "");
  return { who: party.name || number || "Unknown caller", number: party.name ? number : "", withheld };
}

/** The same in one text. */
export function party(of, unknown = "someone") {
  if (!of) return unknown;
  const { who, number } = partyText(of);
  return number ? `${who} (${number})` : who;
}

/** How a call came to be where it is: from the last data of its leg, or its pop. Empty when it came straight. */
export function way({ reason = "", last_redirecting: from, original_called: meant, line }) {
  if (/transfer|^refer$|^replaces$/.test(reason) && from) return `Handed over by ${party(from)}`;
  if (/^pickup$/.test(reason)) return from ? `Picked up from ${party(from)}` : "Picked up";
  if (/park/.test(reason)) return "Back from park";
  if (/conference/.test(reason)) return "Conference";
  if (from && from.number !== line?.dn) return `Sent on by ${party(from)}${DIVERTED[reason] ? `: ${DIVERTED[reason]}` : ""}`;
  if (meant?.number && meant.number !== line?.dn) return `Meant for ${party(meant)}`;
  return "";
}

/** The same from what the gateway tells of the call; empty for what does not bring a call to anybody. */
export function moved(what, { transfer, diversion, conference, park }) {
  if (what === "transferred" && transfer.by) return `Handed over by ${party(transfer.by)}`;
  if (what === "diverted" && diversion.reason === "pickup") return `Picked up from ${party(diversion.from)}`;
  if (what === "diverted") return `Sent on by ${party(diversion.from)}${DIVERTED[diversion.reason] ? `: ${DIVERTED[diversion.reason]}` : ""}`;
  if (what === "conferenced") return `Conference of ${conference.participants.length}`;
  if (what === "retrieved") return `Taken back from park ${park.number}`;
  return "";
}

export function diversion({ reason, from, to }) {
  return `Sent on from ${party(from)} to ${party(to)}${DIVERTED[reason] ? `: ${DIVERTED[reason]}` : ""}`;
}

export function transfer({ kind, by, to }) {
  return `Handed over${by ? ` by ${party(by)}` : ""} to ${party(to)}${TRANSFERRED[kind] ? `, ${TRANSFERRED[kind]}` : ""}`;
}

/** 3:07, 1:02:07. */
export function clock(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [hours, rest] = [Math.floor(seconds / 3600), seconds % 3600];
  const minutes = `${Math.floor(rest / 60)}:${String(rest % 60).padStart(2, "0")}`;
  return hours ? `${hours}:${minutes.padStart(5, "0")}` : minutes;
}

/** The time of day. */
export function timeOfDay(time, seconds = false) {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) });
}
