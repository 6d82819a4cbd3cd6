// Networks that differ in all that an exported file must say: activation, loss, bias, layers,
// softmax, normalisation, size of the images, classes.
'use strict';

const path = require('node:path');
const { distTrain, layerItems, makeData, mnist, names, predict, readImages, writeImages } =
    require('./helpers');

const imageCount = 200;

// The value whose turn it is.
const turn = (values, index) => values[index % values.length];

// The names of a setting in turn with those of others: each is in one of the networks.
function inTurn(setting, lists) {
    return names(setting).map((name, index) => {
        const loss = setting === 'loss' ? name : turn(names('loss'), index);
        const outputs = loss === 'cross-entropy' ? ['identity'] : ['softmax', 'identity'];
        return [`--layers ${turn(lists, index)} --${setting} ${name}` +
            (setting === 'loss' ? '' : ` --loss ${loss} --bias=${index % 2 === 0}`) +
            ` --output-activation ${turn(outputs, index)}` +
            ` --normalize ${turn(names('normalize'), index)}`];
    });
}

// Kinds that cannot stand behind a row of values, or need not.
const ofImages = ['conv', 'maxpool', 'avgpool', 'flatten', 'dense'];

// The values that items must have, by their names in --help layers.
const values = { units: 8, filters: 6, kernel: 3, groups: 2, p: 0.25, LABEL: 'one' };

// An item of each kind of layer, and in front of it what gives its second input.
const items = layerItems().map(([kind, ...needs]) =>
    (needs.includes('LABEL') ? 'tanh=as=one,' : '') +
    [kind, ...needs.map((need) => values[need])].join('='));

// settings, side of the images, classes
const kinds = [
    ...inTurn('loss', ['10']),
    ...inTurn('activation', ['24,10', '128,64,10', '30,20,10', '40,30,20,10']),
    // every kind of layer in a network of its own, of images and of rows
    ...items.map((item) => [`--layers conv=4=3x3=stride=2=tanh,${item},dense=12,10 --loss mse`]),
    ...items.filter((item) => !ofImages.includes(item.split('=')[0]))
        .map((item) => [`--layers dense=24,${item},dense=12,${item.replaceAll('one', 'two')},10` +
            ' --loss mse']),
    // images: paddings that are not the same on both sides, one place, images behind rows,
    // normalisations of images, sums of images and rows
    ...['conv=6=5x5=pad=2=relu,maxpool=2,conv=8=3x3=stride=2=same=tanh,avgpool=2=stride=1,' +
        'dense=20=relu,dense=10', 'conv=8=3x3=stride=2=relu,conv=9=2x3=pad=1x2,avgpool=all,dense=10',
    'conv=5=4x4=same=bias=false=relu,maxpool=3=stride=2=same,flatten,tanh,dense=10=bias=false',
    'avgpool=3x2=stride=1=pad=1,rms,maxpool=3x2,dense=16,conv=10=1x1,avgpool=1=softmax',
    'conv=6=5x5=stride=2,groupnorm=3=relu,layernorm,maxpool=2,dense=12,groupnorm=4,dense=10',
    'layernorm,sigmoid,groupnorm=1,dense=20,layernorm,dense=10',
    'conv=6=3x3=stride=2=relu=as=a,conv=6=3x3=same,add=a=relu=as=b,rms,add=b,maxpool=2,' +
        'dense=12=as=c,tanh,add=c,conv=12=1x1,add=c,dense=10',
    ].map((layers) => [`--layers ${layers} --loss mse`]),
    ['--classes 3 --layers 16,3 --activation relu', 9, 3],
    ['--classes 26 --layers 16,26 --activation leaky-relu --loss bce', 17, 26],
];

// The words of settings, in which = stands for the blanks of a list of layers.
function words(settings) {
    return settings.split(' ').map((word) => word.startsWith('--') ? word : word.replaceAll('=', ' '));
}

// Trains one of the kinds; what predict says of its images is what other programs must say.
function make(directory, index) {
    const [settings, side = 28, classes = 10] = kinds[index];
    const at = (name) => path.join(directory, `${index}-${name}`);
    const ours = mnist === '' || side !== 28;
    const data = ours ? at('data') : mnist;
    if (ours) makeData(data, 600, imageCount, side, classes);
    distTrain('--data', data, '--train-limit', 2000, '--test-limit', imageCount,
        '--max-steps', 60, '--lr', 0.005, '--output', at('run'), ...words(settings));
    const images = readImages(path.join(data, 't10k-images-idx3-ubyte'), imageCount);
    writeImages(at('images'), images, side, side);
    const weights = path.join(at('run'), 'weights.h5');
    return { name: settings, side, classes, images, weights, at,
        expected: predict(weights, at('images')) };
}

module.exports = { kinds, make, words };
