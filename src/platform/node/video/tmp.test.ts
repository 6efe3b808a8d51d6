import { test } from "vitest";
import { readdirSync } from "node:fs";
import { execSync } from "node:child_process";
import { smoothClip, collect } from "./testing.ts";
import { readVideo } from "./read.ts";
import { writeVideo } from "./write.ts";
test("x", async () => {
  const o = { width: 160, height: 96, fps: 24 };
  const noise = smoothClip(25, 160, 96).map((f) => ({ ...f, data: f.data.map(() => Math.random() * 256) }));
  for (const p of ["/tmp/tiny/x/a.mp4", "/tmp/tiny/x/a.gif", "/tmp/tiny/x/%03d.png", "/tmp/tiny/x/a.webm"]) {
    console.log(p, await writeVideo(p, noise, o).catch((e) => [e.constructor.name, e.message, e.hint]), readdirSync("/tmp/tiny"));
  }
  execSync("mount -o remount,ro /tmp/tiny");
  console.log(await writeVideo("/tmp/tiny/a.mp4", noise, o).catch((e) => [e.constructor.name, e.message, e.hint]));
  execSync("mount -o remount,rw /tmp/tiny");
  const big = smoothClip(9, 2560, 1440);
  for (const p of ["/tmp/big.mp4", "/tmp/big.webm", "/tmp/big-%d.png", "/tmp/big.png"]) {
    let t = performance.now();
    await writeVideo(p, big, { width: 2560, height: 1440, fps: 24, force: true });
    const w = performance.now() - t; t = performance.now();
    const n = (await collect(readVideo(p))).length;
    console.log(p, "write ms/frame", w / 9, "read ms/frame", (performance.now() - t) / n, execSync("ls -l " + p.replace("%d", "0")).toString());
  }
});
