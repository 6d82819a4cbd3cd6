"""Laws of insight.h5.

usage: check_insight.py same RUN RUN            two runs tell the same, but for times and places
       check_insight.py answers RUN DIR SUBSET  what it tells is what NumPy computes from weights.h5
                                                and the data in DIR; SUBSET: test, val or pool
       check_insight.py augmented RUN DIR IMAGES EPOCHS
                                                so many training images of the data in DIR, of
                                                different labels, and what becomes of each
       check_insight.py fact RUN NAME           prints a fact
       check_insight.py hosts RUN               prints the hosts of the ranks
       check_insight.py samples RUN             prints the numbers of the mistakes
       check_insight.py has RUN                 prints its objects and the step
"""
import os
import sys

import h5py
import numpy as np

import idx
from check_use import fail, outputs, read_model, softmax

STEADY = ("ending", "parameter_hash", "data", "samples", "fingerprint of the data", "dist-train")


def opened(run):
    return h5py.File(os.path.join(run, "insight.h5"), "r")


def fact(file, name):
    return file["facts"].attrs[name].decode() if name in file["facts"].attrs else ""


def content(file):
    """All of it as bytes by name, but for times, hosts and facts that may differ."""
    found = {f"fact {name}": fact(file, name) for name in STEADY}

    def visit(path, item):
        if path.split("/")[0] in ("time", "facts"):
            return
        for name, value in item.attrs.items():
            found[f"{path} {name}"] = np.asarray(value).tobytes()
        if isinstance(item, h5py.Dataset):
            found[path] = (item.shape, np.asarray(item).tobytes())

    file.visititems(visit)
    for name, value in file.attrs.items():
        if name != "facts":
            found[f"/ {name}"] = np.asarray(value).tobytes()
    return found


def check_same(one, other):
    with opened(one) as a, opened(other) as b:
        a, b = content(a), content(b)
    for name in sorted(a.keys() | b.keys()):
        if a.get(name) != b.get(name):
            fail(f"{name} of {other}", a.get(name), b.get(name))
    if "/ step" not in a or "fact parameter_hash" not in a:
        fail("insight", "a step and a parameter_hash", sorted(a))


def members(run, directory, subset):
    """(numbers, images, labels) of the subset: all of test; val by the numbers that are told."""
    parts = {part: idx.read_part(directory, part) for part in ("train", "test")}
    if subset == "test":
        return parts["test"]
    pool = tuple(np.concatenate([parts[part][i] for part in ("train", "test")]) for i in (0, 1))
    return parts["train"] if subset == "val" else pool


def check_answers(run, directory, subset):
    facts, layers = read_model(os.path.join(run, "weights.h5"))
    images, labels = members(run, directory, subset)
    o = outputs(facts, layers, images)
    classes, n = o.shape[1], len(labels)
    p = softmax(o)
    loss = -np.log(p[range(n), labels])
    wrong = o.argmax(1) != labels
    with opened(run) as file:
        group = file["answers/test" if subset == "test" else "answers/val"]
        counts = np.array(group["counts"])
        if subset == "test":
            confusion = np.zeros((classes, classes + 1), int)
            np.add.at(confusion, (labels, o.argmax(1)), 1)
            top2 = (((o > o[range(n), labels][:, None]).sum(1)) < 2).sum()
            if not np.array_equal(counts, [*confusion.ravel(), top2]):
                fail("counts", confusion, counts)
            if abs(group.attrs["loss"] - loss.mean()) > 1e-5 * loss.mean():
                fail("loss", loss.mean(), group.attrs["loss"])
        if counts[:-1].sum() != group.attrs["samples"]:
            fail("samples", counts[:-1].sum(), group.attrs["samples"])
        mistakes = file["mistakes"]
        chosen = mistakes.attrs["samples"]
        scores = np.array(mistakes["scores"])
        of_all = counts[:-1].sum() - np.trace(counts[:-1].reshape(classes, classes + 1))
        if len(chosen) != min(60, of_all) or len(set(chosen)) != len(chosen) or of_all == 0:
            fail("mistakes", min(60, of_all), chosen)
        if subset == "test" and len(chosen) == 60:
            expected = np.sort(loss[wrong])[::-1][:60]
            if np.abs(scores - expected).max() > 1e-4 * expected.max():
                fail("the largest losses", expected, scores)
        for name, found, expected in (
                ("wrong", wrong[chosen], True), ("labels", mistakes.attrs["labels"], labels[chosen]),
                ("answers", mistakes.attrs["answers"], o.argmax(1)[chosen]),
                ("pixels", np.array(mistakes["pixels"]), images[chosen]),
                ("order", np.diff(scores) <= 0, True)):
            if not np.all(found == expected):
                fail(name, expected, found)
        for name, found, expected in (("scores", scores, loss[chosen]),
                                      ("probabilities", mistakes["probabilities"], p[chosen])):
            if np.abs(found - expected).max() > 1e-4 * np.abs(expected).max():
                fail(name, expected, found)


def check_augmented(run, directory, rows, epochs):
    images, labels = idx.read_part(directory, "train")
    with opened(run) as file:
        group = file["augmented"]
        shape = rows, epochs + 1
        told = {name: np.reshape(group.attrs[name], shape) for name in group.attrs}
        pixels = np.reshape(group["pixels"], (*shape, -1))
        chosen = told["samples"][:, 0]
        for name, found, expected in (
                ("samples", told["samples"], np.tile(chosen[:, None], epochs + 1)),
                ("labels", told["labels"], labels[told["samples"]]),
                ("epochs", told["epochs"], np.tile(np.arange(epochs + 1), (rows, 1))),
                ("images as they are", pixels[:, 0], images[chosen]),
                ("labels that differ", len(set(told["labels"][:, 0])), rows)):
            if not np.array_equal(found, expected):
                fail(name, expected, found)
        same = (pixels[:, :, None] == pixels[:, None]).all(-1).sum((1, 2)) - epochs - 1
        if same.any():
            fail("pictures of an image that are equal", 0, same)


def main(what, run, *arguments):
    if what == "same":
        check_same(run, *arguments)
    elif what == "answers":
        check_answers(run, *arguments)
    elif what == "augmented":
        check_augmented(run, arguments[0], *map(int, arguments[1:]))
    else:
        with opened(run) as file:
            if what == "fact":
                print(fact(file, *arguments))
            elif what == "hosts":
                print(file["time/hosts"][()].decode().replace("\n", " "))
            elif what == "samples":
                print(*file["mistakes"].attrs["samples"])
            elif what == "has":
                print(*sorted(file), int(file.attrs["step"]))


main(*sys.argv[1:])
