/** What a hub answers when it gives nothing, in words. */
import { CheckpointError, TurboError } from "../../../base/errors.ts";
import type { ModelId } from "./model-id.ts";
import type { HubSettings } from "./settings.ts";

export type Asked = Pick<ModelId, "name" | "revision"> & { readonly file?: string | undefined };

/** A failure that may pass: it is worth to try again, at the earliest after `wait` seconds. */
export class PassingError extends TurboError {
  readonly wait: number;

  constructor(message: string, details: ConstructorParameters<typeof TurboError>[2], wait = 0) {
    super("failure", message, details);
    this.wait = wait;
  }
}

const tokenHint = "log in with `hf auth login`, or put a token into HF_TOKEN";

/** An answer that is none of the 200s. */
export function refusal(response: Response, asked: Asked, settings: HubSettings): TurboError {
  const { status, headers } = response;
  const { name, revision, file } = asked;
  const where = name;
  const code = headers.get("x-error-code") ?? "";
  const page = `${settings.endpoint}/${name}`;
  if (code === "GatedRepo")
    return new CheckpointError(
      settings.token ? "its owner has not let this account in" : "its owner lets in only people who accept a licence",
      {
        where,
        hint: `accept the terms on ${page}${settings.token ? " with the account of your token; some owners answer by hand" : `, then ${tokenHint}`}`,
      },
    );
  if (code === "RevisionNotFound")
    return new CheckpointError(`there is no branch, tag or commit ${JSON.stringify(revision)}`, {
      where,
      hint: `see ${page}/refs`,
    });
  if (code === "EntryNotFound" || (status === 404 && file !== undefined && code !== "RepoNotFound"))
    return new CheckpointError(`it has no file ${JSON.stringify(file)}`, {
      where,
      hint: `see ${page}/tree/${revision}`,
    });
  if (code === "RepoNotFound" || status === 404)
    return new CheckpointError("there is no such model, or it is private", {
      where,
      hint: settings.token
        ? "check its name, and that your token may read it"
        : `check its name; for a private one ${tokenHint}`,
    });
  if (status === 401)
    return new CheckpointError(settings.token ? "the hub does not accept the token" : "the hub asks who you are", {
      where,
      hint: settings.token ? "it may have expired: make a new one, or unset HF_TOKEN" : tokenHint,
    });
  if (status === 403)
    return new CheckpointError("the hub does not allow this", {
      where,
      hint: settings.token ? "your token may lack the right to read this model" : tokenHint,
    });
  if (status === 429) {
    const seconds = Number(headers.get("retry-after") ?? "");
    return new PassingError(
      "the hub asks for patience: too many requests",
      {
        where,
        hint: settings.token
          ? "try again in some minutes"
          : `try again in some minutes; ${tokenHint} for a higher limit`,
      },
      Number.isFinite(seconds) ? Math.min(seconds, 60) : 0,
    );
  }
  if (status >= 500)
    return new PassingError(`the hub has a problem (${status})`, {
      where,
      hint: "try again later; what came so far is kept",
    });
  return new CheckpointError(`the hub answered ${status} ${response.statusText}`.trim(), { where });
}

/** A request that got no answer, or half of one. */
export function unreachable(cause: unknown, asked: Asked, settings: HubSettings): PassingError {
  const reason = (cause as { cause?: { code?: string } })?.cause?.code ?? (cause as Error)?.message;
  return new PassingError(`no connection to ${settings.endpoint} (${reason})`, {
    where: asked.name,
    cause,
    hint: "check the network; what came so far is kept, and the next try goes on from there",
  });
}
