#!/usr/bin/python3
"""A second opinion on runs of dist-train: the same training in NumPy, in float64.

usage: reference.py steps [--moved] INITIAL RUN...
           the parameters and the metrics of each RUN, a run directory, from the initial weights in
           the run directory INITIAL
       reference.py once RUN...
           every sample is used exactly once an epoch

Written from the article (C. Hansen, "Neural networks from scratch", IBM Developer, 2020), which
keeps weights as (out, in), and from PyTorch's documentation of its losses and optimizers; knows
nothing of dist-train but its settings (config.ini) and its files. Samples are taken in the order of
the file: the run must have shuffle = none, or batches that hold the whole training set.

steps prints a line a tensor: the relative error of the parameters, max|a - b| / max|b|, at most
1e-4; and how far their change since the initial weights is off, at most 1e-3 of it beyond what the
rounding of float32 explains. Small steps are lost in rounding (the article's PyTorch program takes
such), and their comparison proves little: with --moved the change of every tensor must stand out.

once: with lr = 0, batch_size = 1 and log_every = 1 the loss of each sample can be told from
metrics.csv; in each epoch these are the losses of the training set, each as often as there, and in
the order of the file only if shuffle = none.

Exit code: 0 all agree, 1 not, 64 wrong usage.
"""
import configparser
import csv
import math
import os
import sys

import h5py
import numpy as np

import idx
import layer_reference
from layer_reference import sigmoid, softmax

PARAMETER_LIMIT = 1e-4
CHANGE_LIMIT = 1e-3
METRIC_LIMIT = 1e-5
EXACT = ("epoch", "step", "samples", "train_accuracy")
EPSILON = float(np.finfo(np.float32).eps)


class Deviation(Exception):
    pass


# ---- what dist-train wrote ----

class Run:
    def __init__(self, directory):
        parser = configparser.ConfigParser(interpolation=None)
        with open(os.path.join(directory, "config.ini"), encoding="utf-8") as file:
            parser.read_file(file)
        self.settings = {name: value for section in parser.values()
                         for name, value in section.items()}
        with open(os.path.join(directory, "metrics.csv"), encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file))
        weights = os.path.join(directory, "weights.h5")
        self.weights = read_weights(weights)
        with h5py.File(weights, "r") as file:
            self.classes = int(file.attrs["dist_train.classes"])

    def text(self, name):
        return self.settings[name]

    def number(self, name):
        return float(self.settings[name])

    def integer(self, name):
        return int(self.settings[name])

    def samples(self, part):
        """(inputs [n][pixels] as the network sees them, one-hot labels [n][classes])"""
        if self.text("split") != "standard" or self.number("val_fraction") != 0:
            raise Deviation("expected split = standard and val_fraction = 0")
        images, labels = idx.read_part(self.text("data"), part, self.integer(f"{part}_limit"))
        inputs = images / 255
        if self.text("normalize") == "standard":
            inputs = (inputs - 0.1307) / 0.3081
        return inputs, np.eye(self.classes)[labels]


def read_weights(path):
    """[(name, array)], in model order; kernels as (out, in), as in the article and PyTorch."""
    tensors = []
    with h5py.File(path, "r") as file:
        for layer in file.attrs["layer_names"]:
            for name in file[layer].attrs["weight_names"]:
                array = np.asarray(file[layer][name], np.float64)
                tensors.append((name.decode() if isinstance(name, bytes) else name, array.T))
    return tensors


# ---- the network ----

def cross_entropy(o, y):
    return -(y * np.log(softmax(o))).sum(1), softmax(o) - y


def bce_with_logits(o, y):
    loss = np.maximum(o, 0) - o * y + np.log1p(np.exp(-np.abs(o)))
    return loss.mean(1), (sigmoid(o) - y) / o.shape[1]


def mean_squared_error(o, y):
    return ((o - y) ** 2).mean(1), 2 * (o - y) / o.shape[1]


LOSSES = {"cross-entropy": cross_entropy, "bce": bce_with_logits, "mse": mean_squared_error}


def smoothed(y, share):
    """torch.nn.CrossEntropyLoss: label_smoothing"""
    return (1 - share) * y + share / y.shape[1]


