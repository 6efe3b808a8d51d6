import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { InputError } from "../base/errors.ts";
import { type ArmName, arms } from "../pipelines/arms.ts";
import { hashesOf } from "../pipelines/receipt.ts";
import { type ArmResult, compareArms } from "../platform/node/evaluate/arms.ts";
import { makeFolder } from "../platform/node/files/make-folder.ts";
import { prepare } from "../platform/node/generate/prepare.ts";
import { encodePng } from "../video/png.ts";
import { addRequestFlags, requestOf, seeded } from "./request.ts";
import type { Terminal } from "./terminal.ts";
import { bytes, duration } from "./units.ts";

const names = Object.keys(arms) as ArmName[];

type Flags = Record<string, unknown> & {
  readonly arm: readonly ArmName[];
  readonly output: string;
  readonly json?: boolean;
};

/** `turbo2k eval stages`. */
export function addEvalStages(group: Command, terminal: Terminal): void {
  const command = group
    .command("stages")
    .argument("[prompt]", "what the videos show", "a red sphere moves left on checkered ground")
    .description(
      "two-stage synthesis beside a cascade, enlarging, and one stage: seconds of each stage, detail, agreement",
    );
  addRequestFlags(command)
    .addOption(new Option("--arm <name...>", "which; `direct` takes long").choices(names).default(names.slice(0, 3)))
    .option("-o, --output <folder>", "where figures and the middle frames go", join("outputs", "eval-stages"))
    .option("--json", "print one JSON object on stdout")
    .action(async (prompt: string, { arm, output, json, ...flags }: Flags) => {
      const prepared = await prepare(seeded({ stages: 2, ...(await requestOf(prompt, flags)) }));
      try {
        if (!prepared.request.draft)
          throw new InputError("there is nothing to compare in one stage", { hint: "leave out --stages 1" });
        await makeFolder(output);
        const results: ArmResult[] = [];
        for await (const { frame, ...result } of compareArms(prepared, arm, terminal.signal)) {
          await writeFile(join(output, `${result.arm}.png`), encodePng(frame));
          results.push(result);
          if (!json) terminal.out(describe(result));
        }
        const { asked, draft, seed } = prepared.request;
        const report = { prompt, seed, asked, draft, models: await hashesOf(prepared.model.files), arms: results };
        await writeFile(join(output, "results.json"), `${JSON.stringify(report, null, 2)}\n`);
        if (json) terminal.out(JSON.stringify(report));
      } finally {
        await prepared.model.close();
      }
    });
}

function describe({ arm, seconds, stages, novelBand, blockiness, agreement }: ArmResult): string {
  const parts = stages.map((stage) => `${stage.name} ${duration(stage.seconds)}`).join(", ");
  const most = bytes(Math.max(...stages.map(({ peakBytes }) => peakBytes)));
  return [
    `${arm}: ${duration(seconds)} (${parts}), ${most} at most`,
    `  novel band ${novelBand.toFixed(2)}, cells ${blockiness.toFixed(3)}, agreement with the draft: SSIM ${agreement.ssim.toFixed(3)}, edges ${agreement.edges.toFixed(3)}, low band ${agreement.lowBandPsnr.toFixed(1)} dB`,
  ].join("\n");
}
