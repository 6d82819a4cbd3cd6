'use strict';

// The network: facts and weights of the page, and the forward pass.

const facts = JSON.parse(document.getElementById('facts').textContent);
const inputCount = facts.height * facts.width * facts.channels;
const names = facts.classes;
const classes = names.length;

// The weights, base64 of little-endian float32, cut into the tensors of the layers, in order.
function readLayers() {
    const text = atob(document.getElementById('weights').textContent);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
    const numbers = new Float32Array(bytes.buffer);
    let offset = 0;
    const take = (count) => numbers.subarray(offset, offset += count);
    return facts.layers.map((layer) => {
        const tensors = Object.entries(layer.tensors).map(([name, count]) => [name, take(count)]);
        return { ...layer, ...Object.fromEntries(tensors), trained: 'kernel' in layer.tensors };
    });
}

const layers = readLayers();

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// erf x = 2 / sqrt(pi) e^(-x^2) (x + 2/3 x^3 + 4/15 x^5 + ...), all terms of one sign.
// source: Abramowitz and Stegun, 7.1.6
function erf(x) {
    if (Math.abs(x) > 6) return Math.sign(x);
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++)
        sum += term *= 2 * x * x / (2 * n + 1);
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}

function softmax(values) {
    const largest = values.reduce((a, b) => Math.max(a, b));
    const powers = values.map((x) => Math.exp(x - largest));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((x) => x / sum);
}

function dense({ inputs, outputs, kernel, bias }, values) {
    const result = bias ? Float64Array.from(bias) : new Float64Array(outputs);
    for (let i = 0; i < inputs; i++) {
        const x = values[i];
        if (x === 0) continue;
        for (let j = 0, at = i * outputs; j < outputs; j++, at++) result[j] += x * kernel[at];
    }
    return result;
}

// Calls tap for each place of each window that lies in the image: of the value there, of the window's
// result and of the window, the first each. Values of an image are [height][width][channel].
function eachTap({ input, output, windows }, tap) {
    const [height, width, channels] = input, [rows, columns, results] = output;
    for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++)
            for (let i = 0; i < windows.height; i++) {
                const y = row * windows.down - windows.top + i;
                if (y < 0 || y >= height) continue;
                for (let j = 0; j < windows.width; j++) {
                    const x = column * windows.across - windows.left + j;
                    if (x < 0 || x >= width) continue;
                    tap((y * width + x) * channels, (row * columns + column) * results,
                        i * windows.width + j);
                }
            }
}

function conv(layer, values) {
    const { kernel, bias, outputs, input: [, , channels], output: [, , filters] } = layer;
    const result = new Float64Array(outputs);
    if (bias) for (let i = 0; i < outputs; i++) result[i] = bias[i % filters];
    eachTap(layer, (from, to, place) => {
        for (let c = 0; c < channels; c++) {
            const x = values[from + c];
            if (x === 0) continue;
            let at = (place * channels + c) * filters;
            for (let f = 0; f < filters; f++, at++) result[to + f] += x * kernel[at];
        }
    });
    return result;
}

function maxpool(layer, values) {
    const result = new Float64Array(layer.outputs).fill(-Infinity), channels = layer.input[2];
    eachTap(layer, (from, to) => {
        for (let c = 0; c < channels; c++)
            result[to + c] = Math.max(result[to + c], values[from + c]);
    });
    return result;
}

// Padding counts, as zeros.
function avgpool(layer, values) {
    const result = new Float64Array(layer.outputs), channels = layer.input[2];
    const share = 1 / (layer.windows.height * layer.windows.width);
    eachTap(layer, (from, to) => {
        for (let c = 0; c < channels; c++) result[to + c] += share * values[from + c];
    });
    return result;
}

function rms({ epsilon }, values) {
    const mean = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    return values.map((x) => x / Math.sqrt(mean + epsilon));
}

// Values are [position][channel]. Those of a group of channels get mean 0 and variance 1; then every
// channel has its gain and its shift.
function normaliseGroups({ epsilon, gamma, beta }, values, groups) {
    const channels = gamma.length, size = channels / groups;
    const groupOf = (i) => Math.floor(i % channels / size);
    const means = (numbers) => {
        const sums = new Float64Array(groups);
        numbers.forEach((x, i) => sums[groupOf(i)] += x);
        return sums.map((sum) => sum * groups / numbers.length);
    };
    const middle = means(values);
    const centred = values.map((x, i) => x - middle[groupOf(i)]);
    const variance = means(centred.map((x) => x * x));
    return centred.map((x, i) => x / Math.sqrt(variance[groupOf(i)] + epsilon)
        * gamma[i % channels] + beta[i % channels]);
}

const each = (f) => (layer, values) => values.map((x) => f(x));

// What a layer of each kind makes of values, and of what the layers before it gave: a line each, of
// this form (the exporter looks).
const kinds = {
    'dense': dense,
    'conv': conv,
    'maxpool': maxpool,
    'avgpool': avgpool,
    'flatten': (layer, values) => values,
    'add': ({ second }, values, outputs) => values.map((x, i) => x + outputs[second][i]),
    'rms': rms,
    'layernorm': (layer, values) => normaliseGroups(layer, values, 1),
    'groupnorm': (layer, values) => normaliseGroups(layer, values, layer.groups),
    'dropout': (layer, values) => values,
    'softmax': (layer, values) => softmax(values),
    'sigmoid': each(sigmoid),
    'tanh': each(Math.tanh),
    'relu': each((x) => Math.max(x, 0)),
    'leaky-relu': each((x) => x < 0 ? 0.01 * x : x),
    'gelu': each((x) => x / 2 * (1 + erf(x * Math.SQRT1_2))),
    'silu': each((x) => x * sigmoid(x)),
};

const endsInSoftmax = layers[layers.length - 1].kind === 'softmax';

// What is shown: for each layer but the last that is trained or makes an image smaller, where its
// activations are, as the layers behind it leave them.
const isShown = (layer) => layer.trained || layer.windows !== undefined;
const hiddenLayers = layers.flatMap((layer, index) => {
    let end = index;
    while (end + 1 < layers.length && !isShown(layers[end + 1])) end++;
    const last = end + 1 === layers.length;
    const behind = layers.slice(index + 1, end + 1).filter(({ kind }) => kind !== 'dropout' && kind !== 'add');
    const activation = behind.length > 0 ? behind[behind.length - 1].kind : 'identity';
    return isShown(layer) && !last ? [{ ...layer, end, activation }] : [];
});

// What the outputs say of the probabilities: dt_metrics_probabilities of nn/metrics.h.
function probabilitiesOf(outputs) {
    if (endsInSoftmax) return outputs;
    if (facts.loss === 'cross-entropy') return softmax(outputs);
    return outputs.map(facts.loss === 'bce' ? sigmoid : (x) => Math.min(Math.max(x, 0), 1));
}

// From pixels, bytes [height][width], to the activations of the hidden layers and the probabilities
// of the classes.
function forward(pixels) {
    let values = Float64Array.from(pixels, (byte) => facts.scale * byte + facts.shift);
    const outputs = [];
    for (const layer of layers) outputs.push(values = kinds[layer.kind](layer, values, outputs));
    const hidden = hiddenLayers.map(({ end }) => outputs[end]);
    return { hidden, probabilities: probabilitiesOf(values) };
}
