"""Layers in NumPy, by the names of the program's table: what others compute is compared with these.

A network is its list, "dense 128 relu, dense 10", and its tensors in order, kernels [in][out].
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


def inverse_rms(x, words):
    epsilon = float(words[words.index("epsilon") + 1]) if words else 1e-6
    return 1 / np.sqrt((x ** 2).mean(1, keepdims=True) + epsilon)


def rms(x, words):
    return x * inverse_rms(x, words)


def rms_backward(x, y, dy, words):
    return inverse_rms(x, words) * (dy - y * (y * dy).mean(1, keepdims=True))


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


def has_bias(words):
    return "bias" not in words or words[words.index("bias") + 1] == "true"


def forward(layers, tensors, x):
    """What each layer gives: [x, ...]."""
    values, tensors = [x], list(tensors)
    for kind, words in layers:
        if kind == "dense":
            kernel = tensors.pop(0)
            bias = tensors.pop(0) if has_bias(words) else 0
            values.append(values[-1] @ kernel + bias)
        else:
            values.append(LAYERS[kind][0](values[-1], words))
    if tensors:
        raise ValueError(f"expected the tensors of {layers}, found {len(tensors)} more")
    return values


def backward(layers, tensors, values, error):
    """The gradients of all tensors, sums over the samples; error: by the last values."""
    gradients, tensors = [], list(tensors)
    for (kind, words), x, y in reversed(list(zip(layers, values, values[1:]))):
        if kind == "dense":
            if has_bias(words):
                tensors.pop()
                gradients.insert(0, error.sum(0))
            gradients.insert(0, x.T @ error)
            error = error @ tensors.pop().T
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
