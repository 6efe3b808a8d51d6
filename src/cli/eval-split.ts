import { type Command, Option } from "commander";
import { vbenchDimensions } from "../metrics/vbench.ts";
import { clipSeconds, splitClips } from "../metrics/vbench-long.ts";
import { expandVideos } from "../platform/node/evaluate/video-files.ts";
import { probeVideo } from "../platform/node/video/read.ts";
import type { Terminal } from "./terminal.ts";

interface Flags {
  readonly dimension: readonly string[];
  readonly json?: boolean;
}

/** `turbo2k eval split FILE|FOLDER...`. */
export function addEvalSplit(group: Command, terminal: Terminal): void {
  group
    .command("split")
    .argument("<files...>", "videos, and folders of videos")
    .description("frame ranges of the clips in which VBench-Long scores long videos")
    .addOption(
      new Option("--dimension <name...>", "what the videos are scored in: the longest clips that any of it takes")
        .choices(Object.keys(vbenchDimensions))
        .default([]),
    )
    .option("--json", "print one JSON object on stdout")
    .action(async (paths: string[], { dimension, json }: Flags) => {
      const seconds = Math.max(...["", ...dimension].map(clipSeconds));
      const videos: { file: string; frames: number; fps: number; clips: [first: number, end: number][] }[] = [];
      for (const file of await expandVideos(paths)) {
        const { frames, fps } = await probeVideo(file);
        videos.push({ file, frames, fps, clips: splitClips(frames, fps, seconds) });
      }
      const ranges = ({ file, clips }: (typeof videos)[number]) =>
        `${file}: ${clips.map(([first, end]) => `${first} to ${end - 1}`).join(", ")}`;
      terminal.out(json ? JSON.stringify({ seconds, videos }) : videos.map(ranges).join("\n"));
    });
}
