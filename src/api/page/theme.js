// Dark or light: as the system has it, or as it was chosen. Runs before anything is drawn, which is why it is no module.
(() => {
  const THEMES = ["auto", "light", "dark"];
  const root = document.documentElement;
  const kept = () => {
    try {
      return localStorage.getItem("callcast.theme");
    } catch {
      return null;
    }
  };
  const show = (theme) => {
    root.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (!button) return;
    button.dataset.theme = theme;
    const words = { auto: "as the system", light: "light", dark: "dark" };
    button.setAttribute("aria-label", `Colours: ${words[theme]}. Change`);
    button.title = `Colours: ${words[theme]}`;
  };
  const known = () => (THEMES.includes(root.dataset.theme) ? root.dataset.theme : "auto");
  show(THEMES.includes(kept()) ? kept() : "auto");
  addEventListener("DOMContentLoaded", () => {
    show(known());
    document.getElementById("theme").addEventListener("click", () => {
      const next = THEMES[(THEMES.indexOf(known()) + 1) % THEMES.length];
      try {
        localStorage.setItem("callcast.theme", next);
      } catch {
        // Then it lasts as long as the page.
      }
      show(next);
    });
  });
})();
