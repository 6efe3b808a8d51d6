/**
 * A runtime that outlives its device. GPUs are lost in the middle of things: a driver is reset, a laptop sleeps, a
 * watchdog bites. What a run was given lies on the host, so it is simply run again on a new device: no step, tile or
 * text that was finished before is computed twice.
 */
import { DeviceLostError } from "../../base/errors.ts";
import type { Program } from "../../tensor/program.ts";
import type { CompileOptions, Executable } from "../../tensor/runtime.ts";
import type { WebGpuRuntime } from "./webgpu.ts";

export interface LastingOptions {
  /** Opens a device, the first one and those after it. */
  readonly open: () => Promise<WebGpuRuntime>;
  /** Hears of each loss after which a run goes on. */
  readonly onLoss?: ((sentence: string) => void) | undefined;
}

/**
 * A run or compilation that loses its device is tried once more on a new one; lost again, it fails. State (parameters in
 * training) goes with its device: there the loss is an error, and training goes on from its last snapshot.
 * @throws DeviceLostError from runs, as said, or where no new device can be had
 */
export async function createLasting({ open, onLoss }: LastingOptions): Promise<WebGpuRuntime> {
  let current = await open();
  let renewal: Promise<void> | undefined;

  const renew = async (lost: WebGpuRuntime, cause: DeviceLostError): Promise<void> => {
    lost.gpu.device.destroy(); // gives back what it still holds
    try {
      current = await open();
    } catch (failure) {
      throw new DeviceLostError(`${cause.message}, and no new device can be opened`, {
        cause: failure,
        hint: cause.hint,
      });
    }
    onLoss?.(`${cause.message}; a new device was opened, and the run goes on`);
  };

  const attempt = async <T>(work: (runtime: WebGpuRuntime) => Promise<T>): Promise<T> => {
    const used = current;
    try {
      return await work(used);
    } catch (cause) {
      if (!(cause instanceof DeviceLostError)) throw cause;
      if (used === current) await (renewal ??= renew(used, cause).finally(() => (renewal = undefined)));
      return work(current);
    }
  };

  /** An executable of whichever device there is, compiled again for a new one when it is first run there. */
  const compile = async (program: Program, options?: CompileOptions): Promise<Executable> => {
    let made: { readonly by: WebGpuRuntime; readonly executable: Promise<Executable> } | undefined;
    const on = (by: WebGpuRuntime): Promise<Executable> => {
      if (made?.by !== by) made = { by, executable: by.compile(program, options) };
      return made.executable;
    };
    await attempt(on);
    return {
      run: (inputs) => attempt(async (runtime) => (await on(runtime)).run(inputs)),
      timeOnDevice: (inputs, count) => attempt(async (runtime) => (await on(runtime)).timeOnDevice!(inputs, count)),
      dispose: () => void made?.executable.then((executable) => executable.dispose()).catch(() => {}),
    };
  };

  return {
    name: "webgpu",
    get gpu() {
      return current.gpu;
    },
    keeps: (kernel, node) => current.keeps(kernel, node),
    lower: (program, options) => current.lower(program, options),
    bytesOf: (program, options) => current.bytesOf(program, options),
    state: (initial) => attempt((runtime) => runtime.state(initial)),
    compile: (program, options) => (options?.state ? current.compile(program, options) : compile(program, options)),
  };
}
