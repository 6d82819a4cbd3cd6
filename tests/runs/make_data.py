"""Data sets as people have them, of the same small images: what is trained on must not differ.

usage: make_data.py FORM DIR [OPTION=VALUE...]

Makes DIR with 60 training and 20 test images of 8 x 6 pixels in 4 classes (of 6 x 6: "square", and
what says so below), in one of the forms below. The forms differ in names, packing and types alone,
so that all give the same weights.
"""
import gzip
import os
import struct
import sys

import numpy as np

from photographs import write_picture

NAMES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
         "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}


INSECTS = ("ant", "bee", "moth", "wasp")


def samples(classes=4, square=False):
    random = np.random.default_rng(7)
    patterns = random.integers(0, 256, (classes, 8, 6))
    parts = {}
    for part, count in (("train", 60), ("test", 20)):
        labels = np.concatenate((np.arange(classes), random.integers(0, classes, count - classes)))
        noise = random.integers(-40, 41, (count, 8, 6))
        parts[part] = np.clip(patterns[labels] + noise, 0, 255).astype(np.uint8), labels
    if square:
        parts = {part: (images[:, 1:7].copy(), labels) for part, (images, labels) in parts.items()}
        for images, _ in parts.values():
            images[:, :, -1] = images[:, 0] = 0  # as in most sets
    return parts


