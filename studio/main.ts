/** The page: what is asked for, what happens then, and what is kept. */
import { CancelledError } from "../src/base/errors.ts";
import { differencesOf } from "../src/pipelines/receipt.ts";
import type { DeviceChoice } from "../src/platform/browser/devices/choose.ts";
import { type Failure, failureOf, RemoteError } from "../src/platform/browser/errors.ts";
import { Gallery, type KeptVideo } from "../src/platform/browser/gallery/gallery.ts";
import type { FinishedVideo, GenerateEvent } from "../src/platform/browser/generate/generate.ts";
import { receiptOf } from "../src/platform/browser/video/receipt-of.ts";
import { Engine } from "../src/platform/browser/worker/engine.ts";
import type { Receipt } from "../src/schema/receipt.ts";
import { byId, say } from "./dom.ts";
import { startDrop } from "./drop.ts";
import { choice, readRequest, showDefaults, showRunning, startForm, writeRequest } from "./form.ts";
import { addCard, markCard, removeCard, startGallery } from "./gallery.ts";
import { Remaining } from "./remaining.ts";
import * as stage from "./stage.ts";
import { startTheme } from "./theme.ts";
import { megabytes } from "./words.ts";

const query = new URLSearchParams(location.search);
const chip = byId("device", HTMLParagraphElement);

const wanted = query.get("device");
if ([...choice.options].some(({ value }) => value === wanted)) choice.value = wanted!;
let engine = newEngine();
let running: AbortController | undefined;
let shown: stage.Shown | undefined;
let gallery: Gallery | undefined;

function newEngine(): Engine {
  const spawn = () => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const model = new URL(query.get("model") ?? "model/", location.href).href;
  return new Engine(spawn, { model, device: choice.value as DeviceChoice });
}

/** Runs whatever may fail, and says so in words. */
async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (cause instanceof CancelledError) return;
    const failure: Failure = cause instanceof RemoteError ? cause.failure : failureOf(cause);
    stage.showFailure(failure);
  }
}

/** Starts the engine where it does not run; what it says about itself is shown once. */
async function openEngine(): Promise<void> {
  const help = byId("device-help", HTMLParagraphElement);
  stage.showStatus("Opening the model…");
  const info = await engine.open(({ done, of, downloading }) => {
    stage.showProgress("model", done, of);
    if (downloading) stage.showStatus(`Fetching the model, ${megabytes(done)} of ${megabytes(of)}; this happens once.`);
  });
  stage.showStatus("");
  stage.showModel();
  showDefaults(info.settings);
  chip.textContent = { webgpu: "WebGPU", wasm: "WebAssembly" }[info.device];
  chip.hidden = false;
  const isNews = help.textContent !== info.sentences.join(" ");
  help.textContent = info.sentences.join(" ");
  for (const sentence of isNews ? info.sentences : []) stage.showNotice(sentence);
}

/** The end of waiting for something that cannot be stopped itself. */
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new CancelledError())));

/** One run: its events on the stage, its video in the gallery. `then` is the receipt that is made again. */
async function run(start: (signal: AbortSignal) => AsyncGenerator<GenerateEvent>, then?: Receipt): Promise<void> {
  if (running) return;
  const controller = new AbortController();
  running = controller;
  showRunning(true);
  stage.clearStage();
  markCard(undefined);
  shown = undefined;
  byId("stage", HTMLElement).scrollIntoView({ block: "nearest" });
  let result: FinishedVideo | undefined;
  await attempt(async () => {
    try {
      await Promise.race([openEngine(), untilAborted(controller.signal)]);
      say("Making the video.");
      const started = performance.now();
      result = await follow(start(controller.signal));
      stage.endProgress({ finished: true });
      stage.showFinished((performance.now() - started) / 1000, result.stages);
      if (then) stage.showNotice(verdict(then, result.receipt));
    } catch (cause) {
      stage.showStatus(cause instanceof CancelledError ? "Cancelled." : "");
      if (cause instanceof CancelledError) say("Cancelled.");
      stage.endProgress({ finished: false });
      throw cause;
    }
  });
  running = undefined;
  showRunning(false);
  const made = result;
  if (made) await attempt(() => keep(made));
}

