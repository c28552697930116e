// What keeps the gateway from being ready, in a line above everything.

const PAUSE = 10_000;

/** Asks now and again, and tells `show(text)`; an empty text when all is well. */
export async function watch(show) {
  for (;;) {
    if (!document.hidden) show(await trouble());
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

async function trouble() {
  try {
    const report = await (await fetch("/readyz")).json();
    if (report.ready) return "";
    const sessions = report.sessions.filter((session) => session.reason).map((session) => `CTI session ${session.session}${session.manager ? ` with ${session.manager}` : ""}: ${session.reason}`);
    const refused = report.devices.refused.map(({ count, cause, cure, examples }) => `${count} refused (${cause}), as ${examples[0] ?? "?"}: ${cure}`);
    return ["The gateway is not ready: some calls may be missing here.", ...sessions, ...refused].slice(0, 4).join("\n");
  } catch {
    // The connection's own state says so.
    return "";
  }
}
