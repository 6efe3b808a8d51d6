/** Light, dark, or as the system says; remembered. */
import { byId } from "./dom.ts";

const themes = ["system", "light", "dark"] as const;
const labels = { system: "as the system", light: "light", dark: "dark" } as const;
type Theme = (typeof themes)[number];

const key = "turbo2k-theme";
const button = byId("theme", HTMLButtonElement);

function show(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  button.setAttribute("aria-label", `Colours: ${labels[theme]}`);
  button.title = `Colours: ${labels[theme]}`;
}

const stored = () => themes.find((theme) => theme === localStorage.getItem(key)) ?? "system";

export function startTheme(): void {
  show(stored());
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(stored()) + 1) % themes.length]!;
    localStorage.setItem(key, next);
    show(next);
  });
}
