#!/usr/bin/python3
"""What runs with --track-samples know of their samples, as their last checkpoints have it.

usage: check_tracked.py same RUN RUN...
           the same bits in all of them, and in what their insight.h5 makes of them
       check_tracked.py reference INITIAL RUN...
           what NumPy computes in float64 from the initial weights in the run directory INITIAL:
           gradients of single samples, in full, by tests/runs/reference.py; settings as there

Exit code: 0 so it is, 1 not, 64 wrong usage.
"""
import glob
import sys

import h5py
import numpy as np

from reference import Deviation, Network, Optimizer, Run, learning_rate

NAMES = ("plays", "gradient_norms", "margins")
LIMIT = 1e-4


def tracked(directory):
    """The sums, by name."""
    path = sorted(glob.glob(f"{directory}/checkpoints/step-*.h5"))[-1]
    with h5py.File(path, "r") as file:
        if "plays" not in file["/tracked"]:
            raise Deviation(f"{path}: expected sums in /tracked, found none")
        return {name: file["/tracked"][name][()] for name in NAMES}


def told(directory):
    """What insight.h5 says of samples: bytes by name."""
    found = {}
    with h5py.File(f"{directory}/insight.h5", "r") as file:
        for group in ("tracked", "hardest", "doubtful"):
            for kind in (file[group], file[group].attrs):
                found.update({f"{group}/{name}": np.asarray(kind[name]).tobytes()
                              for name in kind})
    return found


def check_insight(directory):
    """Its means are those of the sums."""
    sums = tracked(directory)
    with h5py.File(f"{directory}/insight.h5", "r") as file:
        for name in NAMES[1:]:
            means = sums[name] / sums["plays"]
            if not np.array_equal(file["tracked"][name][()], means, equal_nan=True):
                raise Deviation(f"{directory}/insight.h5: {name}: expected the means of the sums")


def check_same(directories):
    check_insight(directories[0])
    first = tracked(directories[0])
    for directory in directories[1:]:
        other = tracked(directory)
        for name in NAMES:
            if first[name].tobytes() != other[name].tobytes():
                raise Deviation(f"{name}: other bits in {directory} than in {directories[0]}, "
                                f"{(first[name] != other[name]).sum()} of {len(first[name])}")
        if told(directory) != told(directories[0]):
            raise Deviation(f"insight.h5: other bits in {directory} than in {directories[0]}")


def of_sample(network, x, y, noise):
    """Norm of the whole gradient, and margin before a softmax."""
    norm = np.sqrt(sum((gradient ** 2).sum() for gradient in network.gradients(x, y, noise)))
    outputs = network.logits(x, noise)[0]
    label = y[0].argmax()
    return norm, outputs[label] - np.delete(outputs, label).max()


def expected_sums(run, network, optimizer):
    x, y = run.samples("train")
    batch, epochs, seed = (run.integer(name) for name in ("batch_size", "epochs", "seed"))
    if run.text("shuffle") != "none":
        raise Deviation("expected shuffle = none")
    sums = {name: np.zeros(len(x)) for name in NAMES}
    for step in range(epochs * (epoch_steps := -(-len(x) // batch))):
        epoch, first = step // epoch_steps, step % epoch_steps * batch
        here = range(first, min(first + batch, len(x)))
        for i in here:
            norm, margin = of_sample(network, x[i:i + 1], y[i:i + 1], (seed, epoch, [i]))
            sums["plays"][i] += 1
            sums["gradient_norms"][i] += norm
            sums["margins"][i] += margin
        optimizer.step(network.tensors, network.gradients(x[here], y[here], (seed, epoch, here)),
                       learning_rate(run, step, epoch, epoch_steps))
    return sums


def check_reference(initial, directory):
    run = Run(directory)
    start = [array for _, array in Run(initial).weights]
    expected = expected_sums(run, Network(run, start), Optimizer(run, len(start)))
    found = tracked(directory)
    for name in NAMES:
        size = np.abs(expected[name]).max()
        error = np.abs(found[name] - expected[name]).max() / size
        print(f"{directory}: {name}: error {error:.1e} of the largest, {size:.3g}")
        if not error <= LIMIT:
            raise Deviation(f"{directory}: {name}: expected those of the reference within "
                            f"{LIMIT:.0e} of the largest, found {error:.1e}")


def main(arguments):
    try:
        if arguments[:1] == ["same"] and len(arguments) >= 3:
            check_same(arguments[1:])
        elif arguments[:1] == ["reference"] and len(arguments) >= 3:
            for directory in arguments[2:]:
                check_reference(arguments[1], directory)
        else:
            print(__doc__, file=sys.stderr)
            return 64
    except Deviation as deviation:
        print(deviation, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
