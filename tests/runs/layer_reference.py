"""Layers in NumPy, by the names of the program's table: what others compute is compared with these.

A network is its list, "dense 128 relu, dense 10", and its tensors in order, kernels [in][out].
Dropout is what it is outside of training: nothing.
"""
import math

import numpy as np


def sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * z))


def normal_cdf(z):
    return 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2)))


def softmax(z):
    powers = np.exp(z - z.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def by_value(function, derivative):
    """Of an element-wise layer: forward(x, ARGUMENTS), backward(x, y, dy, ARGUMENTS)."""
    return lambda x, _: function(x), lambda x, y, dy, _: dy * derivative(x)


def epsilon_of(words, preset):
    return float(words[words.index("epsilon") + 1]) if "epsilon" in words else preset


def inverse_rms(x, words):
    return 1 / np.sqrt((x ** 2).mean(1, keepdims=True) + epsilon_of(words, 1e-6))


def rms(x, words):
    return x * inverse_rms(x, words)


def rms_backward(x, y, dy, words):
    return inverse_rms(x, words) * (dy - y * (y * dy).mean(1, keepdims=True))


def has_bias(words):
    return "bias" not in words or words[words.index("bias") + 1] == "true"


def dense(x, words, kernel, bias=0):
    return x @ kernel + bias


def dense_backward(x, dy, words, kernel, bias=None):
    gradients = [x.T @ dy] if bias is None else [x.T @ dy, dy.sum(0)]
    return dy @ kernel.T, gradients


def groups_of(kind, words):
    return int(words[0]) if kind == "groupnorm" else 1


def normalised(x, groups, channels, epsilon):
    """x as [sample][position][group][channel of the group], with mean 0 and variance 1 of each
    sample and group, and the deviations."""
    x = x.reshape(len(x), -1, groups, channels // groups)
    variance = x.var((1, 3), keepdims=True)
    deviation = np.sqrt(variance + epsilon)
    return (x - x.mean((1, 3), keepdims=True)) / deviation, deviation


def norm(kind):
    """Of a kind that normalises: forward and backward, as TRAINED has them. The gradient of x is
    the product of dz with the matrix dz_i / dx_j = (1 [i = j] - 1 / n - z_i z_j / n) / deviation.
    """
    def forward_of(x, words, gain, shift):
        z, _ = normalised(x, groups_of(kind, words), gain.size, epsilon_of(words, 1e-5))
        return z.reshape(len(x), -1, gain.size) * gain.ravel() + shift.ravel()

    def backward_of(x, dy, words, gain, shift):
        z, deviation = normalised(x, groups_of(kind, words), gain.size, epsilon_of(words, 1e-5))
        dy = dy.reshape(len(x), -1, gain.size)
        dz = (dy * gain.ravel()).reshape(z.shape)
        along = (dz * z).mean((1, 3), keepdims=True)
        dx = (dz - dz.mean((1, 3), keepdims=True) - z * along) / deviation
        gradients = [(dy * z.reshape(dy.shape)).sum((0, 1)), dy.sum((0, 1))]
        return dx.reshape(x.shape), [g.reshape(gain.shape) for g in gradients]

    return lambda x, *of: forward_of(x, *of).reshape(x.shape), backward_of, lambda words: 2


# Layers with tensors: forward(x, ARGUMENTS, TENSOR...); backward(x, dy, ARGUMENTS, TENSOR...), the
# gradients of x and of each tensor; how many tensors there are, by the arguments.
TRAINED = {
    "dense": (dense, dense_backward, lambda words: 1 + has_bias(words)),
    "layernorm": norm("layernorm"),
    "groupnorm": norm("groupnorm"),
}

# Layers without tensors: forward and backward.
LAYERS = {
    "sigmoid": by_value(sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "tanh": by_value(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": by_value(lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "leaky-relu": by_value(lambda z: np.where(z > 0, z, 0.01 * z),
                           lambda z: np.where(z > 0, 1, 0.01)),
    "gelu": by_value(lambda z: z * normal_cdf(z),
                     lambda z: normal_cdf(z) + z * np.exp(-z ** 2 / 2) / math.sqrt(2 * math.pi)),
    "silu": by_value(lambda z: z * sigmoid(z),
                     lambda z: sigmoid(z) * (1 + z * sigmoid(-z))),
    "identity": by_value(lambda z: z, np.ones_like),
    "rms": (rms, rms_backward),
    "dropout": (lambda x, _: x, lambda x, y, dy, _: dy),
    "softmax": (lambda x, _: softmax(x),
                lambda x, y, dy, _: y * (dy - (dy * y).sum(1, keepdims=True))),
}


def parse(text):
    """[(kind, its words)] of a list that is written out."""
    layers = []
    for item in text.split(","):
        words = item.split()
        if words[-1] in LAYERS and len(words) > 1:
            layers += [(words[0], words[1:-1]), (words[-1], [])]
        else:
            layers.append((words[0], words[1:]))
    return layers


def by_layer(layers, tensors):
    """The tensors of each layer."""
    cut, next_one = [], 0
    for kind, words in layers:
        count = TRAINED[kind][2](words) if kind in TRAINED else 0
        cut.append(tensors[next_one:next_one + count])
        next_one += count
    if next_one != len(tensors):
        raise ValueError(f"expected {next_one} tensors of {layers}, found {len(tensors)}")
    return cut


def forward(layers, tensors, x):
    """What each layer gives: [x, ...]."""
    values = [x]
    for (kind, words), own in zip(layers, by_layer(layers, tensors)):
        row = TRAINED[kind] if kind in TRAINED else LAYERS[kind]
        values.append(row[0](values[-1], words, *own))
    return values


def backward(layers, tensors, values, error):
    """The gradients of all tensors, sums over the samples; error: by the last values."""
    gradients = []
    steps = zip(layers, by_layer(layers, tensors), values, values[1:])
    for (kind, words), own, x, y in reversed(list(steps)):
        if kind in TRAINED:
            error, found = TRAINED[kind][1](x, error, words, *own)
            gradients = found + gradients
        else:
            error = LAYERS[kind][1](x, y, error, words)
    return gradients


def probabilities(layers, loss, output):
    """What the outputs say: nn/metrics.h."""
    if layers[-1][0] == "softmax":
        return output
    if loss == "cross-entropy":
        return softmax(output)
    return sigmoid(output) if loss == "bce" else np.clip(output, 0, 1)
