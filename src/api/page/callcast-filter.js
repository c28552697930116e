// What subscriptions ask for, and which of two places in the log is the later one. Part of callcast.js.

/** What all of them ask for together. */
export function union(subscriptions) {
  const filters = subscriptions.map(({ filter }) => filter);
  if (filters.some(({ all }) => all)) return { all: true };
  const [devices, lines, users] = ["devices", "lines", "users"].map((key) => [...new Set(filters.flatMap((filter) => filter[key]))]);
  return { devices, lines, users };
}

/** A filter as the query of a URL. */
export function query({ devices = [], lines = [], users = [], all = false }, after) {
  const wanted = new URLSearchParams();
  const add = (name, values) => values.forEach((value) => wanted.append(name, value));
  add("device", devices);
  add("line", lines);
  add("user", users);
  if (all) wanted.set("all", "true");
  if (after) wanted.set("after", after);
  return wanted;
}

/** Whether an event is for a filter, by the gateway's own rules. Only asked where there are several subscriptions. */
export function matches(filter, { type, data }) {
  if (filter.all || /^callcast\.(session|journal)\./.test(type)) return true;
  if (data.login_user && filter.users.includes(data.login_user)) return true;
  const lines = data.lines ?? [data];
  return lines.some(({ device, line, user }) => matchesDevice(filter, { device, user, lines: line ? [line] : [] }));
}

/** The same for a device of a snapshot. */
export function matchesDevice({ all, devices, users, lines }, { device, user, lines: has }) {
  return all || devices.includes(device?.name) || users.includes(user?.id) || has.some(({ dn }) => lines.includes(dn));
}

/** The place of an event: its epoch and its sequence. */
export function placeOf({ id, sequence }) {
  return [Number(/^(\d+)-/.exec(id)?.[1] ?? 0), Number(sequence)];
}

/** The place that a snapshot was taken at, or else that of its youngest device: what comes up to there is known. */
export function placeOfSnapshot(cursor, devices) {
  const [, epoch, sequence] = /^[0-9a-f]+\.([0-9a-f]+)\.([0-9a-f]+)$/.exec(cursor ?? "") ?? [];
  if (sequence) return [parseInt(epoch, 16), parseInt(sequence, 16)];
  return [0, devices.reduce((most, device) => Math.max(most, Number(device.sequence)), 0)];
}

/** Whether the first place is later. An epoch begins when the gateway starts; sequences that nobody could write down come again in the next. */
export function isLater([epoch, sequence], [otherEpoch, otherSequence]) {
  return epoch !== otherEpoch && otherEpoch ? epoch > otherEpoch : sequence > otherSequence;
}

/** From where all of them miss nothing; null when one of them has no place yet. */
export function oldest(subscriptions) {
  if (subscriptions.some(({ ready, cursor }) => !ready || !cursor)) return null;
  const [first] = [...subscriptions].sort((a, b) => (isLater(a.seen, b.seen) ? 1 : -1));
  return first?.cursor ?? null;
}
