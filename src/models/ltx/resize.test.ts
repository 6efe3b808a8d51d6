import { expect, test } from "vitest";
import { gaussian } from "../../base/philox.ts";
import { reference } from "../../runtimes/reference/reference.ts";
import { hostTensor } from "../../tensor/dtype.ts";
import { buildProgram } from "../../tensor/program.ts";
import { constant } from "../../tensor/tensor.ts";
import { resizeWithin, resizing, resizingOf } from "./resize.ts";

test("a large cell reads its source cell's moments by Legendre polynomials of its place in it", async () => {
  const [from, to] = [
    { frames: 2, height: 2, width: 3 },
    { frames: 2, height: 5, width: 8 },
  ];
  const [moments, channels] = [3, 4];
  const matrices = resizingOf(resizing(from, to, { moments }), (value) => constant(value));
  const shape = [1, 12, moments * moments * channels];
  const x = hostTensor(gaussian(12 * moments * moments * channels, 1, "x"), shape);
  const out = resizeWithin(constant(x), matrices);
  const executable = await reference.compile(buildProgram({ out }), { weights: new Map() });
  const { data } = (await executable.run({}))["out"]!;
  const polynomials = [(_: number) => 1, (u: number) => u, (u: number) => 1.5 * u * u - 0.5];
  const placeOf = (cell: number, large: number, small: number) => {
    const place = ((cell + 0.5) * small) / large;
    return { source: Math.floor(place), u: 2 * (place % 1) - 1 };
  };
  for (let f = 0; f < 2; f++)
    for (let y = -1; y <= 5; y++)
      for (let x_ = -1; x_ <= 8; x_++)
        for (let c = 0; c < channels; c++) {
          const isOutside = y < 0 || y === 5 || x_ < 0 || x_ === 8;
          const [row, column] = [placeOf(y, 5, 2), placeOf(x_, 8, 3)];
          let wanted = 0;
          if (!isOutside)
            for (let a = 0; a < moments; a++)
              for (let b = 0; b < moments; b++) {
                const token = (f * 2 + row.source) * 3 + column.source;
                const value = x.data[(token * moments * moments + a * moments + b) * channels + c]!;
                wanted += polynomials[a]!(row.u) * polynomials[b]!(column.u) * value;
              }
          expect(data[((f * 7 + y + 1) * 10 + x_ + 1) * channels + c]).toBeCloseTo(wanted, 5);
        }
});
