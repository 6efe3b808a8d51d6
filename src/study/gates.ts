/** Conditions under which arms can tell anything; checked before any of them is looked at. */
import { type Figures, meanFigures } from "./measure.ts";
import { type GateLine, meanFigure, type PromptRow } from "./results.ts";

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Rates of all attributes over clips. */
export const ratesOf = (clips: readonly Figures[]): Record<string, number> =>
  Object.fromEntries(Object.entries(meanFigures(clips)).filter(([name]) => name.startsWith("is_")));

/** The detectors, by size: on true clips, and after the autoencoder, which is the ceiling of every arm. */
export function detectorGate(clips: Record<"true" | "coded", Record<string, readonly Figures[]>>): GateLine {
  const least = { true: 0.99, coded: 0.95 } as const;
  const found: string[] = [];
  let passed = true;
  for (const when of ["true", "coded"] as const)
    for (const [size, list] of Object.entries(clips[when])) {
      const rates = Object.entries(ratesOf(list));
      const low = rates.filter(([, rate]) => rate < least[when]);
      passed &&= low.length === 0;
      const names = low.map(([name, rate]) => `${name.slice(3)} ${percent(rate)}`);
      found.push(`${when} ${size}: ${low.length ? names.join(", ") : "all pass"} (n ${list.length})`);
    }
  const asked = "each attribute read in at least 99 % of true clips and 95 % of coded ones";
  return { kind: "gate", gate: "G1", passed, asked, found: found.join("; ") };
}

export function teacherGate(teacher: readonly PromptRow[], base: readonly PromptRow[]): GateLine {
  const heldOut = (rows: readonly PromptRow[]) =>
    meanFigure(
      rows.filter((row) => row.heldOut),
      "joint",
    );
  const [ahead, behind] = [heldOut(teacher), heldOut(base)];
  return {
    kind: "gate",
    gate: "G2",
    passed: ahead >= behind + 0.1,
    asked: "the teacher's joint accuracy on held-out prompts at least 10 points above the base's",
    found: `teacher ${percent(ahead)}, base ${percent(behind)}`,
  };
}

/** @param swapped mean attribute accuracy of the base's clips judged against the prompts of others: what chance gives */
export function baseGate(base: readonly PromptRow[], swapped: number): GateLine {
  const [joint, mean] = [meanFigure(base, "joint"), meanFigure(base, "mean")];
  return {
    kind: "gate",
    gate: "G3",
    passed: joint < 0.85 && mean >= swapped + 0.1,
    asked:
      "the base neither saturated (joint below 85 %) nor at chance (mean attribute accuracy 10 points above swapped prompts)",
    found: `joint ${percent(joint)}, mean ${percent(mean)}, swapped ${percent(swapped)}`,
  };
}

export function draftGate(drafts: readonly PromptRow[]): GateLine {
  const joint = meanFigure(drafts, "joint");
  return {
    kind: "gate",
    gate: "G4",
    passed: joint >= 0.5 && joint <= 0.9,
    asked: "drafts right in 50 to 90 % of prompts, so that inheritance of errors can be seen",
    found: `joint ${percent(joint)}`,
  };
}

/** Distances of true clips, and of true clips made worse, to other true clips; lists rise from none to worst. */
export function distanceGate(distances: Readonly<Record<string, readonly number[]>>): GateLine {
  const rises = (values: readonly number[]) => values.every((value, i) => i === 0 || value > values[i - 1]!);
  const found = Object.entries(distances).map(
    ([name, values]) =>
      `${name} ${values.map((value) => value.toPrecision(3)).join(" < ")}${rises(values) ? "" : " (does not rise)"}`,
  );
  return {
    kind: "gate",
    gate: "G5",
    passed: Object.values(distances).every(rises),
    asked: "the distance on random features rises with blur, noise, shuffled frames and swapped colours of true clips",
    found: found.join("; "),
  };
}

export function determinismGate(isEqual: boolean, steps: number): GateLine {
  return {
    kind: "gate",
    gate: "G6",
    passed: isEqual,
    asked: "two runs of A1 with one seed end in the same loss and the same weights",
    found: `${isEqual ? "equal" : "different"} after ${steps} steps`,
  };
}
