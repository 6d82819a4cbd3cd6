// ONNX files in onnxruntime: what it computes is what predict says.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, test } = require('node:test');
const ort = require('onnxruntime-web');
const { distTrain, largestDifference, scratch } = require('./helpers');
const { kinds, make } = require('./networks');

ort.env.wasm.numThreads = 1;
const directory = scratch(after);

function softmax(values) {
    const powers = values.map((x) => Math.exp(x - Math.max(...values)));
    return powers.map((x) => x / powers.reduce((a, b) => a + b));
}

// What the logits say of the probabilities.
function probabilitiesOf(logits, name) {
    if (/activation softmax|=softmax /.test(name) || !/bce|mse/.test(name)) return softmax(logits);
    return logits.map((x) => name.includes('bce') ? 1 / (1 + Math.exp(-x)) :
        Math.min(Math.max(x, 0), 1));
}

async function compute(session, images, side) {
    const pixels = Uint8Array.from(Buffer.concat(images));
    return session.run({ image: new ort.Tensor('uint8', pixels, [images.length, side, side]) });
}

const title = (settings) => `onnxruntime and predict agree: ${settings}`;

kinds.forEach(([settings], index) => test(title(settings), async () => {
    const network = make(directory, index);
    const file = network.at('network.onnx');
    distTrain('export', '--weights', network.weights, '--format', 'onnx', '--out', file);
    const session = await ort.InferenceSession.create(fs.readFileSync(file));
    assert.deepEqual(session.inputNames, ['image']);
    assert.deepEqual(session.outputNames, ['logits', 'probabilities']);

    const { logits, probabilities } = await compute(session, network.images, network.side);
    assert.deepEqual(probabilities.dims, [network.images.length, network.classes]);
    const row = (tensor, i) => Array.from(tensor.data.slice(i * network.classes,
        (i + 1) * network.classes));
    network.expected.forEach((answer, i) => {
        const found = row(probabilities, i);
        assert(largestDifference(found, answer.probabilities) <= 1e-5, `image ${i}`);
        assert(largestDifference(probabilitiesOf(row(logits, i), settings), found) <= 1e-5);
    });
    // A test that all networks pass by saying the same of every image would say nothing.
    assert(new Set(network.expected.map((answer) => answer.label)).size > 1);

    const alone = await compute(session, network.images.slice(7, 8), network.side);
    assert(largestDifference(row(alone.probabilities, 0), row(probabilities, 7)) <= 1e-6);
    // Pixels that are no bytes are refused, not misread.
    const image = new ort.Tensor('float32', new Float32Array(network.side ** 2),
        [1, network.side, network.side]);
    await assert.rejects(session.run({ image }), /Unexpected input data type/);
}));