class Network:
    def __init__(self, run, tensors):
        self.smoothing = run.number("label_smoothing")
        self.layers = layer_reference.parse(run.text("layers"))
        self.loss = LOSSES[run.text("loss")]
        self.shape = idx.image_shape(run.text("data"))
        self.tensors = [array.copy() for array in tensors]  # W_1, b_1, W_2, b_2, ...

    def forward(self, x, noise=None):
        return layer_reference.forward(self.layers, [array.T for array in self.tensors], x,
                                       self.shape, noise=noise)

    def logits(self, x, noise=None):
        """The outputs before a softmax at the end."""
        values = self.forward(x, noise)
        return values[-2] if self.layers[-1][0] == "softmax" else values[-1]

    def evaluate(self, x, y, noise=None, smoothing=0):
        """Loss of each sample, and whether it is classified correctly."""
        output = self.forward(x, noise)[-1]
        return self.loss(output, smoothed(y, smoothing))[0], output.argmax(1) == y.argmax(1)

    def gradients(self, x, y, noise=None):
        """Means over the samples, in the order of self.tensors."""
        values = self.forward(x, noise)
        error = self.loss(values[-1], smoothed(y, self.smoothing))[1] / len(x)
        tensors = [array.T for array in self.tensors]
        return [gradient.T for gradient in
                layer_reference.backward(self.layers, tensors, values, error, noise)]


# ---- torch.optim, from its documentation ----

def decays(run, tensor):
    """Weights have two dimensions or more; biases, gains and shifts have one."""
    return run.text("decay_all") == "true" or tensor.ndim > 1


class Optimizer:
    def __init__(self, run, count):
        self.run = run
        self.kind = run.text("optimizer")
        self.first = [0.0] * count
        self.second = [0.0] * count
        self.largest = [0.0] * count
        self.steps = 0
        self.mus = []  # of nadam, with the beta1 of their steps

    def step(self, tensors, gradients, lr):
        """Returns the norm of the gradients, before clipping."""
        clip, decay = self.run.number("clip_norm"), self.run.number("weight_decay")
        norm = math.sqrt(sum((gradient ** 2).sum() for gradient in gradients))
        if clip > 0:  # torch.nn.utils.clip_grad_norm_
            gradients = [gradient * min(1, clip / (norm + 1e-6)) for gradient in gradients]
        limit = self.run.number("clip_value")
        if limit > 0:  # torch.nn.utils.clip_grad_value_
            gradients = [np.clip(gradient, -limit, limit) for gradient in gradients]
        self.steps += 1
        self.mus.append(self.mu(self.steps))
        for i, (w, g) in enumerate(zip(tensors, gradients)):
            own = decay if decays(self.run, w) else 0
            if self.kind in ("lars", "lamb"):
                w -= self.scaled(i, w, g, own, lr)
                continue
            if self.kind in ("adamw", "lion"):
                w -= lr * own * w
            else:
                g = g + own * w
            w -= lr * self.direction(i, g)
        return norm

    def mu(self, t):
        return self.run.number("beta1") * (1 - 0.5 * 0.96 ** (0.004 * t))

    def scaled(self, i, w, g, decay, lr):
        """Y. You et al., arXiv:1708.03888 (lars), arXiv:1904.00962 (lamb); weights alone adapt."""
        if self.kind == "lamb":
            step = self.direction(i, g) + decay * w
            divisor = np.linalg.norm(step)
            factor = 1
        else:
            step = g + decay * w
            divisor = np.linalg.norm(g) + decay * np.linalg.norm(w)
            factor = self.run.number("trust")
        norms = np.linalg.norm(w), np.linalg.norm(step if self.kind == "lamb" else g)
        adapts = w.ndim > 1 and min(norms) > 0
        step = lr * (factor * norms[0] / divisor if adapts else 1) * step
        if self.kind == "lamb":
            return step
        self.first[i] = self.run.number("momentum") * self.first[i] + step
        return self.first[i]

    def direction(self, i, g):
        run = self.run
        if self.kind == "sgd":
            return g
        if self.kind in ("momentum", "nesterov"):
            self.first[i] = run.number("momentum") * self.first[i] + g
            return (g + run.number("momentum") * self.first[i] if self.kind == "nesterov"
                    else self.first[i])
        if self.kind == "adagrad":
            self.second[i] = self.second[i] + g ** 2
            return g / (np.sqrt(self.second[i]) + run.number("epsilon"))
        if self.kind == "rmsprop":
            alpha = run.number("alpha")
            self.second[i] = alpha * self.second[i] + (1 - alpha) * g ** 2
            return g / (np.sqrt(self.second[i]) + run.number("epsilon"))
        beta1, beta2, epsilon = (run.number(name) for name in ("beta1", "beta2", "epsilon"))
        if self.kind == "lion":  # X. Chen et al., arXiv:2302.06675
            sign = np.sign(beta1 * self.first[i] + (1 - beta1) * g)
            self.first[i] = beta2 * self.first[i] + (1 - beta2) * g
            return sign
        t = self.steps
        self.first[i] = beta1 * self.first[i] + (1 - beta1) * g
        self.second[i] = beta2 * self.second[i] + (1 - beta2) * g ** 2
        self.largest[i] = np.maximum(self.largest[i], self.second[i])
        mean = self.first[i] / (1 - beta1 ** t)
        square = self.largest[i] if self.kind == "amsgrad" else self.second[i]
        root = np.sqrt(square / (1 - beta2 ** t))
        if self.kind == "nadam":
            product, following = np.prod(self.mus), self.mu(t + 1)
            mean = ((1 - self.mus[-1]) / (1 - product) * g +
                    following / (1 - product * following) * self.first[i])
        if self.kind == "radam":
            rho = 2 / (1 - beta2) - 1
            now = rho - 2 * t * beta2 ** t / (1 - beta2 ** t)
            if now <= 5:
                return mean
            mean = mean * math.sqrt((now - 4) * (now - 2) * rho / ((rho - 4) * (rho - 2) * now))
            epsilon /= math.sqrt(1 - beta2 ** t)
        return mean / (root + epsilon)