def idx(array):
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12}[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(path, content, pack=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pack = path.endswith(".gz") if pack is None else pack
    with open(path, "wb") as file:
        file.write(gzip.compress(content) if pack else content)


def write_idx(directory, name=lambda part, kind: NAMES[part][kind], parts=("train", "test"),
              labels=lambda values: values.astype(np.uint8), first=0, pack=None, classes=4,
              transpose=False, by_class=False, square=False):
    for part in parts:
        images, classes_of = samples(classes, square)[part]
        order = np.argsort(classes_of, kind="stable") if by_class else slice(None)
        images, classes_of = images[order], classes_of[order]
        images = images.transpose(0, 2, 1) if transpose else images
        for kind, array in enumerate((images, labels(classes_of + first))):
            write(os.path.join(directory, name(part, kind)), idx(array), pack)


def renamed(change, **more):
    return lambda directory: write_idx(
        directory, lambda part, kind: change(NAMES[part][kind]), **more)


def qmnist(directory):
    columns = lambda values: np.stack([values] + [values * 7 + i for i in range(7)], 1)
    write_idx(directory, lambda part, kind: f"qmnist-{part}-" + (
        "images-idx3-ubyte.gz", "labels-idx2-int.gz")[kind],
              labels=lambda values: columns(values).astype(np.int32))


def members(directory):
    """Each file as three gzip members, with zeros behind."""
    write_idx(directory, lambda part, kind: NAMES[part][kind] + ".gz", pack=False)
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        with open(path, "rb") as file:
            content = file.read()
        packed = b"".join(map(gzip.compress, (content[:21], content[21:30], content[30:])))
        write(path, packed + bytes(10240 - len(packed) % 10240), False)


def folder(directory, parts=("train", "test"), classes="0123", ending=".png",
           change=lambda image, number: image):
    """A folder a class. A file is named by its place, so that their order is that of by-class."""
    for (images, labels), part in zip(samples().values(), parts):
        for number, (image, label) in enumerate(zip(images, labels)):
            path = os.path.join(directory, part, classes[label], f"{number:03}{ending}")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_picture(path, change(image, number))


def npz(path, names=("x_train", "y_train", "x_test", "y_test"), images=lambda a: a,
        labels=lambda a: a.astype(np.uint8), save=np.savez_compressed, square=False):
    arrays = [change(array) for part in samples(square=square).values()
              for change, array in zip((images, labels), part)]
    save(path, **dict(zip(names, arrays)))


def hdf5(**options):
    def save(path, **arrays):
        import h5py
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array, **options)
    return save


def huge(path):
    """Far more images than the file has bytes."""
    import h5py
    with h5py.File(path, "w") as file:
        file.create_dataset("x_train", (2**31 - 1, 28, 28), "u1", chunks=(1000, 28, 28))
        file["y_train"] = np.zeros(10, np.uint8)


def csv(directory, names=("train.csv", "test.csv"), row=lambda label, pixels: [label] + pixels,
        header=["label"] + [f"pixel{i}" for i in range(36)], end="\n", comma=",", start="",
        quote="", pixel=int, pack=None):
    for name, (images, labels) in zip(names, samples(square=True).values()):
        rows = [row(int(label), [pixel(value) for value in image.ravel()])
                for image, label in zip(images, labels)]
        text = start + "".join(comma.join(f"{quote}{value}{quote}" for value in line) + end
                               for line in ([header] if header else []) + rows)
        write(os.path.join(directory, name), text.encode(), pack)


def kaggle(directory):
    """The test part has no labels."""
    csv(directory)
    csv(directory, ("other.csv", "test.csv"), row=lambda label, pixels: pixels,
        header=[f"pixel{i}" for i in range(36)])
    os.remove(os.path.join(directory, "other.csv"))
    write(os.path.join(directory, "sample_submission.csv"), b"ImageId,Label\n1,0\n")


def bad_pixel(array):
    array = array.astype(np.int16)
    array[3, 2, 1] = 300
    return array


def wrong_label(array):
    array = array.astype(np.uint8)
    if len(array) == 60:  # of the training part
        array[0] = 70
    return array


FORMS = {
    "npz": npz,
    "npz-stored": lambda path: npz(path, save=np.savez),
    "npz-words": lambda path: npz(
        path, ("train_images", "train_labels", "test_images", "test_labels"),
        images=lambda a: a[..., None], labels=lambda a: a[:, None].astype(np.int64)),
    "npz-unit": lambda path: npz(path, images=lambda a: (a / 255).astype(np.float32)),
    "npz-bits": lambda path: npz(path, images=lambda a: (a > 99).astype(np.uint8)),
    "npz-black": lambda path: npz(path, images=lambda a: (a > 99) * np.uint8(255)),
    "npz-val": lambda path: npz(
        path, ("train_images", "train_labels", "val_images", "val_labels"),
        images=lambda a: (a / 255).astype(np.float32)),
    "npz-wrong": lambda path: npz(path, labels=wrong_label),
    "npz-floats": lambda path: npz(path, images=lambda a: a.astype(np.float64), save=np.savez),
    "npz-flat": lambda path: npz(path, images=lambda a: a.astype(np.float16)),
    "npz-one-hot": lambda path: npz(path, labels=lambda a: np.eye(4, dtype=np.float32)[a]),
    "npz-wide": lambda path: npz(path, labels=lambda a: np.eye(7, dtype=np.uint8)[a + 2]),
    "npz-half": lambda path: npz(
        path, labels=lambda a: np.eye(7)[a + 2] if len(a) == 60 else a + 2),
    "npz-big": lambda path: npz(path, images=lambda a: a.astype(">i4"),
                                labels=lambda a: a.astype(">i8")),
    "npz-keys": lambda path: npz(path, "abcd"),
    "npz-square": lambda path: npz(path, images=lambda a: a.reshape(len(a), -1), square=True),
    "h5": lambda path: npz(path, save=hdf5()),
    "h5-packed": lambda path: npz(path, save=hdf5(chunks=True, compression="gzip", shuffle=True)),
    "h5-channel": lambda path: npz(
        path, images=lambda a: a[..., None].astype(">i4"), labels=lambda a: a[:, None] * 1.0,
        save=hdf5()),
    "h5-floats": lambda path: npz(
        path, ("train_images", "train_labels", "test_images", "test_labels"),
        images=lambda a: a / np.float32(255), labels=lambda a: np.eye(4)[a], save=hdf5()),
    "h5-booleans": lambda path: npz(
        path, labels=lambda a: np.eye(4, dtype=bool)[a], save=hdf5()),
    "h5-usps": lambda path: npz(
        path, ("train/data", "train/target", "test/data", "test/target"),
        images=lambda a: a.reshape(len(a), -1) / 255, labels=lambda a: a.astype(np.int64),
        save=hdf5(), square=True),
    "h5-keys": lambda path: npz(
        path, "abcd", images=lambda a: a.astype(np.float16), save=hdf5(chunks=True, fletcher32=True)),
    "h5-lzf": lambda path: npz(path, save=hdf5(compression="lzf")),
    "h5-huge": huge,
    "h5-bad": lambda path: npz(path, images=bad_pixel, save=hdf5()),
    "npz-bad": lambda path: npz(path, images=bad_pixel),
    "csv": csv,
    "csv-kaggle": kaggle,
    "csv-packed": lambda directory: csv(
        directory, ("mnist_train.csv.gz", "mnist_test.csv.gz"), header=None),
    "csv-last": lambda directory: csv(
        directory, row=lambda label, pixels: pixels + [label], end="\r\n",
        header=[f"p{i}" for i in range(36)] + ["class"], pixel=lambda value: value / 255),
    "csv-quoted": lambda directory: csv(
        directory, row=lambda label, pixels: [7] + pixels[:9] + [label] + pixels[9:], quote='"',
        header=[""] + ["a"] * 9 + ["Target"] + ["a"] * 27, start="\ufeff", comma=", "),
    "csv-text": lambda directory: csv(
        directory, ("digits.txt",), row=lambda label, pixels: pixels + [label], header=None,
        comma=";", pixel=lambda value: f"{value:.1f}"),
    "plain": write_idx,
    "square": lambda directory: write_idx(directory, square=True),
    "dots": renamed(lambda name: name.replace("-idx", ".idx")),
    "dots-gz": renamed(lambda name: name.replace("-idx", ".idx") + ".gz"),
    "test": renamed(lambda name: name.replace("t10k", "test")),
    "prefix": renamed(lambda name: "emnist-digits-" + name.replace("t10k", "test") + ".gz"),
    "unpacked": renamed(lambda name: name + "/" + name.replace("-idx", ".idx")),
    "torchvision": renamed(lambda name: "MNIST/raw/" + name),
    "gz-without-ending": renamed(lambda name: name, pack=True),
    "members": members,
    "qmnist": qmnist,
    "short": lambda directory: write_idx(directory, labels=lambda v: v.astype(np.int16)),
    "from-1": lambda directory: write_idx(directory, first=1),
    "gaps": lambda directory: write_idx(
        directory, labels=lambda values: np.array([2, 3, 500, 7000])[values].astype(np.int32)),
    "transposed": lambda directory: write_idx(directory, transpose=True),
    "by-class": lambda directory: write_idx(directory, by_class=True),
    "folder": folder,
    "folder-words": lambda directory: folder(
        directory, ("Training", "testing"), INSECTS, ".ppm",
        lambda image, number: np.repeat(image[..., None], 3, 2)),
    "folder-valid": lambda directory: folder(directory, ("unpacked/train", "unpacked/valid")),
    "folder-alone": lambda directory: folder(directory, ("",)),
    "folder-sizes": lambda directory: folder(
        directory, classes=INSECTS, change=lambda image, number: image[:, :5 if number == 30 else 6]),
    "folder-ink": lambda directory: folder(
        directory, change=lambda image, number: np.pad(image, 2)),
    "folder-large": lambda directory: folder(
        directory, change=lambda image, number: np.kron(np.pad(image, 2), np.ones((3, 3)))),
    "train-only": lambda directory: write_idx(directory, parts=("train",)),
}


if __name__ == "__main__":
    FORMS[sys.argv[1]](sys.argv[2]) if len(sys.argv) > 1 else print(*FORMS)
