"""What eval and predict must say, computed with NumPy from the weights file; pictures for predict.

usage: check_use.py eval WEIGHTS[,WEIGHTS...] DIR PART JSON CSV    compares both files of eval
       check_use.py pictures DIR                      writes digits as PNG of all kinds, see below
       check_use.py lines DIR FILE                    writes the eight of them as a PNG, in two lines
       check_use.py predict WEIGHTS DIR OUTPUT        compares lines of predict on these pictures

A picture is an image in MNIST's form, 28 x 28, with other pixels around, larger, in other colours:
every file NAME-*.png must be seen by the network as the same image NAME.npy.
"""
import csv
import glob
import json
import os
import struct
import sys
import zlib

import h5py
import numpy as np

import idx
import layer_reference


def fail(what, expected, found):
    sys.exit(f"{what}: expected {expected}, found {found}")


def read_model(path):
    with h5py.File(path) as file:
        facts = {key[len("dist_train."):]: value for key, value in file.attrs.items()
                 if key.startswith("dist_train.")}
        layers = [[np.array(file[layer][name], np.float64)
                   for name in file[layer].attrs["weight_names"]]
                  for layer in file.attrs["layer_names"]]
    return facts, layers


def outputs(facts, layers, images):
    x = facts["input_scale"] * images.reshape(len(images), -1) + facts["input_shift"]
    tensors = [array for layer in layers for array in layer]
    return layer_reference.forward(layer_reference.parse(facts["layers"].decode()), tensors, x)[-1]


def softmax(o):
    power = np.exp(o - o.max(1, keepdims=True))
    return power / power.sum(1, keepdims=True)


def check_eval(weights, directory, part, json_path, csv_path):
    models = [read_model(path) for path in weights.split(",")]
    images, labels = idx.read_part(directory, part)
    o = np.mean([softmax(outputs(*model, images)) for model in models], 0)
    hashes = [facts["parameter_hash"].decode() for facts, _ in models]
    classes, n = o.shape[1], len(labels)
    confusion = np.zeros((classes, classes), int)
    np.add.at(confusion, (labels, o.argmax(1)), 1)
    top2 = int(((o > o[range(n), labels][:, None]).sum(1) < 2).sum())
    loss = -np.log(o[range(n), labels]).mean()
    found = json.load(open(json_path))
    for key, expected in (("samples", n), ("correct", int(np.trace(confusion))), ("top2", top2),
                          ("confusion", confusion.tolist()), ("without_answer", 0),
                          ("accuracy", np.trace(confusion) / n), ("top2_accuracy", top2 / n),
                          ("parameter_hash", hashes if len(hashes) > 1 else hashes[0])):
        if found[key] != expected:
            fail(key, expected, found[key])
    if abs(found["loss"] - loss) > 1e-5 * loss:
        fail("loss", loss, found["loss"])
    rows = list(csv.DictReader(open(csv_path)))
    if len(rows) != classes:
        fail("rows", classes, len(rows))
    for k, row in enumerate(rows):
        tp, answered, of_class = confusion[k, k], confusion[:, k].sum(), confusion[k].sum()
        expected = {"class": k, "samples": of_class, "answered": answered, "correct": tp,
                    "without_answer": 0, "precision": tp / answered if answered else "",
                    "recall": tp / of_class if of_class else "",
                    "f1": 2 * tp / (of_class + answered) if of_class + answered else "",
                    **{f"as_{j}": confusion[k, j] for j in range(classes)}}
        for key, value in expected.items():
            in_json = found["classes"][k].get(key, value)
            same = (row[key] == "" and in_json is None if value == "" else
                    abs(float(row[key]) - value) <= 1e-8 and abs(in_json - value) <= 1e-15)
            if not same:
                fail(f"class {k} {key}", value, (row[key], in_json))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows, color, depth, extra=b""):
    """A PNG of rows [height][width][channels], unsigned bytes or 16-bit integers."""
    height, width = rows.shape[:2]
    raw = b"".join(b"\0" + row.astype(f">u{depth // 8}").tobytes() for row in rows)
    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
            + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def place(box):
    """The image with `box` [20][w] at its centre of mass."""
    image = np.zeros((28, 28), np.uint8)
    place = [int(np.floor(14 - (box.sum(1 - axis) * np.arange(box.shape[axis])).sum() / box.sum()
                          + 0.5)) for axis in (0, 1)]
    top, left = (min(max(at, 0), 28 - size) for at, size in zip(place, box.shape))
    image[top:top + box.shape[0], left:left + box.shape[1]] = box
    return image


