/** The engine's worker. */

import glue from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import * as ort from "onnxruntime-web/wasm";
import { chooseDevice } from "../src/platform/browser/devices/choose.ts";
import { openWasm } from "../src/platform/browser/devices/wasm.ts";
import { serveEngine } from "../src/platform/browser/worker/serve.ts";

const here = (url: string) => new URL(url, import.meta.url).href;
const openFallback = () => openWasm(ort, { paths: { wasm: here(wasm), mjs: here(glue) } });

serveEngine({ openDevice: (choice) => chooseDevice(choice, { wasm: openFallback }) });
