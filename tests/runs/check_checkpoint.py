#!/usr/bin/python3
"""Check that a checkpoint opens in h5py as it is, and is what include/run/checkpoint.h describes.

usage: check_checkpoint.py step-00000937.h5

Reads the trailer without any code of dist-train. Prints the objects. Exit code 0: as described;
1: not so, with what was expected and found; 64: wrong usage.
"""
import sys

import h5py
import numpy as np

try:
    import xxhash
except ImportError:
    xxhash = None

MAGIC = b"\x89DTCKPT1"

ATTRIBUTES = {
    "/": {"format": "i", "version": "S", "status": "S", "config": "S", "architecture": "S",
          "parameter_hash": "S", "virtual_ranks": "i", "seed": "i", "epoch": "i", "step": "i",
          "step_in_epoch": "i", "samples": "i", "skipped": "i", "seconds": "f"},
    "/optimizer": {"kind": "S", "steps": "i", "product": "f"},
    "/running": {"loss_sum": "f", "correct": "i", "samples": "i", "gradient_norm": "f",
                 "plateau_best": "f", "plateau_epochs": "i", "plateau_drops": "i"},
    "/best": {"epoch": "i", "step": "i", "samples": "i", "val_accuracy": "f", "val_loss": "f",
              "test_accuracy": "f", "test_loss": "f", "epochs_since": "i"},
    "/tracked": {},
    "/data": {"name": "S", "fingerprint": "S", "train_samples": "i", "val_samples": "i",
              "test_samples": "i"},
}
ARRAYS = ["/parameters", "/average", "/optimizer/velocity", "/optimizer/square",
          "/optimizer/largest",
          "/best/parameters"]
TRACKED = ["/tracked/plays", "/tracked/gradient_norms", "/tracked/margins"]


class Deviation(Exception):
    pass


def expect(what, expected, found):
    if expected != found:
        raise Deviation(f"{what}: expected {expected!r}, found {found!r}")


def check_trailer(path):
    with open(path, "rb") as file:
        content = file.read()
    expect("magic", MAGIC, content[-24:-16])
    expect("size", int.from_bytes(content[-16:-8], "little"), len(content))
    if xxhash is None:
        print("hash of the file SKIPPED: python3-xxhash is not installed")
        return
    expect("hash", int.from_bytes(content[-8:], "little"), xxhash.xxh3_64_intdigest(content[:-8]))


def check_attributes(file):
    for path, kinds in ATTRIBUTES.items():
        found = file[path].attrs
        expect(f"attributes of {path}", sorted(kinds), sorted(found))
        for name, kind in kinds.items():
            array = np.asarray(found[name])
            expect(f"attribute {name} of {path}: shape", (), array.shape)
            expect(f"attribute {name} of {path}: kind", kind, array.dtype.kind)
            if kind != "S":
                expect(f"attribute {name} of {path}: bytes", 8, array.dtype.itemsize)
    expect("format", 2, int(file.attrs["format"]))
    if file.attrs["status"] not in (b"running", b"complete"):
        raise Deviation(f"status: expected running or complete, found {file.attrs['status']!r}")


def check_arrays(file):
    parameters = file["/parameters"]
    for path in ARRAYS:
        if path not in file:
            expect("/parameters", True, path != "/parameters")
            continue
        array = file[path]
        expect(f"{path}: type", "<f4", array.dtype.str)
        expect(f"{path}: shape", parameters.shape, array.shape)
        expect(f"{path}: finite", True, bool(np.isfinite(array[()]).all()))
    tracked = [path in file for path in TRACKED]
    expect("/tracked: plays, gradient_norms, margins", [tracked[0]] * 3, tracked)
    for path in TRACKED if tracked[0] else []:
        array = file[path]
        expect(f"{path}: type", "<f4", array.dtype.str)
        expect(f"{path}: shape", (file["/data"].attrs["train_samples"],), array.shape)
    if xxhash is not None:
        found = xxhash.xxh3_64_hexdigest(parameters[()].tobytes())
        expect("parameter_hash", found, file.attrs["parameter_hash"].decode())


def check_file(file):
    names = []
    file.visit(lambda name: names.append("/" + name))
    surplus = set(names) - set(ATTRIBUTES) - set(ARRAYS) - set(TRACKED) - {"/history"}
    expect("other objects", set(), surplus)
    check_attributes(file)
    check_arrays(file)
    history = file["/history"][()].decode("utf-8")
    for name in names:
        print(name)
    print(f"history: {len(history.splitlines())} lines")


def main(arguments):
    if len(arguments) != 1:
        print("usage: check_checkpoint.py step-00000937.h5", file=sys.stderr)
        return 64
    try:
        check_trailer(arguments[0])
        with h5py.File(arguments[0], "r") as file:
            check_file(file)
    except (Deviation, OSError, KeyError, UnicodeDecodeError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
