#!/usr/bin/env python3
"""Reference runs of the article's three programs, for the table in README.

usage: article_reference.py numpy|pytorch|keras DIRECTORY [EPOCHS]

numpy and keras need NumPy; pytorch needs PyTorch as well. Written from the algorithms alone, in
plain NumPy and PyTorch, so that dist-train can be held against them. DIRECTORY has the MNIST files,
raw or gzipped. (Keras itself is not needed: its program is sigmoid layers, Glorot uniform, binary
cross-entropy on logits, SGD, spelt out.)
"""
import gzip
import os
import sys

import numpy as np


def read(directory, name, header):
    path = os.path.join(directory, name)
    opener = open if os.path.exists(path) else gzip.open
    with opener(path if opener is open else path + ".gz", "rb") as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def load(directory, part):
    images = read(directory, part + "-images-idx3-ubyte", 16).reshape(-1, 784)
    return images, read(directory, part + "-labels-idx1-ubyte", 8)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def report(epoch, accuracy):
    print(f"epoch {epoch} accuracy {accuracy:.4f}", flush=True)


def numpy_program(directory, epochs):
    """No biases, N(0, 1) sqrt(1 / fan_out), an update after every sample, a tenth held out."""
    random = np.random.default_rng(1)
    parts = [load(directory, part) for part in ("train", "t10k")]
    x = np.concatenate([p[0] for p in parts]) / 255.0
    y = np.concatenate([p[1] for p in parts])
    order = random.permutation(len(x))
    train, val = order[len(x) // 10:], order[:len(x) // 10]
    sizes = [784, 128, 64, 10]
    w = [random.standard_normal((n, m)) * np.sqrt(1 / n) for m, n in zip(sizes, sizes[1:])]
    for epoch in range(1, epochs + 1):
        for i in train:
            a0 = x[i]
            a1 = sigmoid(w[0] @ a0)
            a2 = sigmoid(w[1] @ a1)
            z3 = w[2] @ a2
            output = np.exp(z3 - z3.max())
            output /= output.sum()
            output[y[i]] -= 1
            e2 = w[2].T @ output * a2 * (1 - a2)
            e1 = w[1].T @ e2 * a1 * (1 - a1)
            w[2] -= 0.001 * np.outer(output, a2)
            w[1] -= 0.001 * np.outer(e2, a1)
            w[0] -= 0.001 * np.outer(e1, a0)
        hidden = sigmoid(sigmoid(x[val] @ w[0].T) @ w[1].T)
        report(epoch, np.mean((hidden @ w[2].T).argmax(1) == y[val]))


def keras_program(directory, epochs):
    """Glorot uniform, zero biases, BCE on ten logits, SGD 0.01, batches of 32."""
    random = np.random.default_rng(1)
    (x, y), (tx, ty) = ((images / 255.0, labels) for images, labels in
                        (load(directory, part) for part in ("train", "t10k")))
    target = np.eye(10)[y]
    sizes = [784, 128, 64, 10]
    w = [random.uniform(-1, 1, (m, n)) * np.sqrt(6 / (m + n)) for m, n in zip(sizes, sizes[1:])]
    b = [np.zeros(n) for n in sizes[1:]]
    for epoch in range(1, epochs + 1):
        order = random.permutation(len(x))
        for batch in np.split(order, range(32, len(x), 32)):
            a = [x[batch]]
            for layer in range(3):
                z = a[-1] @ w[layer] + b[layer]
                a.append(sigmoid(z))
            error = (a[3] - target[batch]) / 10 / len(batch)
            for layer in (2, 1, 0):
                back = error @ w[layer].T * a[layer] * (1 - a[layer])
                w[layer] -= 0.01 * a[layer].T @ error
                b[layer] -= 0.01 * error.sum(0)
                error = back
        a = tx
        for layer in range(3):
            a = sigmoid(a @ w[layer] + b[layer])
        report(epoch, np.mean(a.argmax(1) == ty))


def pytorch_program(directory, epochs):
    """BCEWithLogitsLoss on softmax outputs, SGD 0.001, one image at a time."""
    import torch
    from torch import nn
    torch.manual_seed(1)
    torch.set_num_threads(1)
    (x, y), (tx, ty) = ((torch.tensor((images / 255.0 - 0.1307) / 0.3081, dtype=torch.float32),
                         torch.tensor(labels.astype(np.int64))) for images, labels in
                        (load(directory, part) for part in ("train", "t10k")))
    target = nn.functional.one_hot(y, 10).float()
    net = nn.Sequential(nn.Linear(784, 128), nn.Sigmoid(), nn.Linear(128, 64), nn.Sigmoid(),
                        nn.Linear(64, 10), nn.Softmax(dim=1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001)
    loss = nn.BCEWithLogitsLoss()
    for epoch in range(1, epochs + 1):
        for i in torch.randperm(len(x)):
            optimizer.zero_grad()
            loss(net(x[i:i + 1]), target[i:i + 1]).backward()
            optimizer.step()
        with torch.no_grad():
            report(epoch, (net(tx).argmax(1) == ty).float().mean().item())


if __name__ == "__main__":
    programs = {"numpy": numpy_program, "pytorch": pytorch_program, "keras": keras_program}
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in programs:
        sys.exit(__doc__)
    programs[sys.argv[1]](sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10)
