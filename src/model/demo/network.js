'use strict';

// The network: facts and weights of the page, and the forward pass.

const facts = JSON.parse(document.getElementById('facts').textContent);
const inputCount = facts.height * facts.width;
const classes = facts.layers[facts.layers.length - 1];

// The weights, base64 of little-endian float32, cut into the layers: kernel [in][out], bias [out].
function readLayers() {
    const text = atob(document.getElementById('weights').textContent);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
    const numbers = new Float32Array(bytes.buffer);
    let offset = 0;
    const take = (count) => numbers.subarray(offset, offset += count);
    return facts.layers.map((outputs, i) => {
        const inputs = i === 0 ? inputCount : facts.layers[i - 1];
        const kernel = take(inputs * outputs);
        return { inputs, outputs, kernel, bias: facts.bias ? take(outputs) : null };
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

const activations = {
    sigmoid,
    tanh: Math.tanh,
    relu: (x) => Math.max(x, 0),
    'leaky-relu': (x) => x < 0 ? 0.01 * x : x,
    gelu: (x) => x / 2 * (1 + erf(x * Math.SQRT1_2)),
    identity: (x) => x,
};

function softmax(values) {
    const largest = values.reduce((a, b) => Math.max(a, b));
    const powers = values.map((x) => Math.exp(x - largest));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((x) => x / sum);
}

function applyDense(layer, values) {
    const { inputs, outputs, kernel, bias } = layer;
    const result = bias ? Float64Array.from(bias) : new Float64Array(outputs);
    for (let i = 0; i < inputs; i++) {
        const x = values[i];
        if (x === 0) continue;
        for (let j = 0, at = i * outputs; j < outputs; j++, at++) result[j] += x * kernel[at];
    }
    return result;
}

// What the outputs say of the probabilities: dt_metrics_probabilities of nn/metrics.h.
function probabilitiesOf(logits) {
    if (facts.softmax || facts.loss === 'cross-entropy') return softmax(logits);
    return logits.map(facts.loss === 'bce' ? sigmoid : (x) => Math.min(Math.max(x, 0), 1));
}

// From pixels, bytes [height][width], to the activations of each hidden layer and the probabilities
// of the classes.
function forward(pixels) {
    let values = Float64Array.from(pixels, (byte) => facts.scale * byte + facts.shift);
    const hidden = [];
    for (const layer of layers.slice(0, -1)) {
        values = applyDense(layer, values).map(activations[facts.activation]);
        hidden.push(values);
    }
    const logits = applyDense(layers[layers.length - 1], values);
    return { hidden, logits, probabilities: probabilitiesOf(logits) };
}
