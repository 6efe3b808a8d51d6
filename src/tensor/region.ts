/** A part of the graph that reverse mode recomputes instead of keeping its intermediate values. */
export interface Region {
  readonly id: number;
}

let region: Region | undefined;
let count = 0;

/** The region that is being traced. */
export const currentRegion = (): Region | undefined => region;

/**
 * Runs `body`; what it makes is recomputed in the backward pass instead of being kept for it (per-block
 * rematerialisation, Chen et al. 2016). Inside another `recompute` it belongs to the outer one.
 */
export function recompute<T>(body: () => T): T {
  if (region) return body();
  region = { id: ++count };
  try {
    return body();
  } finally {
    region = undefined;
  }
}
