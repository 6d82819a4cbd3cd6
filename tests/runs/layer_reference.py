"""Layers in NumPy, by the names of the program's table: what others compute is compared with these.

A network is its list, "dense 128 relu, dense 10", and its tensors in order, kernels [in][out] and
[height][width][in][out]. Dropout does nothing without noise: (seed, epoch, places of the samples in
the order of the epoch), by which a sample has the same factors wherever it is computed. A list that
is parsed has numbers of layers for labels.
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


def philox(seed, *counter):
    """Words [4] + the shape of the counter's four, which are broadcast: Philox4x32-10.
    source: J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011"""
    low, keys = np.uint64(0xffffffff), [seed & 0xffffffff, seed >> 32]
    words = np.broadcast_arrays(*(np.asarray(word, np.uint64) for word in counter))
    for _ in range(10):
        first, second = words[0] * np.uint64(0xd2511f53), words[2] * np.uint64(0xcd9e8d57)
        high = [product >> np.uint64(32) for product in (second, first)]
        words = [high[0] ^ words[1] ^ np.uint64(keys[0]), second & low,
                 high[1] ^ words[3] ^ np.uint64(keys[1]), first & low]
        keys = [(key + bump) % 2 ** 32 for key, bump in zip(keys, (0x9e3779b9, 0xbb67ae85))]
    return np.array(words)


def dropout_factors(noise, number, words, shape):
    """What the values [sample]... of layer `number`, from 0, are multiplied by in training."""
    (seed, epoch, places), p = noise, float(words[0])
    count = int(np.prod(shape[1:]))
    drawn = philox(seed, np.arange(-(-count // 4)), np.asarray(places)[:, None], epoch,
                   5 | number << 8)  # the stream and its part
    drawn = drawn.transpose(1, 2, 0).reshape(shape[0], -1)[:, :count]
    return np.where(drawn < np.floor(p * 2 ** 32), 0, 1 / (1 - p)).reshape(shape)


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


# Images are [sample][height][width][channel].

class Windows:
    """Of an image of that shape; words: kernel, then stride, pad and bias as they may be there."""

    def __init__(self, shape, words, stride):
        def pair(text):
            return [int(side) for side in (text.split("x") * 2)[:2]]

        def said(name, preset):
            return pair(words[words.index(name) + 1]) if name in words else preset

        self.sides = shape[1:3]
        self.kernel = self.sides if words[0] == "all" else pair(words[0])
        self.stride = said("stride", stride or self.kernel)
        pads = said("pad", [0, 0])
        self.count = [(side + 2 * pad - size) // step + 1 for side, pad, size, step in
                      zip(self.sides, pads, self.kernel, self.stride)]
        if "same" in words:
            self.count = [-(-side // step) for side, step in zip(self.sides, self.stride)]
        self.reach = [(count - 1) * step + size for count, step, size in
                      zip(self.count, self.stride, self.kernel)]
        if "same" in words:
            pads = [max(reach - side, 0) // 2 for reach, side in zip(self.reach, self.sides)]
        self.front = pads

    def bordered(self, x, border):
        sides = [max(reach, front + side) for reach, front, side in
                 zip(self.reach, self.front, self.sides)]
        values = np.full((len(x), *sides, x.shape[3]), border)
        self.inside(values)[:] = x
        return values

    def inside(self, values):
        (top, left), (height, width) = self.front, self.sides
        return values[:, top:top + height, left:left + width]

    def of_output(self, values):
        return values.reshape(len(values), *self.count, -1)

    def taps(self, values):
        """What lies at each place of the windows: views [sample][row][column][channel]."""
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                yield values[:, i:i + (self.count[0] - 1) * self.stride[0] + 1:self.stride[0],
                             j:j + (self.count[1] - 1) * self.stride[1] + 1:self.stride[1]]


def image(x):
    """A row of values is an image of one place."""
    return x if x.ndim == 4 else x.reshape(len(x), 1, 1, -1)


def conv(x, words, kernel, bias=0):
    at = Windows(x.shape, words[1:], [1, 1])
    taps = at.taps(at.bordered(x, 0.0))
    return sum(tap @ w for tap, w in zip(taps, kernel.reshape(-1, *kernel.shape[2:]))) + bias


def conv_backward(x, dy, words, kernel, bias=None):
    at = Windows(x.shape, words[1:], [1, 1])
    errors, dy = at.bordered(np.zeros_like(x), 0.0), at.of_output(dy)
    for tap, w in zip(at.taps(errors), kernel.reshape(-1, *kernel.shape[2:])):
        tap += dy @ w.T
    found = np.array([np.einsum("nyxi,nyxo->io", tap, dy) for tap in at.taps(at.bordered(x, 0.0))])
    gradients = [found.reshape(kernel.shape)]
    return at.inside(errors), gradients if bias is None else gradients + [dy.sum((0, 1, 2))]


def maxpool(x, words):
    at = Windows(x.shape, words, None)
    return np.max(list(at.taps(at.bordered(x, -np.inf))), 0)


def maxpool_backward(x, y, dy, words):
    """To the first that is the largest."""
    at = Windows(x.shape, words, None)
    first = np.argmax(list(at.taps(at.bordered(x, -np.inf))), 0)
    errors = at.bordered(np.zeros_like(x), 0.0)
    for i, tap in enumerate(at.taps(errors)):
        tap += at.of_output(dy) * (first == i)
    return at.inside(errors)


def avgpool(x, words):
    at = Windows(x.shape, words, None)
    return np.mean(list(at.taps(at.bordered(x, 0.0))), 0)


def avgpool_backward(x, y, dy, words):
    at = Windows(x.shape, words, None)
    errors = at.bordered(np.zeros_like(x), 0.0)
    for tap in at.taps(errors):
        tap += at.of_output(dy) / np.prod(at.kernel)
    return at.inside(errors)


# Layers with tensors: forward(x, ARGUMENTS, TENSOR...); backward(x, dy, ARGUMENTS, TENSOR...), the
# gradients of x and of each tensor; how many tensors there are, by the arguments.
TRAINED = {
    "dense": (dense, dense_backward, lambda words: 1 + has_bias(words)),
    "layernorm": norm("layernorm"),
    "groupnorm": norm("groupnorm"),
    "conv": (conv, conv_backward, lambda words: 1 + has_bias(words)),
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
    "maxpool": (maxpool, maxpool_backward),
    "avgpool": (avgpool, avgpool_backward),
    "flatten": (lambda x, _: x, lambda x, y, dy, _: dy),
    "softmax": (lambda x, _: softmax(x),
                lambda x, y, dy, _: y * (dy - (dy * y).sum(1, keepdims=True))),
}

# Layers that take what another one gives, the second input, too: forward(x, that), backward(dy), the
# gradients of both.
SECOND = {
    "add": (lambda x, other: x + other, lambda dy: (dy, dy)),
}

# Layers that take an image; the others take values in a row, and leave an image one where they give
# as many, but for flatten.
OF_IMAGES = ("conv", "maxpool", "avgpool")


def parse(text):
    """[(kind, its words)] of a list that is written out; the first word of a layer with a second
    input is the number of the layer that gives it."""
    layers, labels = [], {}
    for item in text.split(","):
        words, label = item.split(), None
        if "as" in words[-2:-1]:
            *words, _, label = words
        if words[0] in SECOND:
            words[1] = labels[words[1]]
        if words[-1] in LAYERS and len(words) > 1:
            layers += [(words[0], words[1:-1]), (words[-1], [])]
        else:
            layers.append((words[0], words[1:]))
        labels[label] = len(layers) - 1
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


def taken(kind, x):
    """x as the layer takes it."""
    return image(x) if kind in OF_IMAGES else x.reshape(len(x), -1)


def forward(layers, tensors, x, shape=None, keep=False, noise=None):
    """What each layer gives: [x, ...]; shape: of the images that x is, in rows; keep: at the end an
    image may be one."""
    values = [x.reshape(len(x), *shape) if shape else x]
    for number, ((kind, words), own) in enumerate(zip(layers, by_layer(layers, tensors))):
        x = values[-1]
        if kind in SECOND:
            values.append(SECOND[kind][0](x, values[words[0] + 1].reshape(x.shape)))
            continue
        row = TRAINED[kind] if kind in TRAINED else LAYERS[kind]
        y = row[0](taken(kind, x), words, *own)
        if kind == "dropout" and noise:
            y = y * dropout_factors(noise, number, words, y.shape)
        values.append(y.reshape(x.shape) if y.size == x.size and kind not in
                      (*OF_IMAGES, "dense", "flatten") else y)
    if not keep:
        values[-1] = taken("dense", values[-1])
    return values


def backward(layers, tensors, values, error, noise=None):
    """The gradients of all tensors, sums over the samples; error: by the last values."""
    gradients, of_seconds = [], [0.0] * len(layers)
    steps = zip(range(len(layers)), layers, by_layer(layers, tensors), values, values[1:])
    for number, (kind, words), own, x, y in reversed(list(steps)):
        x, shape = taken(kind, x), x.shape
        error = error.reshape(len(y), -1) + of_seconds[number]
        if kind in SECOND:
            error, of_second = SECOND[kind][1](error)
            of_seconds[words[0]] = of_seconds[words[0]] + of_second
        elif kind in TRAINED:
            error, found = TRAINED[kind][1](x, error, words, *own)
            gradients = found + gradients
        else:
            error = LAYERS[kind][1](x, y.reshape(error.shape), error, words)
        if kind == "dropout" and noise:
            error = error * dropout_factors(noise, number, words, error.shape)
        error = error.reshape(shape)
    return gradients


def probabilities(layers, loss, output):
    """What the outputs say: nn/metrics.h."""
    if layers[-1][0] == "softmax":
        return output
    if loss == "cross-entropy":
        return softmax(output)
    return sigmoid(output) if loss == "bce" else np.clip(output, 0, 1)
