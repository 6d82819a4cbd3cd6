"""insight.h5 of a run that has weights.h5, with h5py: make_insight.py RUN [--data DIR] [options].

With --data the answers are those of the network to the test images there, and the tracked numbers
those of its training images after the training; without, they are drawn. The other options say how
much of everything there is.
"""
import argparse
import gzip
import os

import h5py
import numpy

PHASES = ["gather", "forward", "backward", "reduce", "wait", "update", "evaluate", "save", "other"]


def read_idx(directory, name):
    path = os.path.join(directory, name)
    packed = not os.path.exists(path)
    with (gzip.open(path + ".gz") if packed else open(path, "rb")) as file:
        data = file.read()
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * rank).reshape(shape)


def outputs_of(run, images):
    with h5py.File(os.path.join(run, "weights.h5")) as file:
        values = images.reshape(len(images), -1) / numpy.float32(255)
        layers = [name.decode() if isinstance(name, bytes) else name
                  for name in file.attrs["layer_names"]]
        for i, layer in enumerate(layers):
            values = values @ file[f"/{layer}/{layer}/kernel:0"][:]
            values += file[f"/{layer}/{layer}/bias:0"][:]
            if i + 1 < len(layers):
                values = numpy.maximum(values, 0)
    return values


def softmax(outputs):
    powers = numpy.exp(outputs - outputs.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def drawn(args, random, count):
    """Images, labels and outputs out of nothing: most of the answers are right."""
    side = args.side
    images = random.integers(0, 256, (count, side, side)).astype(numpy.uint8)
    labels = random.integers(0, args.classes, count)
    outputs = random.normal(size=(count, args.classes)).astype(numpy.float32)
    outputs[numpy.arange(count), labels] += 3
    return images, labels, outputs


def counts_of(classes, labels, answers, outputs):
    counts = numpy.zeros(classes * (classes + 1) + 1, numpy.float32)
    numpy.add.at(counts, labels * (classes + 1) + answers, 1)
    before = (outputs > outputs[numpy.arange(len(labels)), labels][:, None]).sum(1)
    counts[-1] = (before < 2).sum()
    return counts


def add_gallery(file, name, chosen, images, labels, outputs, scores):
    group = file.create_group(name)
    group.attrs["samples"] = chosen.astype(numpy.int64)
    group.attrs["labels"] = labels[chosen].astype(numpy.int64)
    group.attrs["answers"] = outputs[chosen].argmax(1).astype(numpy.int64)
    group["pixels"] = images[chosen].reshape(len(chosen), -1).astype(numpy.float32)
    group["probabilities"] = softmax(outputs[chosen]).astype(numpy.float32)
    group["scores"] = scores[chosen].astype(numpy.float32)


def add_answers(file, args, images, labels, outputs):
    answers = outputs.argmax(1)
    loss = -numpy.log(numpy.maximum(
        softmax(outputs)[numpy.arange(len(labels)), labels], 1e-30))
    file["/answers/test/counts"] = counts_of(outputs.shape[1], labels, answers, outputs)
    file["/answers/test"].attrs["samples"] = numpy.int64(len(labels))
    file["/answers/test"].attrs["loss"] = float(loss.mean())
    worst = numpy.argsort(-loss)
    worst = worst[answers[worst] != labels[worst]][:args.mistakes]
    if len(worst):
        add_gallery(file, "mistakes", worst, images, labels, outputs, loss)


def add_tracked(file, images, labels, outputs):
    label = outputs[numpy.arange(len(labels)), labels]
    others = outputs.copy()
    others[numpy.arange(len(labels)), labels] = -numpy.inf
    margins = label - others.max(1)
    errors = softmax(outputs)
    errors[numpy.arange(len(labels)), labels] -= 1
    norms = numpy.linalg.norm(errors, axis=1) * numpy.linalg.norm(
        images.reshape(len(images), -1) / 255.0, axis=1)
    file["/tracked/gradient_norms"] = norms.astype(numpy.float32)
    file["/tracked/margins"] = margins.astype(numpy.float32)
    add_gallery(file, "hardest", numpy.argsort(-norms)[:48], images, labels, outputs, norms)
    add_gallery(file, "doubtful", numpy.argsort(margins)[:48], images, labels, outputs, margins)


def add_augmented(file, random, images, labels):
    """Two images, and what might become of them in eight epochs."""
    group = file.create_group("augmented")
    chosen = numpy.repeat([0, 1], 9)
    group.attrs["samples"] = chosen
    group.attrs["labels"] = labels[chosen].astype(numpy.int64)
    group.attrs["epochs"] = numpy.tile(numpy.arange(9), 2)
    pixels = [numpy.roll(image, random.integers(-2, 3), 1) for image in images[chosen]]
    group["pixels"] = numpy.reshape(pixels, (18, -1)).astype(numpy.float32)


def add_time(file, args, random):
    seconds = random.gamma(20, 0.05, (args.ranks, len(PHASES))) * [
        0.1, 2, 3, 0.6, 0.4, 0.5, 0.5, 0.05, 0.05]
    file["/time/seconds"] = seconds.astype(numpy.float32)
    file["/time"].attrs["phases"] = numpy.array(PHASES, "S")
    hosts = [args.host or f"node{rank * 4 // args.ranks + 1}" for rank in range(args.ranks)]
    file["/time/hosts"] = numpy.bytes_("\n".join(hosts).encode())
    shown, each = min(args.ranks, 24), 30
    ends = random.gamma(2, 1e-5, (shown, each)).cumsum(1)
    file["/timeline/ranks"] = numpy.repeat(numpy.arange(shown), each).astype(numpy.float32)
    file["/timeline/phases"] = (numpy.arange(shown * each) % 6).astype(numpy.float32)
    file["/timeline/begins"] = numpy.insert(ends, 0, 0, 1)[:, :-1].ravel().astype(numpy.float32)
    file["/timeline/ends"] = ends.ravel().astype(numpy.float32)
    for name, value in [("step", 40), ("steps", 3), ("all_steps", 100)]:
        file["/timeline"].attrs[name] = numpy.int64(value)
    file["/timeline"].attrs["median"] = 1e-4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--data")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--mistakes", type=int, default=40)
    parser.add_argument("--tracked", type=int, default=0)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--host")
    parser.add_argument("--fact", action="append", default=[], help="NAME=VALUE")
    args = parser.parse_args()
    random = numpy.random.default_rng(1)
    with h5py.File(os.path.join(args.run, "insight.h5"), "w", libver=("earliest", "v108")) as file:
        if args.data:
            images = read_idx(args.data, "t10k-images-idx3-ubyte")
            labels = read_idx(args.data, "t10k-labels-idx1-ubyte").astype(int)
            outputs = outputs_of(args.run, images)
        else:
            images, labels, outputs = drawn(args, random, args.samples)
        file.attrs["format"] = numpy.bytes_("dist-train insight 1")
        for name, value in [("classes", outputs.shape[1]), ("height", images.shape[1]),
                            ("width", images.shape[2]), ("channels", 1), ("epoch", 8),
                            ("step", 6752)]:
            file.attrs[name] = numpy.int64(value)
        add_answers(file, args, images, labels, outputs)
        if args.tracked:
            if args.data:
                images = read_idx(args.data, "train-images-idx3-ubyte")[:args.tracked]
                labels = read_idx(args.data, "train-labels-idx1-ubyte")[:args.tracked].astype(int)
                outputs = outputs_of(args.run, images)
            else:
                images, labels, outputs = drawn(args, random, args.tracked)
            add_tracked(file, images, labels, outputs)
        add_augmented(file, random, images, labels)
        add_time(file, args, random)
        if args.fact:
            facts = dict(fact.split("=", 1) for fact in args.fact)
            file.attrs["facts"] = numpy.array(list(facts), "S")
            group = file.create_group("facts")
            for name, value in facts.items():
                group.attrs[name] = numpy.bytes_(value.encode())


main()
