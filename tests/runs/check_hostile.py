"""Texts that a terminal obeys or that deceive a reader.

check_hostile.py make RUN    files with such texts beside RUN/weights.h5 and RUN/insight.h5, in "."
check_hostile.py name        such a text, as the name of a file
check_hostile.py safe FILE...  none of it stands in these files: exit code 1 and a line if it does
check_hostile.py same RUN NAME  config.ini, summary.json of the run tell NAME as it is
"""
import json
import os
import shutil
import struct
import sys
import unicodedata

import h5py
import numpy

TEXT = ("\x1b]0;own\x07\x1b[31mred\x7f\r\n\u009b32m\u0085\u202egpj\u2066\u200f\u2028\u200b\ufeff"
        "\U000e0041é")
NAME = TEXT[TEXT.index("\u009b"):]  # settings have no control characters of ASCII
KEPT = "\u200c\u200d"  # joiners


def make(run):
    shutil.copy(f"{run}/weights.h5", "weights.h5")
    with h5py.File("weights.h5", "r+") as file:
        for name in ("data_source", "version"):
            file.attrs[f"dist_train.{name}"] = numpy.bytes_(TEXT.encode()[:50])
    shutil.copy(f"{run}/insight.h5", "insight.h5")
    with h5py.File("insight.h5", "r+") as file:
        for name in list(file["facts"].attrs)[1:]:
            file["facts"].attrs[name] = numpy.bytes_(TEXT.encode())
    with h5py.File("other.h5", "w") as file:
        file["/".join(2 * [TEXT[:16]])] = [1.0]  # ASCII: others make h5py write links of another form
    values = {"kernel": numpy.ones((16, 3), "f4"), "bias": numpy.ones(3, "f4")}
    with h5py.File("keras.h5", "w") as file:
        layer = TEXT[:16].encode()
        file.attrs["layer_names"] = [layer]
        group = file.create_group(layer)
        group.attrs["weight_names"] = [b"k/" + part.encode() + b":0" for part in values]
        for part, value in values.items():
            group[f"k/{part}:0"] = value
    numpy.savez("names.npz", **{TEXT + ".weight": values["kernel"].T, TEXT + ".bias": values["bias"]})
    numpy.savez("bad.npz", **{TEXT: numpy.ones(1, "i8")})
    for path, kind in (("names.safetensors", "F32"), ("bad.safetensors", TEXT)):
        header, data = {"__metadata__": {TEXT: TEXT}}, b""
        for part, value in (("weight", values["kernel"].T), ("bias", values["bias"])):
            bytes_ = value.tobytes()
            header[f"{TEXT}.{part}"] = {"dtype": kind, "shape": list(value.shape),
                                        "data_offsets": [len(data), len(data) + len(bytes_)]}
            data += bytes_
        text = json.dumps(header, ensure_ascii=False).encode()
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + data)
    with open("hostile.ini", "w", newline="") as file:
        file.write(f"[data]\ndata = {NAME}\n[{NAME}]\n")
    with open("control.ini", "w", newline="") as file:
        file.write(f"[data]\nda{NAME} = 1\n")
    with open(NAME + ".png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + TEXT.encode())


def dangerous(character):
    """The law, by what Unicode says of a character and not by a list of ours."""
    kind = unicodedata.category(character)
    return (character not in "\n\t" + KEPT and kind in ("Cc", "Cf", "Cs", "Zl", "Zp") or
            unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI"))


def safe(paths):
    for path in paths:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8", "surrogateescape")
        found = [(i, character) for i, character in enumerate(text) if dangerous(character)]
        if found:
            at, character = found[0]
            print(f"{path!a}: {ascii(character)} at {at}: {text[max(0, at - 40):at + 20]!a}")
            sys.exit(1)


def same(run, name):
    with open(f"{run}/summary.json") as file:
        found = json.load(file)["data_source"]
    if found != "MNIST-type files in " + name:
        print(f"summary.json: expected {name!a}, found {found!a}")
        sys.exit(1)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
    elif sys.argv[1] == "name":
        print(NAME, end="")
    elif sys.argv[1] == "safe":
        safe(sys.argv[2:])
    else:
        same(sys.argv[2], sys.argv[3])