def draw(random):
    """A random scribble that fills a box of 20 x 8 to 20 pixels, 255 somewhere on every edge."""
    box = random.integers(16, 256, (20, random.integers(8, 21)))
    box[random.random(box.shape) < 0.5] = 0
    box[10, :] = box[:, 4] = 255
    return box


def variants(image, random):
    """(name, bytes of a PNG)."""
    grey = image[:, :, None]
    pad = [tuple(random.integers(1, 40, 2)) for _ in range(2)] + [(0, 0)]
    large = np.pad(np.kron(image, np.ones((3, 3), np.uint8))[:, :, None], pad)
    palette = random.permutation(256).astype(np.uint8)
    inverse = np.argsort(palette).astype(np.uint8)
    plte = np.repeat(palette[:, None], 3, 1)
    clear = np.zeros_like(large)
    yield "as-it-is", png(grey, 0, 8)
    yield "inverted", png(255 - grey, 0, 8)
    yield "deep", png(grey.astype(int) * 257, 0, 16)
    yield "rgb", png(np.repeat(255 - grey, 3, 2), 2, 8)
    yield "rgb-deep", png(np.repeat(large.astype(int) * 257, 3, 2), 2, 16)
    yield "palette", png(inverse[large], 3, 8, chunk(b"PLTE", plte.tobytes()))
    yield "large", png(large, 0, 8)
    yield "large-inverted", png(255 - large, 0, 8)
    yield "shifted", png(255 - np.roll(grey, random.integers(-3, 4, 2), (0, 1)), 0, 8)
    yield "ink-on-nothing", png(np.dstack([clear, large]), 4, 8)
    yield "light-on-nothing", png(np.dstack([clear + 255] * 3 + [large]), 6, 8)
    yield "transparent", png(large, 0, 8, chunk(b"tRNS", struct.pack(">H", 0)))


def write_pictures(directory):
    random = np.random.default_rng(20201)
    os.makedirs(directory)
    for number in range(8):
        image = place(draw(random))
        np.save(f"{directory}/{number}.npy", image)
        for name, data in variants(image, random):
            with open(f"{directory}/{number}-{name}.png", "wb") as file:
                file.write(data)


def write_lines(directory, path):
    images = [np.load(f"{directory}/{number}.npy") for number in range(8)]
    lines = np.kron(np.block([images[:4], images[4:]]), np.ones((3, 3), np.uint8))
    with open(path, "wb") as file:
        file.write(png(255 - lines[:, :, None], 0, 8))


def check_predict(weights, directory, output):
    facts, layers = read_model(weights)
    lines = [line.split("\t") for line in open(output).read().splitlines()]
    names = sorted(glob.glob(f"{directory}/*.png"))
    if [line[0] for line in lines] != names or len(names) != 8 * 12:
        fail("lines", names, [line[0] for line in lines])
    for name, label, probabilities in lines:
        image = np.load(f"{directory}/{os.path.basename(name).split('-')[0]}.npy")
        expected = softmax(outputs(facts, layers, image[None]))[0]
        found = np.array(probabilities.split(" "), float)
        if int(label) != expected.argmax() or abs(found - expected).max() > 6e-5:
            fail(name, (expected.argmax(), expected), (label, found))


if __name__ == "__main__":
    {"eval": check_eval, "pictures": write_pictures, "lines": write_lines,
     "predict": check_predict}[sys.argv[1]](*sys.argv[2:])
