/** Files that are dropped anywhere on the page, or chosen by hand. */
import { byId } from "./dom.ts";

const veil = byId("drop", HTMLDivElement);
const chooser = byId("file", HTMLInputElement);

export function startDrop(onFile: (file: File) => void): void {
  /** Each child that the pointer crosses enters and leaves once. */
  let depth = 0;
  const hasFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  const show = (change: number) => {
    depth = Math.max(0, depth + change);
    veil.hidden = depth === 0;
  };
  addEventListener("dragenter", (event) => hasFile(event) && show(1));
  addEventListener("dragleave", (event) => hasFile(event) && show(-1));
  addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    show(-depth);
    const file = event.dataTransfer?.files[0];
    if (file) onFile(file);
  });
  chooser.addEventListener("change", () => {
    const file = chooser.files?.[0];
    if (file) onFile(file);
    chooser.value = ""; // the same file may be chosen again
  });
}
