// The browser's own notification of a call, for whoever looks elsewhere. It goes when the call does.

import { element } from "./dom.js";

export class Notices {
  /** By pop id. */
  #shown = new Map();

  constructor() {
    element("notify").addEventListener("click", () => this.#ask());
    this.#settle();
    addEventListener("pagehide", () => this.#shown.forEach((notice) => notice.close()));
  }

  /** Shows it, unless the page is being looked at anyway. `clicked` runs once the page is in front. */
  show(id, title, body, clicked) {
    if (!("Notification" in globalThis) || Notification.permission !== "granted") return;
    if (!document.hidden && document.hasFocus()) return;
    try {
      // The same tag in another tab is the same notification.
      const notice = new Notification(title, { body, tag: id, icon: "/icon.svg", requireInteraction: true });
      notice.onclick = () => {
        window.focus();
        this.withdraw(id);
        clicked();
      };
      this.withdraw(id);
      this.#shown.set(id, notice);
    } catch {
      // Some browsers for telephones have notifications for service workers alone.
    }
  }

  withdraw(id) {
    this.#shown.get(id)?.close();
    this.#shown.delete(id);
  }

  async #ask() {
    await Notification.requestPermission();
    this.#settle();
  }

  #settle() {
    const permission = "Notification" in globalThis && isSecureContext ? Notification.permission : "unavailable";
    element("notify").hidden = permission !== "default";
    element("notify-state").textContent = {
      default: "A call can also be shown by the browser's own notification, when this page is not in front.",
      granted: "Calls are also shown by the browser's own notifications.",
      denied: "Notifications are blocked for this page; the browser's settings of this site allow them again.",
      unavailable: "This browser has no notifications for this page: they need HTTPS.",
    }[permission];
  }
}
