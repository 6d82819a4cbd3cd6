#!/usr/bin/python3
"""Check that a weights file is one that Keras' load_weights takes for a model of dense layers.

usage: check_weights.py weights.h5 784,128,64,10 [--no-bias]

Follows the loader of Keras' legacy HDF5 format (legacy_h5_format.py, load_weights_from_hdf5_group),
written anew from its rules: names as bytes or text, also split over NAME0, NAME1, ...; layers
without weights do not count; layers are paired by order, weights by their order in the layer.
Prints the shapes. Exit code 0: Keras would load it, and the facts of dist-train are consistent;
1: it is not so, with what was expected and found; 64: wrong usage.
"""
import sys

import h5py
import numpy as np

try:
    import xxhash
except ImportError:
    xxhash = None

PREFIX = "dist_train."


class Deviation(Exception):
    pass


def expect(what, expected, found):
    if expected != found:
        raise Deviation(f"{what}: expected {expected!r}, found {found!r}")


def text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def names(group, key):
    """A list of names in an attribute, or in the pieces KEY0, KEY1, ... that Keras makes of it."""
    if key in group.attrs:
        pieces = [group.attrs[key]]
    else:
        pieces = []
        while f"{key}{len(pieces)}" in group.attrs:
            pieces.append(group.attrs[f"{key}{len(pieces)}"])
    for piece in pieces:
        expect(f"{group.name}: dimensions of attribute {key}", 1, np.ndim(piece))
    return [text(name) for piece in pieces for name in piece]


def attribute(file, key):
    if key not in file.attrs:
        raise Deviation(f"attribute {key}: expected at the root, found {sorted(file.attrs)}")
    return file.attrs[key]


def check_header(file):
    if "layer_names" not in file.attrs and "model_weights" in file:
        raise Deviation("/: expected a weights file, found a whole Keras model")
    expect("attribute backend", "tensorflow", text(attribute(file, "backend")))
    # Loaders for TensorFlow 2.3 and before call .decode() on these two.
    for key in ("backend", "keras_version"):
        if not hasattr(file.attrs[key], "decode"):
            raise Deviation(f"attribute {key}: expected a fixed-length string, found variable length")
    major = text(attribute(file, "keras_version")).split(".")[0]
    if not major.isdigit() or int(major) < 2:
        raise Deviation(f"attribute keras_version: expected 2 or later, found {major!r}")


def check_layers(file, sizes, bias):
    """All parameters, in model order, after pairing layers and weights as Keras does."""
    layers = [name for name in names(file, "layer_names") if names(file[name], "weight_names")]
    expect("layers with weights", len(sizes) - 1, len(layers))
    expect("groups at the root", sorted(names(file, "layer_names")), sorted(file))

    parameters = []
    for index, layer in enumerate(layers):
        expect(f"name of layer {index}", "dense" + (f"_{index}" if index else ""), layer)
        shapes = [(sizes[index], sizes[index + 1])] + ([(sizes[index + 1],)] if bias else [])
        weights = names(file[layer], "weight_names")
        expect(f"weights of layer {layer}", len(shapes), len(weights))
        for name, kind, shape in zip(weights, ("kernel", "bias"), shapes):
            expect(f"name of a weight of layer {layer}", f"{layer}/{kind}:0", name)
            data = file[layer][name]
            expect(f"{data.name}: type", "<f4", data.dtype.str)
            expect(f"{data.name}: shape", shape, data.shape)
            values = np.asarray(data)
            if not np.isfinite(values).all():
                raise Deviation(f"{data.name}: expected finite numbers, found NaN or infinity")
            print(f"{data.name} {list(data.shape)}")
            parameters.append(values.tobytes())
    return b"".join(parameters)


def check_hash(file, parameters):
    found = text(attribute(file, PREFIX + "parameter_hash"))
    if len(found) != 16 or set(found) - set("0123456789abcdef"):
        raise Deviation(f"attribute {PREFIX}parameter_hash: expected 16 hexadecimal digits, "
                        f"found {found!r}")
    if xxhash is None:
        print(f"parameter_hash {found} SKIPPED: python3-xxhash is not installed")
        return
    expect(f"attribute {PREFIX}parameter_hash", xxhash.xxh3_64_hexdigest(parameters), found)
    print(f"parameter_hash {found}")


def main(arguments):
    bias = "--no-bias" not in arguments
    arguments = [argument for argument in arguments if argument != "--no-bias"]
    try:
        path, sizes = arguments
        sizes = [int(size) for size in sizes.split(",")]
    except ValueError:
        print("usage: check_weights.py weights.h5 784,128,64,10 [--no-bias]", file=sys.stderr)
        return 64
    try:
        with h5py.File(path, "r") as file:
            check_header(file)
            check_hash(file, check_layers(file, sizes, bias))
    except (Deviation, OSError, KeyError) as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
