import { InputError } from "../../../base/errors.ts";

/** What of a hub is meant: a model, one of its states, and possibly one file of it. */
export interface ModelId {
  /** ORG/NAME */
  readonly name: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  readonly file: string | undefined;
}

const part = String.raw`[A-Za-z0-9][\w.-]*`;
const pattern = new RegExp(`^(${part}/${part})(?:@([\\w.-]+))?(?:/(?!/)([^@]+\\.(?:safetensors|gguf)))?$`);

/** `ORG/NAME`, `ORG/NAME@REVISION` or `ORG/NAME/FILE.safetensors`; `undefined` for anything else, such as a path. */
export function parseModelId(text: string): ModelId | undefined {
  const [, name, revision = "main", file] = pattern.exec(text) ?? [];
  if (name === undefined || /\.(safetensors|gguf)$/.test(name)) return undefined;
  if ([name, revision, file ?? ""].some((text) => /(^|\/)\.\.?(\/|$)|--/.test(text))) return undefined;
  return { name, revision, file };
}

/** @throws InputError for anything but the id of a model */
export function modelId(text: string, revision?: string): ModelId {
  const id = parseModelId(text);
  if (!id) throw new InputError(`${JSON.stringify(text)} is no model of a hub`, { hint: "it has the form ORG/NAME" });
  if (revision === undefined) return id;
  if (id.revision !== "main") throw new InputError("give the revision once", { hint: "as --revision, or behind an @" });
  if (!/^[\w./-]+$/.test(revision) || /(^|\/)\.\.?(\/|$)/.test(revision))
    throw new InputError(`${JSON.stringify(revision)} is no branch, tag or commit`);
  return { ...id, revision };
}