class Average:
    """Of the weights, as tf.train.ExponentialMovingAverage has it with num_updates, and diffusers'
    EMAModel; without a decay the weights themselves."""

    def __init__(self, run):
        self.decay = run.number("ema")
        self.steps = 0
        self.tensors = None

    def take(self, tensors):
        warm = (1 + self.steps) / (10 + self.steps)
        decay = min(self.decay, warm) if self.steps > 0 else 0
        self.tensors = [w.copy() if decay == 0 else decay * a + (1 - decay) * w
                        for a, w in zip(self.tensors or tensors, tensors)]
        self.steps += 1


def peak_rate(run):
    times = run.integer("batch_size") / run.integer("lr_batch")
    return run.number("lr") * {"none": 1, "linear": times, "sqrt": math.sqrt(times)}[
        run.text("lr_scaling")]


def one_cycle(run, step, steps):
    """torch.optim.lr_scheduler.OneCycleLR with two phases; momentum, if it cycles, becomes that of
    the run."""
    begin = peak_rate(run) / run.number("div_factor")
    rates = (begin, peak_rate(run), begin / run.number("final_div_factor"))
    momenta = [run.number(name) for name in ("max_momentum", "base_momentum", "max_momentum")]
    peak = run.number("pct_start") * steps - 1
    falls = step > peak
    part = (step - peak) / (steps - 1 - peak) if falls else step / peak
    share = part if run.text("anneal") == "linear" else (1 - math.cos(math.pi * part)) / 2
    rate, momentum = (values[falls] + (values[falls + 1] - values[falls]) * share
                      for values in (rates, momenta))
    if run.text("cycle_momentum") == "true":
        run.settings["momentum"] = run.settings["beta1"] = momentum
    return rate


