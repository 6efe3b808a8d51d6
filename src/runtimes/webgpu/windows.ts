/**
 * Shaders that compute part of their group's result and bind only what that part needs. A value that is larger than a binding
 * lies in pieces; a window shows some successive ones.
 */
import type { Span, WgslKernel } from "../../kernels/wgsl.ts";
import type { Node } from "../../tensor/program.ts";
import type { Group } from "./fuse.ts";
import { reach } from "./reach.ts";
import { bindingsOf, chunksOf, type Storage } from "./shader.ts";

/** Pieces of a value. */
export interface Window {
  readonly first: number;
  readonly count: number;
}

/** Successive workgroups, and what they see of the group's result and of each leaf, by node. */
export interface Part {
  readonly groups: Span;
  readonly windows: ReadonlyMap<number, Window>;
}

export interface Bound {
  readonly nodes: readonly Node[];
  readonly storageOf: (node: number) => Storage;
  /** Storage bindings of one shader. */
  readonly bindings: number;
}

/** Bindings that a group takes where it sees all of its values. */
export const bindingsOfGroup = ({ root, leaves }: Group, storageOf: Bound["storageOf"]): number =>
  leaves.reduce((sum, leaf) => sum + bindingsOf(storageOf(leaf)), chunksOf(storageOf(root)));

/**
 * The parts of a group's work, each as long as it takes no more bindings than its first workgroup alone, so that most of them
 * see one piece of a value. Nothing where a workgroup alone takes too many.
 */
export function partsOf(group: Group, kernel: WgslKernel, { nodes, storageOf, bindings }: Bound): Part[] | undefined {
  if (!kernel.stores) return undefined;
  const windowsOf = (groups: Span) => {
    const stored = kernel.stores!(groups);
    const spans = reach(nodes, group, stored);
    const windows = group.leaves.map((leaf) => [leaf, windowOf(storageOf(leaf), spans.get(leaf))] as const);
    return new Map([[group.root, windowOf(storageOf(group.root), stored)], ...windows]);
  };
  const takes = (groups: Span) =>
    [...windowsOf(groups)].reduce((sum, [at, { count }]) => sum + count + (storageOf(at).rows ? 1 : 0), 0);
  const parts: Part[] = [];
  for (let first = 0; first < kernel.groups; ) {
    const least = takes([first, first + 1]);
    if (least > bindings) return undefined;
    let [last, beyond] = [first + 1, kernel.groups + 1];
    while (beyond - last > 1) {
      const middle = Math.floor((last + beyond) / 2);
      if (takes([first, middle]) <= least) last = middle;
      else beyond = middle;
    }
    parts.push({ groups: [first, last], windows: windowsOf([first, last]) });
    first = last;
  }
  return parts;
}

/** The pieces in which a span lies; the first one where nothing is needed, for shaders name it all the same. */
function windowOf({ chunk }: Storage, [from, to]: Span = [0, 1]): Window {
  const first = Math.floor(from / chunk);
  return { first, count: Math.ceil(to / chunk) - first };
}
