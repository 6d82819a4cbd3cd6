"""MNIST's file format (IDX, plain or gzip) for tests: small data sets, and reading them back.

usage: idx.py DIR TRAIN TEST [SIDE [CLASSES]]

Makes DIR with the four files of TRAIN and TEST images of SIDE x SIDE pixels (default 28), labels
below CLASSES (default 10). An image is the blurred pattern of its class, a bit off, under noise;
most pixels are zero, as in MNIST. The files are plain; those of the test part are gzipped.
source of the format: http://yann.lecun.com/exdb/mnist, "THE IDX FILE FORMAT"
"""
import gzip
import os
import struct
import sys

import numpy as np

NAMES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
         "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}


def write(path, array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    with (gzip.open if path.endswith(".gz") else open)(path, "wb") as file:
        file.write(header + array.astype(np.uint8).tobytes())


def read(path, limit=0):
    """The first `limit` items (0: all) of a file, which may also be there as path.gz."""
    zipped = not os.path.exists(path)
    with (gzip.open(path + ".gz") if zipped else open(path, "rb")) as file:
        dimensions = struct.unpack(">xxBB", file.read(4))[1]
        shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
        shape = (min(shape[0], limit or shape[0]), *shape[1:])
        return np.frombuffer(file.read(int(np.prod(shape))), np.uint8).reshape(shape)


def read_part(directory, part, limit=0):
    """(images [n][pixels], labels [n]) of "train" or "test"."""
    images, labels = (read(os.path.join(directory, name), limit) for name in NAMES[part])
    return images.reshape(len(images), -1), labels


def image_shape(directory):
    """Height, width, channels of the training images."""
    return (*read(os.path.join(directory, NAMES["train"][0]), 1).shape[1:], 1)[:3]


def draw(random, patterns, count):
    labels = random.integers(0, len(patterns), count)
    images = patterns[labels] * random.uniform(0.5, 1, (count, 1, 1))
    images = np.stack([np.roll(image, random.integers(-1, 2, 2), (0, 1)) for image in images])
    return np.where(images > 60, images + random.uniform(-60, 20, images.shape), 0), labels


def main(directory, train, test, side=28, classes=10):
    random = np.random.default_rng(20201)
    coarse = random.uniform(-250, 250, (classes, side // 2 + 1, side // 2 + 1))
    patterns = np.clip(np.kron(coarse, np.ones((2, 2)))[:, :side, :side], 0, 230)
    os.makedirs(directory)
    for part, count in (("train", train), ("test", test)):
        images, labels = draw(random, patterns, count)
        for name, array in zip(NAMES[part], (images, labels)):
            write(os.path.join(directory, name) + (".gz" if part == "test" else ""), array)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
