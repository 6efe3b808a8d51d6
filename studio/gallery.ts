/** The videos that were made here, newest first. */
import type { KeptVideo } from "../src/platform/browser/gallery/gallery.ts";
import { byId, make } from "./dom.ts";
import { summaryOf } from "./words.ts";

const list = byId("videos", HTMLUListElement);
const empty = byId("empty", HTMLParagraphElement);

export function startGallery(videos: readonly KeptVideo[], onChoose: (video: KeptVideo) => void): void {
  for (const video of videos) list.append(card(video, onChoose));
  count();
}

export function addCard(video: KeptVideo, onChoose: (video: KeptVideo) => void): void {
  list.prepend(card(video, onChoose));
  count();
}

export function removeCard(id: string): void {
  const gone = cardOf(id);
  URL.revokeObjectURL(gone?.querySelector("video")?.src ?? "");
  gone?.remove();
  count();
}

/** Marks the one that is on the stage. */
export function markCard(id: string | undefined): void {
  for (const item of list.querySelectorAll<HTMLLIElement>("li"))
    item.querySelector("button")!.setAttribute("aria-pressed", String(item.dataset["id"] === id));
}

const cardOf = (id: string): HTMLLIElement | undefined =>
  [...list.querySelectorAll<HTMLLIElement>("li")].find((item) => item.dataset["id"] === id);

function card(kept: KeptVideo, onChoose: (video: KeptVideo) => void): HTMLLIElement {
  const { id, video, receipt } = kept;
  const picture = make("video", {
    src: URL.createObjectURL(video),
    muted: true,
    loop: true,
    playsInline: true,
    preload: "metadata",
    tabIndex: -1,
  });
  picture.setAttribute("aria-hidden", "true");
  const button = make(
    "button",
    { type: "button", className: "card" },
    picture,
    make("span", { className: "prompt", textContent: receipt.prompt }),
    make("span", { className: "small", textContent: summaryOf(receipt) }),
  );
  button.addEventListener("click", () => onChoose(kept));
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const name of ["pointerenter", "focus"] as const)
    button.addEventListener(name, () => void (isCalm || picture.play().catch(() => {})));
  for (const name of ["pointerleave", "blur"] as const) button.addEventListener(name, () => picture.pause());
  const item = make("li", {}, button);
  item.dataset["id"] = id;
  return item;
}

function count(): void {
  empty.hidden = list.childElementCount > 0;
}
