import { homedir } from "node:os";
import { join } from "node:path";

/** Where this platform keeps what can be made again; `TURBO2K_CACHE` names another place. */
export function cacheFolder(): string {
  const { env, platform } = process;
  if (env["TURBO2K_CACHE"]) return env["TURBO2K_CACHE"];
  if (platform === "darwin") return join(homedir(), "Library", "Caches", "turbo2k");
  if (platform === "win32") return join(env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"), "turbo2k", "cache");
  return join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "turbo2k");
}
