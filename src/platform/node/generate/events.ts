import type { ResolvedRequest } from "../../../pipelines/resolve.ts";
import type { Receipt } from "../../../schema/receipt.ts";
import type { StageReport } from "./stage-clock.ts";

export interface GenerateResult {
  readonly output: string;
  readonly receipt: Receipt;
  readonly stages: readonly StageReport[];
}

/** What a run says while it goes on, in order. */
export type GenerateEvent =
  /** Something that a user should know; nothing is wrong. */
  | { readonly type: "notice"; readonly text: string }
  | { readonly type: "started"; readonly request: ResolvedRequest; readonly model: string; readonly output: string }
  | {
      readonly type: "progress";
      readonly stage: "denoise" | "draft" | "refine" | "decode";
      readonly done: number;
      readonly of: number;
    }
  | { readonly type: "saved"; readonly what: "latents" | "preview" | "draft"; readonly path: string }
  | { readonly type: "finished"; readonly result: GenerateResult };

/** The events of a run, each after what its device has to tell (`Device.news`). */
export async function* withNews<E, R>(
  events: AsyncGenerator<E, R>,
  news: () => readonly string[],
): AsyncGenerator<E | Extract<GenerateEvent, { type: "notice" }>, R> {
  try {
    for (;;) {
      const next = await events.next();
      for (const text of news()) yield { type: "notice", text };
      if (next.done) return next.value;
      yield next.value;
    }
  } finally {
    await events.return(undefined as R);
  }
}
