/** Adam with decoupled weight decay (Loshchilov and Hutter 2019), clipping and averaging, as part of the program. */
import { type HostTensor, hostTensor, sizeOf } from "../tensor/dtype.ts";
import { fill, input, parameter, type Tensor } from "../tensor/tensor.ts";
import { initialMoment, type MomentStorage, momentOf } from "./moments.ts";

export interface AdamConfig {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest global norm of the gradients. */
  readonly clip: number;
  /** Decay of the running average of weights per step, once warm; 0 keeps none. */
  readonly average: number;
  /**
   * Weights with more inputs than this move less, by the root of the ratio, so that steps stay in proportion to how
   * large weights start (compare maximal-update parametrisation: Yang et al. 2022, arXiv 2203.03466); 0: all alike.
   */
  readonly fanIn: number;
  /** How moments are kept between steps: `moments.ts`. */
  readonly moments: MomentStorage;
}

export const adamDefaults: AdamConfig = {
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0,
  clip: 1,
  average: 0.999,
  fanIn: 0,
  moments: "f32",
};

/** Names of what the optimiser keeps beside a parameter. */
export const momentNames = (name: string) => ({ first: `${name}#m`, second: `${name}#v`, average: `${name}#average` });

/** Share of the learning rate that a parameter gets. */
function shareOf({ rank, shape }: Tensor, fanIn: number): number {
  return fanIn && rank > 1 ? Math.min(1, Math.sqrt(fanIn / sizeOf(shape.slice(1)))) : 1;
}

/** Sum over tensors of the sum of squares: [] */
function squaredNorm(tensors: readonly Tensor[]): Tensor {
  return tensors.map((x) => x.square().sum()).reduce((sum, x) => sum.add(x));
}

/**
 * New values for parameters and moments, to be put into a program as updates. The host feeds `adam.rate` (learning
 * rate with both bias corrections), `adam.floor` (ε with its correction), `adam.decay` (1 - rate · weight decay) and
 * `adam.average`; see `adamInputs`.
 */
export function adam(
  parameters: readonly Tensor[],
  gradients: readonly Tensor[],
  config: AdamConfig,
): { updates: Map<Tensor, Tensor>; norm: Tensor } {
  const scalar = (name: string) => input(`adam.${name}`, []);
  const [rate, floor, decay, mix] = [scalar("rate"), scalar("floor"), scalar("decay"), scalar("average")];
  const norm = squaredNorm(gradients).sqrt();
  const shrink = fill(config.clip).div(norm.add(1e-12)).min(1);
  const updates = new Map<Tensor, Tensor>();
  for (const [index, p] of parameters.entries()) {
    const names = momentNames(p.name!);
    const held = (name: string) => Object.assign(parameter(p.shape), { name });
    const m = momentOf(names.first, p.shape, "first", config.moments);
    const v = momentOf(names.second, p.shape, "second", config.moments);
    const g = gradients[index]!.mul(shrink);
    const first = m.value.add(g.sub(m.value).mul(1 - config.beta1));
    const second = v.value.add(
      g
        .square()
        .sub(v.value)
        .mul(1 - config.beta2),
    );
    const moved = (config.weightDecay && p.rank > 1 ? p.mul(decay) : p).sub(
      first.div(second.sqrt().add(floor)).mul(rate.mul(shareOf(p, config.fanIn))),
    );
    for (const [state, next] of [...m.next(first), ...v.next(second)]) updates.set(state, next);
    updates.set(p, moved);
    if (config.average) {
      const average = held(names.average);
      updates.set(average, average.add(moved.sub(average).mul(mix)));
    }
  }
  return { updates, norm };
}

/** Inputs of `adam` for step `step` (from 1) at learning rate `rate`. */
export function adamInputs(
  step: number,
  rate: number,
  { beta1, beta2, epsilon, weightDecay, average }: AdamConfig,
): Record<string, HostTensor> {
  const correction = Math.sqrt(1 - beta2 ** step);
  const scalar = (value: number) => hostTensor([value], []);
  return {
    "adam.rate": scalar((rate * correction) / (1 - beta1 ** step)),
    "adam.floor": scalar(epsilon * correction),
    "adam.decay": scalar(1 - rate * weightDecay),
    // The average catches up fast at first: (1 + t) / (10 + t) as in common practice.
    "adam.average": scalar(1 - Math.min(average, (1 + step) / (10 + step))),
  };
}

/** Moments at zero, averages at the parameters' own values. */
export function initialMoments(values: ReadonlyMap<string, HostTensor>, config: AdamConfig): Map<string, HostTensor> {
  const out = new Map(values);
  for (const [name, value] of values) {
    const names = momentNames(name);
    for (const kind of ["first", "second"] as const)
      for (const [held, zero] of initialMoment(names[kind], value.shape, kind, config.moments)) out.set(held, zero);
    if (config.average) out.set(names.average, value);
  }
  return out;
}
