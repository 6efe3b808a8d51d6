"""Relative error ||ours - theirs|| / ||theirs|| of a `turbo2k probe` output against diffusers or transformers.

    python compare.py MODULE_FOLDER inputs.safetensors ours.safetensors [--dtype f32|f64|bf16] [--max 1e-4]
"""

import argparse
import json
import sys

from modules import DTYPES, load_module, read_probe, relative_error, run_module, write_probe


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", help="module folder: config.json and weights")
    parser.add_argument("inputs")
    parser.add_argument("ours")
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="arithmetic of the Python side")
    parser.add_argument("--max", type=float, help="exit with 1 above this relative error")
    parser.add_argument("--save", help="write the Python side's output here")
    args = parser.parse_args()

    theirs = run_module(load_module(args.module), *read_probe(args.inputs), dtype=DTYPES[args.dtype])
    if args.save:
        write_probe(args.save, {name: value.float() for name, value in theirs.items()})
    ours, _ = read_probe(args.ours)
    report, failed = {}, False
    for name, value in theirs.items():
        if name not in ours or ours[name].shape != value.shape:
            got = list(ours[name].shape) if name in ours else "nothing"
            sys.exit(f"{args.ours}: {name} should be {list(value.shape)}, is {got}")
        error = relative_error(ours[name], value)
        report[name] = {
            "relative_error": error,
            "max_abs": (ours[name].double() - value.double()).abs().max().item(),
            "shape": list(value.shape),
        }
        failed |= args.max is not None and not error <= args.max
    print(json.dumps({"module": args.module, "dtype": args.dtype, "outputs": report}, indent=2))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
