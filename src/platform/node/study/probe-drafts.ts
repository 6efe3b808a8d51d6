/** What a second stage could read off its draft: where figures are, by block and noise level. */
import { joined } from "../../../base/joined.ts";
import { renderStudy } from "../../../data/world/study-render.ts";
import { probe } from "../../../metrics/ridge-probe.ts";
import { tokensOf } from "../../../models/ltx/rope.ts";
import { proportionalTaps } from "../../../models/ltx/two-stage-config.ts";
import { picturesOf } from "../../../study/preset.ts";
import type { ProbeLine } from "../../../study/results.ts";
import type { Drafter } from "../../../training/hr-draft.ts";
import type { TrainContext } from "./models.ts";
import { levels, type ProbeClip, probeClips, studentStates } from "./probes.ts";
import type { Workshop } from "./workshop.ts";

/** Where figures are, token by token, in the features that the drafting model hands over, over the noise level. */
export async function probeDrafts(
  { workshop }: TrainContext,
  draft: Drafter,
  isWanted: (probe: string) => boolean,
): Promise<ProbeLine[]> {
  if (!isWanted("draft-layout")) return [];
  const clips = probeClips(workshop);
  const taps = proportionalTaps(draft.transformer.config.layers);
  const labels = clips.flatMap(({ scene }) => layout(workshop, scene));
  const rows: number[][] = levels.map((level) => [level]);
  for (const tap of taps) {
    const states = await studentStates(workshop, draft, clips, tap);
    const fitted = (clips.length >> 1) * tokensOf(states.grid);
    for (const [level, sigma] of levels.entries()) {
      const data = joined(await states.at(sigma));
      rows[level]!.push(probe({ width: states.width, data }, labels, fitted).accuracy);
    }
    states.dispose();
  }
  const about = "balanced accuracy of a ridge probe for whether a token shows a figure, by tapped block; 0.5 is chance";
  return [{ kind: "probe", probe: "draft-layout", about, columns: taps.map((tap) => `block ${tap}`), rows }];
}

/** 1 for tokens of which at least a quarter shows a figure in some frame. */
function layout({ preset, student }: Workshop, scene: ProbeClip["scene"]): number[] {
  const picture = picturesOf(preset).small;
  const grid = student.grid(picture);
  const [t, h, w] = student.codec.compression;
  const { masks } = renderStudy(scene, picture);
  const counts = new Float64Array(tokensOf(grid));
  for (const [f, mask] of masks.entries()) {
    const frame = Math.ceil(f / t);
    const share = 1 / (h * w * (frame === 0 ? 1 : t));
    for (const [at, figure] of mask.entries()) {
      const [y, x] = [Math.floor(at / picture.width / h), Math.floor((at % picture.width) / w)];
      if (figure) counts[(frame * grid.height + y) * grid.width + x]! += share;
    }
  }
  return Array.from(counts, (share) => Number(share >= 0.25));
}
