/** What is asked for: the form, with the model's own settings where nothing else is said. */
import { examplePrompts } from "../src/data/world/words.ts";
import type { Settings } from "../src/pipelines/model.ts";
import type { BrowserRequest } from "../src/platform/browser/generate/generate.ts";
import type { Receipt } from "../src/schema/receipt.ts";
import { byId, make } from "./dom.ts";
import { duration } from "./words.ts";

const form = byId("form", HTMLFormElement);
const prompt = byId("prompt", HTMLTextAreaElement);
const size = byId("size", HTMLSelectElement);
const otherSize = byId("other-size", HTMLDivElement);
const frames = byId("frames", HTMLSelectElement);
const input = (id: string) => byId(id, HTMLInputElement);
const [width, height, steps, seed] = ["width", "height", "steps", "seed"].map(input) as HTMLInputElement[];
const [guidance, fps, negative] = ["guidance", "fps", "negative"].map(input) as HTMLInputElement[];
export const choice = byId("choice", HTMLSelectElement);
const button = byId("make", HTMLButtonElement);

const other = "other";
const sizes: readonly (readonly [text: string, name: string])[] = [
  ["256x160", "256 × 160"],
  ["384x384", "384 × 384"],
  ["288x512", "288 × 512"],
  ["768x448", "768 × 448"],
  ["1280x720", "1280 × 720"],
];
/** For models with a second stage. */
const largeSizes: typeof sizes = [
  ["1920x1080", "1920 × 1080"],
  ["2560x1440", "2560 × 1440, 2K"],
];
const lengths = [9, 17, 25, 33, 49, 81, 121];

/** Calls `onMake` for a form that is filled in, and `onCancel` where the same button stops a run. */
export function startForm({ onMake, onCancel }: { onMake: () => void; onCancel: () => void }): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isRunning()) onCancel();
    else onMake();
  });
  prompt.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (!isRunning()) form.requestSubmit();
  });
  size.addEventListener("change", () => showOther());
  byId("examples", HTMLUListElement).append(
    ...examplePrompts.map((text) => {
      const example = make("button", { type: "button", textContent: text });
      example.addEventListener("click", () => {
        prompt.value = text;
        prompt.focus();
      });
      return make("li", {}, example);
    }),
  );
  showDefaults();
}

/** Fills in what the model does when nothing else is asked; known once it is open. */
export function showDefaults(settings?: Settings): void {
  const [chosenSize, chosenFrames] = [size.value, frames.value];
  const own = settings ? `${settings.width} × ${settings.height}` : "the model's own";
  size.replaceChildren(
    new Option(own, ""),
    ...[...sizes, ...(settings?.hr ? largeSizes : [])].map(([value, name]) => new Option(name, value)),
    new Option("another size", other),
  );
  const rate = settings?.fps;
  const length = (count: number) => (rate ? `${count} frames, ${duration(count / rate)}` : `${count} frames`);
  frames.replaceChildren(
    new Option(settings ? length(settings.frames) : "the model's own", ""),
    ...lengths.filter((count) => count !== settings?.frames).map((count) => new Option(length(count), String(count))),
  );
  size.value = chosenSize;
  if (chosenFrames) setLength(Number(chosenFrames));
  steps!.placeholder = String(settings?.steps ?? "");
  guidance!.placeholder = String(settings?.guidanceScale ?? "");
  fps!.placeholder = String(rate ?? "");
  showOther();
}

/** The request as it stands; a seed of its own where none was asked for. */
export function readRequest(): BrowserRequest {
  const number = (field: HTMLInputElement) => (field.value === "" ? undefined : field.valueAsNumber);
  const [wide, high] =
    size.value === other
      ? [number(width!), number(height!)]
      : size.value
        ? size.value.split("x").map(Number)
        : [undefined, undefined];
  const given = {
    negativePrompt: negative!.value || undefined,
    width: wide,
    height: high,
    frames: frames.value ? Number(frames.value) : undefined,
    fps: number(fps!),
    steps: number(steps!),
    guidanceScale: number(guidance!),
  };
  const drawn = crypto.getRandomValues(new Uint32Array(1))[0]!;
  return { prompt: prompt.value, seed: number(seed!) ?? drawn, ...given };
}

/** Fills in what a receipt tells. */
export function writeRequest(receipt: Receipt): void {
  prompt.value = receipt.prompt;
  const text = `${receipt.width}x${receipt.height}`;
  size.value = [...size.options].some(({ value }) => value === text) ? text : other;
  [width!.value, height!.value] = [String(receipt.width), String(receipt.height)];
  setLength(receipt.frames);
  // Of two stages, the settings of the form are those of the draft.
  const { sigmas, guidanceScale } = receipt.draft ?? receipt;
  steps!.value = String(sigmas.length - 1);
  seed!.value = String(receipt.seed);
  guidance!.value = String(guidanceScale);
  fps!.value = String(receipt.fps);
  negative!.value = receipt.negativePrompt;
  showOther();
  prompt.focus();
}

/** The button makes or cancels; it stays where it is, and keeps the focus. */
export function showRunning(running: boolean): void {
  button.textContent = running ? "Cancel" : "Make video";
  button.classList.toggle("cancel", running);
}

const isRunning = (): boolean => button.classList.contains("cancel");

function setLength(count: number): void {
  const value = String(count);
  if (![...frames.options].some((option) => option.value === value))
    frames.append(new Option(`${count} frames`, value));
  frames.value = value;
}

function showOther(): void {
  const shown = size.value === other;
  otherSize.hidden = !shown;
  for (const field of [width!, height!]) field.required = shown;
}
