// mini beside the built page: dist/studio is then a folder that any static host can serve. It stays out of the packed
// tarball, which has the same files in assets/ already; `turbo2k studio` serves them from there.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { placeModel } from "../dist/platform/node/studio/page.js";

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
if (existsSync(path("assets/mini"))) await placeModel(path("assets/mini"), path("dist/studio"));