def learning_rate(run, step, epoch, epoch_steps):
    """step, epoch: from 0. Cosine, linear and polynomial reach lr_min in the last step of the run's
    epochs. A momentum of the step becomes that of the run."""
    lr, lr_min, kind = peak_rate(run), run.number("lr_min"), run.text("schedule")
    last = run.integer("epochs") * epoch_steps - 1
    if kind == "plateau":
        raise Deviation("expected a schedule that does not look at validation samples")
    if run.number("warmup_epochs") != 0:
        raise Deviation("expected warmup_epochs = 0")
    if kind == "constant":
        return lr
    if kind == "step":
        return lr * run.number("gamma") ** (epoch // run.integer("step_epochs"))
    if kind == "one-cycle":
        return one_cycle(run, step, last + 1)
    part = step / last
    share = {"linear": 1 - part, "cosine": (1 + math.cos(math.pi * part)) / 2,
             "polynomial": (1 - part) ** run.number("power")}[kind]
    return lr_min + (lr - lr_min) * share


# ---- the laws ----

def check(what, found, expected, limit):
    error = abs(found - expected) / max(abs(expected), 1e-30)
    if not error <= limit:
        raise Deviation(f"{what}: expected {expected:.9g}, found {found:.9g}, "
                        f"relative error {error:.1e}, at most {limit:.0e}")
    return error


def play(run, network, update):
    """Trains like the run, update(x, y, lr, noise) at a time; the rows that metrics.csv should have.
    """
    x, y = run.samples("train")
    batch, limit = run.integer("batch_size"), run.integer("max_steps")
    if run.text("shuffle") != "none" and batch < len(x):
        raise Deviation("expected shuffle = none, or batches that hold the training set")
    epoch_steps = -(-len(x) // batch)
    steps = run.integer("epochs") * epoch_steps
    rows = []
    for step in range(steps if limit < 0 else min(steps, limit)):
        epoch, first = step // epoch_steps, step % epoch_steps * batch
        if first == 0:
            losses, hits = [], []
        here = range(first, min(first + batch, len(x)))
        noise = (run.integer("seed"), epoch, here)
        loss, hit = network.evaluate(x[here], y[here], noise, network.smoothing)
        losses.extend(loss)
        hits.extend(hit)
        lr = learning_rate(run, step, epoch, epoch_steps)
        norm = update(x[here], y[here], lr, noise)
        rows.append({"epoch": epoch + 1, "step": step + 1, "samples": epoch * len(x) + len(losses),
                     "train_loss": np.mean(losses), "train_accuracy": np.mean(hits),
                     "learning_rate": lr, "gradient_norm": norm})
    return rows


def check_metrics(run, network, rows):
    """Every row of metrics.csv, and the evaluation in its last one."""
    if not rows or not run.rows:
        raise Deviation("metrics.csv: expected rows of steps, found none")
    worst, largest = 0, max(row["gradient_norm"] for row in rows)
    for found in run.rows:
        expected = rows[int(found["step"]) - 1]
        for name, value in expected.items():
            limit = 1e-7 if name in EXACT else METRIC_LIMIT
            if name == "gradient_norm":  # of differences: where they are small, rounding is not
                limit *= largest / value
            what = f"metrics.csv: step {found['step']}: {name}"
            worst = max(worst, check(what, float(found[name]), value, limit))
    loss, hits = network.evaluate(*run.samples("test"))
    worst = max(worst, check("test_loss", float(run.rows[-1]["test_loss"]), loss.mean(),
                             METRIC_LIMIT))
    check("test_accuracy", float(run.rows[-1]["test_accuracy"]), hits.mean(), 1e-7)
    print(f"{len(run.rows)} rows of metrics.csv, test loss: relative error {worst:.1e}")


def check_parameters(names, initial, found, expected, steps, moved):
    failed = False
    for name, start, found, value in zip(names, initial, found, expected):
        size = np.abs(value).max()
        error = np.abs(found - value).max()
        change = np.abs(value - start).max()
        rounding = steps * EPSILON / 2 * size  # each step rounds w to the nearest float32
        fault = ("parameters differ" if not error <= PARAMETER_LIMIT * size else
                 "change differs" if not error <= CHANGE_LIMIT * change + rounding else
                 "lost in rounding" if moved and not change > 10 * rounding else "")
        failed |= bool(fault)
        print(f"{name:24} {str(list(found.shape)):12} parameters {error / size:.1e}, "
              f"change {change:.1e} off by {error / max(change, 1e-300):.1e}  {fault}".rstrip())
    if failed:
        raise Deviation("parameters: expected those of the reference, found others")


def check_steps(initial_directory, directory, moved):
    print(f"{directory}:")
    run, initial = Run(directory), Run(initial_directory)
    start = [array for _, array in initial.weights]
    network = Network(run, start)
    optimizer, average = Optimizer(run, len(start)), Average(run)

    def update(x, y, lr, noise):
        norm = optimizer.step(network.tensors, network.gradients(x, y, noise), lr)
        average.take(network.tensors)
        return norm

    rows = play(run, network, update)
    network.tensors = average.tensors
    check_metrics(run, network, rows)
    names, found = zip(*run.weights)
    check_parameters(names, start, found, network.tensors, len(rows), moved)


def check_once(directory):
    print(f"{directory}:")
    run = Run(directory)
    network = Network(run, [array for _, array in run.weights])
    losses = network.evaluate(*run.samples("train"))[0]
    count, epochs = len(losses), run.integer("epochs")
    if run.number("lr") != 0 or run.integer("batch_size") != 1 or run.integer("log_every") != 1:
        raise Deviation("expected lr = 0, batch_size = 1, log_every = 1")
    means = {int(row["step"]): float(row["train_loss"]) for row in run.rows}
    check("steps in metrics.csv", len(means), epochs * count, 0)
    orders = []
    for epoch in range(epochs):
        sums = [0] + [means[epoch * count + i + 1] * (i + 1) for i in range(count)]
        found = np.diff(sums)
        for place, (a, b) in enumerate(zip(np.sort(found), np.sort(losses))):
            check(f"epoch {epoch + 1}: loss {place + 1} of {count} in size", a, b, 1e-5)
        orders.append(found)
    in_order = [np.allclose(found, losses, rtol=1e-5) for found in orders]
    same = np.allclose(orders[0], orders[-1], rtol=1e-5)
    print(f"{epochs} epochs of {count} samples, in the order of the file: {in_order}")
    if run.text("shuffle") == "none" and not all(in_order):
        raise Deviation("order: expected that of the file, found another one")
    if run.text("shuffle") != "none" and (any(in_order) or (same and epochs > 1)):
        raise Deviation("order: expected a new one in every epoch")


def main(arguments):
    moved = "--moved" in arguments
    arguments = [argument for argument in arguments if argument != "--moved"]
    try:
        if arguments[:1] == ["steps"] and len(arguments) >= 3:
            for directory in arguments[2:]:
                check_steps(arguments[1], directory, moved)
        elif arguments[:1] == ["once"] and len(arguments) >= 2:
            for directory in arguments[1:]:
                check_once(directory)
        else:
            print(__doc__, file=sys.stderr)
            return 64
    except Deviation as deviation:
        print(deviation, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
