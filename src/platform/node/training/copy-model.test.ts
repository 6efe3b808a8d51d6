import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inFolder } from "../video/testing.ts";
import { copyModel } from "./copy-model.ts";

test("links that an earlier copy left are replaced, not written through", () =>
  inFolder(async (folder) => {
    const [one, other] = [join(folder, "one"), join(folder, "other")];
    await mkdir(join(one, "vae"), { recursive: true });
    await mkdir(other);
    await writeFile(join(one, "vae/config.json"), "{}");
    await writeFile(join(one, "settings.json"), "one");
    await symlink(join(one, "vae"), join(other, "vae"));
    await symlink(join(one, "settings.json"), join(other, "settings.json"));
    await copyModel(one, other, { except: ["README.md"] });
    await copyModel(one, one);
    await writeFile(join(other, "settings.json"), "other");
    await writeFile(join(other, "vae/config.json"), "[]");
    expect(await readFile(join(one, "settings.json"), "utf8")).toBe("one");
    expect(await readFile(join(one, "vae/config.json"), "utf8")).toBe("{}");
    await copyModel(one, join(folder, "third"), { only: ["vae"] });
    expect(await readdir(join(folder, "third"))).toEqual(["vae"]);
  }));
