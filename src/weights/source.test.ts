import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { CheckpointError, UnsupportedError } from "../base/errors.ts";
import { blobSource, httpSource, memorySource } from "./source.ts";

const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
let server: Server | undefined;

afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

async function serve(answer: RequestListener): Promise<string> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.safetensors`;
}

/** A server that answers ranges as a hub does; `tag` may change between requests. */
const ranged =
  (tag: () => string = () => '"one"'): RequestListener =>
  (request, response) => {
    const [, first, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? "") ?? [];
    const body = bytes.subarray(Number(first), Number(last) + 1);
    response.writeHead(206, { "content-range": `bytes ${first}-${last}/${bytes.length}`, etag: tag() }).end(body);
  };

describe.each([
  ["memory", async () => memorySource(bytes, "memory")],
  ["a Blob", async () => blobSource(new Blob([bytes]), "blob")],
  ["a URL", async () => httpSource(await serve(ranged()))],
] as const)("a source over %s", (_, open) => {
  test("knows its size and gives the bytes of any range", async () => {
    const source = await open();
    expect(source.size).toBe(100);
    expect([...(await source.slice(10, 14))]).toEqual([10, 11, 12, 13]);
    expect([...(await source.slice(99, 100))]).toEqual([99]);
    expect((await source.slice(50, 50)).byteLength).toBe(0);
  });

  test.each([
    [90, 101],
    [-1, 5],
    [7, 6],
    [0, Number.NaN],
    [0.5, 2],
  ])("refuses the range %d to %d", async (start, end) => {
    const source = await open();
    await expect(source.slice(start, end)).rejects.toThrow(CheckpointError);
  });
});

describe("a source over a URL", () => {
  test("does not download a whole file from a server without ranges", async () => {
    const url = await serve((_, response) => response.end(bytes));
    await expect(httpSource(url)).rejects.toThrow(UnsupportedError);
  });

  test("tells a missing file, a closed door and an empty file apart", async () => {
    const status = async (code: number) => httpSource(await serve((_, response) => response.writeHead(code).end()));
    await expect(status(404)).rejects.toThrow("answered 404");
    await expect(status(401)).rejects.toMatchObject({ hint: expect.stringContaining("access token") });
    await expect(status(416)).rejects.toThrow("empty");
  });

  test("notices that the file was exchanged between two slices", async () => {
    let version = 0;
    const source = await httpSource(await serve(ranged(() => `"${version++}"`)));
    await expect(source.slice(0, 10)).rejects.toThrow("changed on the server");
  });

  test("notices an answer that is shorter than asked for", async () => {
    const url = await serve((request, response) => {
      const last = /-(\d+)/.exec(request.headers.range!)![1];
      response.writeHead(206, { "content-range": `bytes 0-${last}/100` }).end(bytes.subarray(0, 1));
    });
    const source = await httpSource(url);
    await expect(source.slice(0, 10)).rejects.toThrow("asked for 10 bytes from 0, got 1");
  });

  test("says so when the server cannot be reached, and passes an abort through", async () => {
    const url = await serve(ranged());
    const source = await httpSource(url);
    server!.close();
    server!.closeAllConnections();
    await expect(source.slice(0, 10)).rejects.toThrow("cannot be reached");
    const aborted = httpSource(url, { signal: AbortSignal.abort(new Error("stop")) });
    await expect(aborted).rejects.toThrow("stop");
  });

  test("sends the caller's headers", async () => {
    let token: string | undefined;
    const url = await serve((request, response) => {
      token = request.headers.authorization;
      ranged()(request, response);
    });
    await httpSource(url, { headers: { authorization: "Bearer x" } });
    expect(token).toBe("Bearer x");
  });
});
