/** Where a video comes into being and is then shown, with what it took. */

import type { Failure } from "../src/platform/browser/errors.ts";
import type { KeptVideo } from "../src/platform/browser/gallery/gallery.ts";
import type { Receipt } from "../src/schema/receipt.ts";
import type { Frame } from "../src/video/frame.ts";
import { byId, make, say } from "./dom.ts";
import { duration, fileName, sizeOf } from "./words.ts";

/** A video on the stage; one that was only opened is not in the gallery. */
export type Shown = Pick<KeptVideo, "video" | "receipt"> & { readonly id?: string };

const screen = byId("screen", HTMLDivElement);
const idle = byId("idle", HTMLParagraphElement);
const canvas = byId("canvas", HTMLCanvasElement);
const video = byId("video", HTMLVideoElement);
const stages = byId("stages", HTMLOListElement);
const status = byId("status", HTMLParagraphElement);
const failure = byId("failure", HTMLDivElement);
const notices = byId("notices", HTMLUListElement);
const tools = byId("tools", HTMLDivElement);
const download = byId("download", HTMLAnchorElement);
const remove = byId("remove", HTMLButtonElement);
const receiptBox = byId("receipt", HTMLDetailsElement);
const facts = byId("facts", HTMLDListElement);

const names = {
  model: "Model",
  text: "Words",
  denoise: "Denoise",
  draft: "Draft",
  guide: "Guide",
  refine: "Refine",
  decode: "Decode",
  encode: "File",
} as const;
export type StageName = keyof typeof names;

const bars = Object.fromEntries(
  Object.entries(names).map(([name, label]) => {
    const bar = make("progress", { max: 1, value: 0 });
    bar.setAttribute("aria-label", label);
    stages.append(make("li", {}, bar, label));
    return [name, bar];
  }),
) as Record<StageName, HTMLProgressElement>;

/** Shows the stages of a video that is made in one, or in two stages. */
export function showStages({ twoStages }: { twoStages: boolean }): void {
  bars.denoise.parentElement!.hidden = twoStages;
  for (const name of ["draft", "guide", "refine"] as const) bars[name].parentElement!.hidden = !twoStages;
}
showStages({ twoStages: false });

/** Empties the stage for a new run of this shape. */
export function clearStage(): void {
  for (const [name, bar] of Object.entries(bars)) if (name !== "model") bar.value = 0;
  showFailure(undefined);
  notices.replaceChildren();
  tools.hidden = true;
  receiptBox.hidden = true;
  releaseVideo();
  canvas.hidden = true;
  idle.hidden = false;
}

/** How far a stage is; those before it are done. */
export function showProgress(name: StageName, done: number, of: number): void {
  for (const [each, bar] of Object.entries(bars)) {
    const isThis = each === name;
    if (isThis) {
      if (done || name === "denoise" || name === "draft" || name === "refine") bar.value = done / of;
      else bar.removeAttribute("value"); // nobody knows how far it is
      bar.parentElement!.setAttribute("aria-current", "step");
      break;
    }
    bar.value = 1;
    bar.parentElement!.removeAttribute("aria-current");
  }
}

/** The model is open; nothing else is under way. */
export function showModel(): void {
  showProgress("model", 1, 1);
  bars.model.parentElement!.removeAttribute("aria-current");
}

/** No stage is under way any more; what is not finished counts as nothing. */
export function endProgress({ finished }: { finished: boolean }): void {
  for (const bar of Object.values(bars)) {
    bar.parentElement!.removeAttribute("aria-current");
    if (finished) bar.value = 1;
    else if (bar.value < 1 || !bar.hasAttribute("value")) bar.value = 0;
  }
}

export function showStatus(text: string): void {
  status.textContent = text;
}

/** A sentence; what follows it in further lines is there for those who want it. */
export function showNotice(text: string): void {
  const [first = "", ...rest] = text.split("\n").map((line) => line.trim());
  const more = () =>
    make(
      "details",
      {},
      make("summary", { textContent: first }),
      ...rest.map((line) => make("p", { textContent: line })),
    );
  notices.append(make("li", {}, rest.length ? more() : first));
}

export function showFailure(problem: Pick<Failure, "message" | "hint"> | undefined): void {
  failure.hidden = !problem;
  const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
  const lines = problem ? [problem.message, problem.hint ?? ""].filter(Boolean) : [];
  failure.replaceChildren(...lines.map((text) => make("p", { textContent: sentence(text) })));
  if (problem) failure.scrollIntoView({ block: "nearest" });
}

/** Pixels, as they are now. */
export function showFrame({ width, height, data }: Frame): void {
  const pixels = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    pixels.data[to] = data[from]!;
    pixels.data[to + 1] = data[from + 1]!;
    pixels.data[to + 2] = data[from + 2]!;
    pixels.data[to + 3] = 255;
  }
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  setShape(width, height);
  idle.hidden = true;
  canvas.hidden = false;
}

/** A finished video, playing where nobody asked for less motion. */
export function showVideo(shown: Shown): void {
  const { video: file, receipt } = shown;
  releaseVideo();
  video.src = URL.createObjectURL(file);
  video.setAttribute("aria-label", receipt.prompt);
  setShape(receipt.width, receipt.height);
  idle.hidden = true;
  video.hidden = false;
  canvas.hidden = true;
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) video.play().catch(() => {});
  download.href = video.src;
  download.download = fileName(receipt, file.type);
  remove.hidden = shown.id === undefined;
  tools.hidden = false;
  showReceipt(receipt);
}

function showReceipt(receipt: Receipt): void {
  const rows: [string, string][] = [
    ["Prompt", receipt.prompt],
    ["Seed", String(receipt.seed)],
    ["Size", sizeOf(receipt)],
    ["Length", `${receipt.frames} frames, ${receipt.fps} a second`],
    ["Steps", `${receipt.steps}, from noise levels ${receipt.sigmas.map((sigma) => sigma.toFixed(3)).join(", ")}`],
    ["Guidance", String(receipt.guidanceScale)],
    ...(receipt.negativePrompt ? [["Stay away from", receipt.negativePrompt] as [string, string]] : []),
    ["Made", new Date(receipt.created).toLocaleString()],
    ["Made by", `${receipt.engine.name} ${receipt.engine.version}, ${receipt.runtime} on ${receipt.device}`],
    ...receipt.models.map(({ name, sha256 }): [string, string] => [name, sha256]),
    ["Frames", receipt.framesSha256],
  ];
  facts.replaceChildren(
    ...rows.flatMap(([term, text]) => [make("dt", { textContent: term }), make("dd", { textContent: text })]),
  );
  receiptBox.hidden = false;
}

export function openReceipt(): void {
  receiptBox.open = true;
}

/** The end of a run, in one sentence that is also said aloud. */
export function showFinished(seconds: number, stageTimes: readonly { name: string; seconds: number }[]): void {
  const parts = stageTimes.map((stage) => `${names[stage.name as StageName].toLowerCase()} ${duration(stage.seconds)}`);
  showStatus(`Made in ${duration(seconds)}: ${parts.join(", ")}.`);
  say(`The video is ready. It took ${duration(seconds)}.`);
}

function setShape(width: number, height: number): void {
  screen.style.setProperty("--aspect", `${width} / ${height}`);
}

function releaseVideo(): void {
  video.pause();
  if (video.src) URL.revokeObjectURL(video.src);
  video.removeAttribute("src");
  video.load();
  video.hidden = true;
}
