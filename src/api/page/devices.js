// What every device is doing: folded from the snapshot and the events, by the gateway's own rules.

const RINGING = ["offered", "alerting"];
const AWAY = ["held", "remote_in_use"];

export class Devices {
  /** By name. */
  all = new Map();
  /** Devices that came, went or changed since the last `take`. */
  changed = new Set();
  /** Some are other objects than before. */
  replaced = false;

  snapshot(devices, begins) {
    if (begins) this.all.clear();
    this.replaced = true;
    for (const from of devices) {
      const device = {
        name: from.device.name,
        model: from.device.model,
        kind: from.device.kind,
        user: from.user?.id ?? "",
        lines: from.lines.map((line) => line.dn),
        inService: from.in_service,
        restriction: from.restricted ? (from.restriction ?? {}) : null,
        since: from.since,
        sequence: from.sequence,
        legs: new Map(from.legs.map((event) => [legKey(event.data), event.data])),
      };
      this.all.set(device.name, settle(device));
      this.changed.add(device.name);
    }
  }

  /** Takes an event; says whether everything has to be asked for again. */
  event({ type, time, sequence, data }) {
    if (type === "callcast.session.lost") return true;
    if (!data.device) return false;
    const device = this.all.get(data.device.name) ?? this.#meet(data);
    // An event from before the snapshot is in it already.
    if (Number(sequence) <= device.sequence) return false;
    device.sequence = Number(sequence);
    device.user = data.user?.id ?? "";
    device.model = data.device.model;
    const before = device.state;
    change(device, type, data);
    if (data.removed) this.replaced = this.all.delete(device.name);
    settle(device);
    if (device.state !== before) device.since = time;
    this.changed.add(device.name);
    return false;
  }

  /** The names that changed since the last time. */
  take() {
    const changed = this.changed;
    this.changed = new Set();
    return changed;
  }

  #meet({ device: { name, model, kind } }) {
    const device = { name, model, kind, user: "", lines: [], inService: false, restriction: null, since: null, sequence: 0, legs: new Map() };
    this.all.set(name, settle(device));
    this.replaced = true;
    return device;
  }
}

function change(device, type, data) {
  if (data.line && !device.lines.includes(data.line.dn)) device.lines.push(data.line.dn);
  if (type === "callcast.leg.disconnected") {
    device.legs.delete(legKey(data));
  } else if (type.startsWith("callcast.leg.")) {
    device.legs.set(legKey(data), data);
    device.inService = true;
  } else if (type === "callcast.device.in_service") {
    device.inService = true;
    device.restriction = null;
  } else if (type === "callcast.device.out_of_service" || type === "callcast.device.unregistered") {
    device.inService = false;
  } else if (type === "callcast.device.restricted") {
    device.inService = false;
    device.restriction = { reason: data.reason, cure: data.cure };
  }
}

function settle(device) {
  const legs = [...device.legs.values()];
  const ringing = legs.find((leg) => RINGING.includes(leg.state));
  const active = legs.find((leg) => !AWAY.includes(leg.state));
  device.leg = ringing ?? active ?? legs[0] ?? null;
  if (device.restriction) device.state = "restricted";
  else if (!device.inService) device.state = "out";
  else if (ringing) device.state = "ringing";
  else if (active) device.state = "talking";
  else device.state = legs.length ? "held" : "idle";
  const party = device.leg?.remote;
  device.text = [device.name, device.user, device.model, ...device.lines, party?.name, party?.number].join("\n").toLowerCase();
  return device;
}

function legKey(data) {
  return `${data.line.dn}/${data.line.partition}/${data.leg_id}`;
}