async function follow(events: AsyncGenerator<GenerateEvent>): Promise<FinishedVideo> {
  const remaining = new Remaining();
  let result: FinishedVideo | undefined;
  for await (const event of events) {
    if (event.type === "started") stage.showStages({ twoStages: event.request.draft !== undefined });
    else if (event.type === "notice") stage.showNotice(event.text);
    else if (event.type === "progress") {
      stage.showProgress(event.stage, event.done, event.of);
      stage.showStatus(remaining.sentence(event.stage, event.done, event.of));
    } else if (event.type === "preview" || event.type === "frame") stage.showFrame(event.frame);
    else result = event.result;
  }
  return result!;
}

/** Whether the frames are the very same, and if not, what may explain it. */
function verdict(then: Receipt, now: Receipt): string {
  if (then.framesSha256 === now.framesSha256) return "Made again: the frames are the very same, bit for bit.";
  const differences = differencesOf(then, now);
  const reason = differences.length ? ` Then and now differ: ${differences.join("; ")}.` : "";
  return `Made again: the frames are not the same to the last bit, as their hashes tell.${reason}`;
}

async function keep({ video, receipt }: FinishedVideo): Promise<void> {
  show({ video, receipt });
  if (!gallery) return;
  const kept = await gallery.add(video, receipt);
  addCard(kept, choose);
  show(kept);
  if (!(await navigator.storage?.persisted?.())) await navigator.storage?.persist?.();
}

function show(next: stage.Shown): void {
  // The same video once more, now that it has its place in the gallery, must not start anew.
  if (next.video !== shown?.video) stage.showVideo(next);
  shown = next;
  byId("remove", HTMLButtonElement).hidden = next.id === undefined;
  markCard(next.id);
}

/** While a video is being made, the stage is its own. */
function isBusy(): boolean {
  const sentence = "A video is being made; cancel it to look at another one.";
  if (running) for (const tell of [say, stage.showStatus]) tell(sentence);
  return running !== undefined;
}

function choose(kept: KeptVideo): void {
  if (isBusy()) return;
  stage.clearStage();
  stage.showStatus("");
  show(kept);
  byId("stage", HTMLElement).scrollIntoView({ block: "nearest" });
}

async function openFile(file: File): Promise<void> {
  if (isBusy()) return;
  stage.clearStage();
  stage.showStatus("");
  await attempt(async () => {
    const receipt = await receiptOf(file);
    show({ video: file, receipt });
    stage.openReceipt();
    say(`Opened ${file.name}. Its receipt is shown.`);
  });
}

async function removeShown(): Promise<void> {
  const id = shown?.id;
  if (id === undefined || !gallery) return;
  await gallery.remove(id);
  removeCard(id);
  shown = undefined;
  stage.clearStage();
  stage.showStatus("Deleted.");
  say("Deleted.");
  byId("prompt", HTMLTextAreaElement).focus();
}

async function start(): Promise<void> {
  startTheme();
  startForm({
    onMake: () => {
      const request = readRequest();
      void run((signal) => engine.generate(request, signal));
    },
    onCancel: () => running?.abort(),
  });
  choice.addEventListener("change", () => {
    running?.abort();
    engine.dispose();
    engine = newEngine();
    void attempt(openEngine);
  });
  byId("again", HTMLButtonElement).addEventListener("click", () => {
    const receipt = shown?.receipt;
    if (receipt) void run((signal) => engine.again(receipt, signal), receipt);
  });
  byId("reuse", HTMLButtonElement).addEventListener("click", () => shown && writeRequest(shown.receipt));
  byId("remove", HTMLButtonElement).addEventListener("click", () => void attempt(removeShown));
  startDrop((file) => void openFile(file));
  await attempt(async () => {
    gallery = await Gallery.open();
    startGallery(await gallery.all(), choose);
  });
  await attempt(openEngine);
}

await start();
