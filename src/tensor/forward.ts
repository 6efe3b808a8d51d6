/**
 * Forward-mode gradients (Jacobian-vector products), as graphs: for each primitive, the tangent of its result from
 * the tangents of its operands. An `undefined` tangent is zero.
 */
import type { OpAttributes, OpName } from "./ops.ts";
import { apply, concat, fill, type Tensor } from "./tensor.ts";

type Tangent = Tensor | undefined;
type Pushforward<K extends OpName> = (
  tangents: readonly Tangent[],
  out: Tensor,
  inputs: readonly Tensor[],
  attributes: OpAttributes[K],
) => Tangent;

const none = (): Tangent => undefined;
const plus = (a: Tangent, b: Tangent): Tangent => (a && b ? a.add(b) : (a ?? b));
const zeros = (like: Tensor): Tensor => fill(0, like.shape, like.dtype);

/** For operations that are linear in their only operand: the tangent goes the same way. */
const linear =
  <K extends OpName>(op: K): Pushforward<K> =>
  ([t], _, inputs, attributes) =>
    t && apply(op, attributes, [t, ...inputs.slice(1)]);

const scaled =
  (slope: (x: Tensor, out: Tensor) => Tensor): Pushforward<OpName> =>
  ([t], out, [x]) =>
    t?.mul(slope(x!, out));

const pick = (t: readonly [Tangent, Tangent], condition: Tensor, out: Tensor): Tangent =>
  t[0] || t[1] ? condition.select(t[0] ?? zeros(out), t[1] ?? zeros(out)).broadcast(out.shape) : undefined;

export const pushforwards = {
  input: none,
  parameter: none,
  constant: none,
  fill: none,
  neg: linear("neg"),
  exp: scaled((_, out) => out),
  log: ([t], _, [x]) => t?.div(x!),
  sqrt: ([t], out) => t?.mul(0.5).div(out),
  rsqrt: scaled((_, out) => out.mul(out).mul(out).mul(-0.5)),
  sin: scaled((x) => x.cos()),
  cos: scaled((x) => x.sin().neg()),
  tanh: scaled((_, out) => out.mul(out).neg().add(1)),
  sigmoid: scaled((_, out) => out.sub(out.mul(out))),
  abs: scaled((x) => x.sign()),
  sign: none,
  floor: none,
  not: none,
  cast: ([t], out) => (out.dtype === "i32" || out.dtype === "bool" ? undefined : t?.cast(out.dtype)),
  add: ([a, b], out) => plus(a, b)?.broadcast(out.shape),
  sub: ([a, b], out) => plus(a, b?.neg())?.broadcast(out.shape),
  mul: ([ta, tb], _, [a, b]) => plus(ta?.mul(b!), tb?.mul(a!)),
  div: ([ta, tb], out, [, b]) => plus(ta?.div(b!), tb?.mul(out).div(b!).neg()),
  pow: ([ta, tb], out, [a, b]) => plus(ta?.mul(b!).mul(a!.pow(b!.sub(1))), tb?.mul(out).mul(a!.log())),
  max: ([ta, tb], out, [a, b]) => pick([ta, tb], b!.less(a!), out),
  min: ([ta, tb], out, [a, b]) => pick([ta, tb], a!.less(b!), out),
  less: none,
  equal: none,
  select: ([, ta, tb], out, [condition]) => pick([ta, tb], condition!, out),
  sum: linear("sum"),
  amax: ([t], out, [x], { axes }) => {
    if (!t) return undefined;
    const hit = x!.equal(out.broadcast(x!.shape)).cast(x!.dtype);
    return hit.mul(t).sum(axes, true).div(hit.sum(axes, true));
  },
  matmul: ([ta, tb], _, [a, b], attributes) => plus(ta?.matmul(b!, attributes), tb && a!.matmul(tb, attributes)),
  conv: ([tx, tw], _, [x, w], attributes) => plus(tx?.conv(w!, attributes), tw && x!.conv(tw, attributes)),
  reshape: linear("reshape"),
  permute: linear("permute"),
  broadcast: linear("broadcast"),
  slice: linear("slice"),
  pad: linear("pad"),
  concat: (tangents, _, inputs, { axis }) =>
    tangents.some(Boolean)
      ? concat(
          inputs.map((x, i) => tangents[i] ?? zeros(x)),
          axis,
        )
      : undefined,
  flip: linear("flip"),
  gather: linear("gather"),
  "scatter-add": linear("scatter-add"),
  barrier: linear("barrier"),
  kernel: none, // handled in `tangentsOf`: through the kernel's definition
} satisfies { [K in OpName]: Pushforward<K> };

/** Tangents of `outputs` when each key of `seeds` moves along its value; zero where nothing moves. */
export function tangentsOf(outputs: readonly Tensor[], seeds: ReadonlyMap<Tensor, Tensor>): Tensor[] {
  const known = new Map<Tensor, Tangent>(seeds);
  const visit = (root: Tensor): void => {
    const pending = [root];
    while (pending.length) {
      const node = pending.at(-1)!;
      if (known.has(node)) {
        pending.pop();
        continue;
      }
      const from = node.is("kernel") ? [node.expansion!] : node.inputs;
      const missing = from.filter((x) => !known.has(x));
      if (missing.length) {
        pending.push(...missing);
        continue;
      }
      pending.pop();
      const tangents = from.map((x) => known.get(x));
      if (!tangents.some(Boolean)) known.set(node, undefined);
      else if (node.is("kernel")) {
        node.differentiated = true;
        known.set(node, tangents[0]);
      } else
        known.set(node, (pushforwards[node.op] as Pushforward<OpName>)(tangents, node, node.inputs, node.attributes));
    }
  };
  for (const output of outputs) visit(output);
  return outputs.map((x) => known.get(x) ?? zeros(x));
}
