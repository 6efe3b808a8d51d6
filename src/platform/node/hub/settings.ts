/** Where downloads go and where they come from, by the environment variables that the Python tools read. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { InputError } from "../../../base/errors.ts";

export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** Folder of all downloaded models. */
  readonly cache: string;
  readonly token: string | undefined;
  /** Nothing may be asked of the network. */
  readonly offline: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN (or the file that `hf auth login` writes) and HF_HUB_OFFLINE. */
export async function hubSettings(env: Environment = process.env, home = homedir()): Promise<HubSettings> {
  const path = (text: string): string =>
    text.replace(/^~(?=[/\\]|$)/, home).replace(/\$(?:\{(\w+)\}|(\w+))/g, (all, a, b) => env[a ?? b] ?? all);
  const at = (name: string): string | undefined => (env[name] ? path(env[name]) : undefined);
  const root = at("HF_HOME") ?? join(at("XDG_CACHE_HOME") ?? join(home, ".cache"), "huggingface");
  const endpoint = (env["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, "");
  if (!/^https?:$/.test(protocolOf(endpoint)))
    throw new InputError(`HF_ENDPOINT must be an http address, got ${JSON.stringify(endpoint)}`);
  return {
    endpoint,
    cache: at("HF_HUB_CACHE") ?? at("HUGGINGFACE_HUB_CACHE") ?? join(root, "hub"),
    token: await tokenOf(env, at("HF_TOKEN_PATH") ?? join(root, "token")),
    offline: isTrue(env["HF_HUB_OFFLINE"]) || isTrue(env["TRANSFORMERS_OFFLINE"]),
  };
}

const isTrue = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? "");

const protocolOf = (address: string): string => (URL.canParse(address) ? new URL(address).protocol : "");

async function tokenOf(env: Environment, file: string): Promise<string | undefined> {
  const given = env["HF_TOKEN"] || env["HUGGING_FACE_HUB_TOKEN"];
  const token = given || (await readFile(file, "utf8").catch(() => ""));
  return token.replace(/[\r\n]/g, "").trim() || undefined;
}
