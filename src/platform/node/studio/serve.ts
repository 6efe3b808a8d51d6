/** A server of static files on this machine, for the page and its model. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { InputError } from "../../../base/errors.ts";
import { modelFilesName } from "../../../schema/model-files.ts";
import { modelFilesOf } from "./model-files.ts";
import { modelPath, type StudioFolders } from "./page.ts";

export interface ServedStudio {
  readonly url: string;
  close(): Promise<void>;
}

/** What a URL path means: a file, or text that is made here. */
type Answer = { readonly file: string } | { readonly text: string };

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

const headers = {
  // Together these isolate the page, which browsers ask for before threads may share memory.
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-cache",
  "x-content-type-options": "nosniff",
};

/** The port where the studio is to be found unless told otherwise; the next free ones where it is taken. */
export const defaultPort = 2560;
const attempts = 20;

/** Serves on this machine only: other machines would need https to compute at all. `port` 0 takes any free one. */
export async function serveStudio(folders: StudioFolders, { port }: { port?: number } = {}): Promise<ServedStudio> {
  const list = JSON.stringify(await modelFilesOf(folders.model));
  const server = createServer((request, response) => {
    void respond(request, response, (path) => answerTo(path, folders, list));
  });
  const first = port ?? defaultPort;
  for (let at = first; ; at++) {
    try {
      await listen(server, at);
      break;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "EADDRINUSE" && port === undefined && at < first + attempts) continue;
      throw new InputError(code === "EADDRINUSE" ? `port ${at} is taken` : `cannot serve on port ${at} (${code})`, {
        cause,
        hint: "choose another with --port",
      });
    }
  }
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "localhost", () => {
      server.off("error", reject);
      resolve();
    });
  });

/** Only plain names below one of the two folders mean anything. */
function answerTo(path: string, { page, model }: StudioFolders, list: string): Answer | undefined {
  if (path === "/") return { file: join(page, "index.html") };
  const names = path.slice(1).split("/");
  if (!names.every((name) => /^[\w-][\w.-]*$/.test(name))) return undefined;
  if (names[0] !== modelPath) return { file: join(page, ...names) };
  const below = names.slice(1);
  return below.join("/") === modelFilesName ? { text: list } : { file: join(model, ...below) };
}

async function respond(
  { method, url = "/" }: IncomingMessage,
  response: ServerResponse,
  find: (path: string) => Answer | undefined,
): Promise<void> {
  const end = (status: number, text: string, type = "text/plain") =>
    response.writeHead(status, { ...headers, "content-type": type }).end(text);
  if (method !== "GET" && method !== "HEAD") return void end(405, "only GET and HEAD");
  const answer = find(url.split("?")[0]!);
  if (answer && "text" in answer) return void end(200, answer.text, "application/json");
  const info = answer && (await stat(answer.file).catch(() => undefined));
  if (!answer || !info?.isFile()) return void end(404, "not found");
  const type = types[extname(answer.file)] ?? "application/octet-stream";
  response.writeHead(200, { ...headers, "content-type": type, "content-length": info.size });
  if (method === "HEAD") return void response.end();
  await pipeline(createReadStream(answer.file), response).catch(() => {}); // the page went away
}
