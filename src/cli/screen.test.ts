import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { Screen } from "./screen.ts";
import { bytes, duration } from "./units.ts";

/** A screen and what it has written. */
function watched(isTTY: boolean) {
  const written = { out: "", err: "" };
  const into = (key: keyof typeof written, extra = {}) =>
    Object.assign(
      new Writable({
        write(chunk, _, done) {
          written[key] += chunk;
          done();
        },
      }),
      extra,
    );
  const columns = { isTTY, columns: 80 };
  return { screen: new Screen({ stdout: into("out"), stderr: into("err", columns) }), written };
}

test("without a terminal a stage is one line, when it is done", () => {
  const { screen, written } = watched(false);
  screen.note("begins");
  for (let step = 0; step <= 20; step++) screen.progress("denoise", step, 20);
  screen.out("result");
  expect(written.err).toMatch(/^begins\ndenoise 20\/20 {2}0\.\d s\n$/);
  expect(written.out).toBe("result\n");
});

test("on a terminal there is a bar, and lines do not tear it", () => {
  const { screen, written } = watched(true);
  screen.progress("denoise", 0, 20);
  screen.progress("denoise", 5, 20, "loss 0.1");
  screen.note("note: halfway");
  screen.progress("denoise", 20, 20);
  screen.end();
  expect(written.err).toContain("░");
  expect(written.err).toContain("denoise");
  expect(written.err).toMatch(/\n.*note: halfway\n/);
  expect(written.err).toContain("20/20");
  expect(written.err.lastIndexOf("\u001b[?25h")).toBeGreaterThan(written.err.lastIndexOf("\u001b[?25l")); // cursor back
});

test("units", () => {
  expect([0.04, 9.9, 12.4, 200, 7500].map(duration)).toEqual(["0.0 s", "9.9 s", "12 s", "3 min 20 s", "2 h 5 min"]);
  expect([1e3, 3e8, 1.5e9].map(bytes)).toEqual(["1 MB", "300 MB", "1.5 GB"]);
});
