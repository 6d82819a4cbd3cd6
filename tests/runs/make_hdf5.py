"""HDF5 files as people have them: make_hdf5.py weights DIR writes one network in every layout,
version of the format, storage and type, a name each; make_hdf5.py hostile DIR files that lead to
others; make_hdf5.py repack OLD NEW the same content in the newest format, packed, behind a user
block; make_hdf5.py without-seccomp COMMAND... runs it where the kernel refuses filters."""
import ctypes
import os
import sys

import h5py
import numpy as np

LAYERS = (("dense", 16, 5), ("dense_1", 5, 3))
VERSIONS = ("earliest", "v108", "latest")
STORAGE = {
    "plain": {},
    "chunks": {"chunks": True},
    "gzip": {"compression": "gzip"},
    "shuffle": {"compression": "gzip", "shuffle": True},
    "sums": {"fletcher32": True},
}
TYPES = ("<f4", ">f4", "<f2", ">f2", "<f8", ">f8", "V2")


def tensors():
    """Numbers that every type has."""
    for layer, rows, columns in LAYERS:
        kernel = (np.arange(rows * columns, dtype="f4") % 13 - 6) / 8
        yield layer, "kernel", kernel.reshape(rows, columns)
        yield layer, "bias", np.arange(columns, dtype="f4") / 4


def cast(values, dtype):
    if dtype != "V2":
        return values.astype(dtype)
    return (values.view("u4") >> 16).astype("<u2").view("V2")


def write(path, keras3, version="earliest", storage="plain", dtype="<f4", block=0, order=False):
    with h5py.File(path, "w", libver=version, userblock_size=block, track_order=order) as file:
        if not keras3:
            file.attrs["layer_names"] = [layer for layer, _, _ in LAYERS]
            for layer, _, _ in LAYERS:
                names = [f"{layer}/{name}:0".encode() for name in ("kernel", "bias")]
                file.create_group(layer, track_order=order).attrs["weight_names"] = names
        for layer, name, values in tensors():
            path = f"{layer}/{layer}/{name}:0"
            if keras3:
                path = f"layers/{layer}/vars/{('kernel', 'bias').index(name)}"
            file.create_dataset(path, data=cast(values, dtype), **STORAGE[storage])


def make_weights(directory):
    for keras3 in (False, True):
        def name(word):
            return f"{directory}/{word.replace('<', 'l').replace('>', 'b')}" + (
                ".weights.h5" if keras3 else ".h5")
        for version in VERSIONS:
            for order in (False, True):
                write(name(f"{version}-{order}"), keras3, version=version, order=order)
        for storage in STORAGE:
            for version in (VERSIONS[0], VERSIONS[-1]):
                write(name(f"{storage}-{version}"), keras3, storage=storage, version=version)
        for dtype in TYPES:
            write(name(f"type{dtype}"), keras3, dtype=dtype)
            write(name(f"type{dtype}-gzip"), keras3, dtype=dtype, storage="gzip")
        for block in (512, 4096):
            write(name(f"block{block}"), keras3, block=block)


def make_hostile(directory):
    """The first bias lies in another file, each in its way."""
    place = "dense/dense/bias:0"
    write(f"{directory}/other", False)
    for kind in ("link", "storage", "virtual"):
        path = f"{directory}/{kind}.h5"
        write(path, False, version="latest" if kind == "virtual" else "earliest")
        with h5py.File(path, "a") as file:
            del file[place]
            if kind == "link":
                file[place] = h5py.ExternalLink(f"{directory}/other", place)
            elif kind == "storage":
                file.create_dataset(place, (5,), "<f4", external=[(f"{directory}/other", 0, 20)])
            else:
                layout = h5py.VirtualLayout((5,), "<f4")
                layout[:] = h5py.VirtualSource(f"{directory}/other", place, (5,))
                file.create_virtual_dataset(place, layout)
    os.rename(f"{directory}/other", f"{directory}/other.bin")


def repack(old, new):
    with h5py.File(old) as file, h5py.File(new, "w", libver="latest", userblock_size=1024) as to:
        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                made = to.create_dataset(name, data=item[()], compression="gzip", shuffle=True)
            else:
                made = to.require_group(name)
            made.attrs.update(item.attrs)
        to.attrs.update(file.attrs)
        file.visititems(copy)


def without_seccomp(command):
    class Compare(ctypes.Structure):
        _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64),
                    ("b", ctypes.c_uint64)]
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    allow, fail, equal, set_seccomp = 0x7fff0000, 0x00050000 | 22, 4, 22
    state = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(allow)))
    call = library.seccomp_syscall_resolve_name
    first = Compare(0, equal, set_seccomp, 0)
    library.seccomp_rule_add_array(state, ctypes.c_uint32(fail), call(b"seccomp"), 0, None)
    library.seccomp_rule_add_array(state, ctypes.c_uint32(fail), call(b"prctl"), 1,
                                   ctypes.byref(first))
    if library.seccomp_load(state) != 0:
        sys.exit("no filters here")
    os.execv(command[0], command)


if __name__ == "__main__":
    {"weights": lambda words: make_weights(*words), "hostile": lambda words: make_hostile(*words),
     "repack": lambda words: repack(*words), "without-seccomp": without_seccomp}[sys.argv[1]](
         sys.argv[2:])
