// The page in a browser: it computes what predict says, sees pictures as predict sees them, and
// answers to mouse, finger and keys, in every size and colour of window.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, afterEach, before, test } = require('node:test');
const zlib = require('node:zlib');
const { distTrain, largestDifference, launch, makeData, makePhotographs, mnist, open, overflow,
    predict, scratch } = require('./helpers');
const { kinds, make } = require('./networks');

const directory = scratch(after);
const trained = path.join(directory, 'trained.html');
const weights = path.join(directory, 'trained/weights.h5');
let browser, opened;

before(async () => {
    browser = await launch();
    distTrain('--data', mnist || 'synthetic', '--config', path.resolve(__dirname,
        '../../configs/mnist.ini'), '--epochs', mnist ? 3 : 6, '--output', path.dirname(weights));
    distTrain('export', '--weights', weights, '--format', 'html', '--out', trained);
});
after(() => browser.close());
afterEach(async () => {
    assert.deepEqual(opened.complaints, []);
    await opened.context.close();
});

async function openPage(file, options) {
    opened = await open(browser, file, options);
    return opened.page;
}

// Strokes: lists of points in parts of the field.
const seven = [[[0.28, 0.22], [0.5, 0.2], [0.72, 0.22], [0.6, 0.5], [0.48, 0.82]]];
const one = [[[0.54, 0.15], [0.5, 0.5], [0.46, 0.85]]];

async function drawWithMouse(page, strokes) {
    const box = await page.locator('#pad').boundingBox();
    for (const stroke of strokes) {
        const at = stroke.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
        await page.mouse.move(...at[0]);
        await page.mouse.down();
        for (const point of at.slice(1)) await page.mouse.move(...point, { steps: 4 });
        await page.mouse.up();
    }
}

async function drawWithFinger(page, context, strokes) {
    const box = await page.locator('#pad').boundingBox();
    const client = await context.newCDPSession(page);
    const send = (type, touchPoints) =>
        client.send('Input.dispatchTouchEvent', { type, touchPoints });
    for (const stroke of strokes) {
        const at = stroke.map(([x, y]) =>
            ({ x: box.x + x * box.width, y: box.y + y * box.height }));
        await send('touchStart', [at[0]]);
        for (let i = 1; i < at.length; i++)
            for (let part = 1; part <= 6; part++) {
                const mix = (axis) => at[i - 1][axis] + (at[i][axis] - at[i - 1][axis]) * part / 6;
                await send('touchMove', [{ x: mix('x'), y: mix('y') }]);
            }
        await send('touchEnd', []);
    }
}

// What the page answers once it has shown something.
async function answerOf(page) {
    await page.waitForFunction(() => result !== null && !busy);
    return page.textContent('#answer');
}

kinds.forEach(([settings], index) => test(`the page and predict agree: ${settings}`, async () => {
    const network = make(directory, index);
    const file = network.at('page.html');
    distTrain('export', '--weights', network.weights, '--format', 'html', '--out', file);
    const page = await openPage(file);
    const found = await page.evaluate((images) => images.map((image) =>
        Array.from(forward(Uint8Array.from(atob(image), (c) => c.charCodeAt())).probabilities)),
    network.images.map((image) => image.toString('base64')));
    network.expected.forEach((answer, i) =>
        assert(largestDifference(found[i], answer.probabilities) <= 1e-5, `image ${i}`));
}));

for (const settings of ['--layers 10', '--layers 20,10 --activation gelu',
    '--classes 3 --layers 20,9,3', '--classes 26 --layers 20,26 --loss bce'])
    test(`what is shown is what was computed: ${settings}`, async () => {
        const classes = Number(settings.match(/--classes (\d+)/)?.[1] || 10);
        const data = path.join(directory, `data-${classes}`);
        if (!fs.existsSync(data)) makeData(data, 600, 20, 28, classes);
        const file = path.join(directory, 'shown.html');
        const run = path.join(directory, 'shown');
        distTrain('--data', data, '--epochs', 1, '--overwrite', '--output', run,
            ...settings.split(' '));
        distTrain('export', '--weights', path.join(run, 'weights.h5'), '--format', 'html',
            '--out', file);
        await checkShown(await openPage(file), settings, classes);
    });

async function checkShown(page, settings, classes) {
    await drawWithMouse(page, one);
    const answer = await answerOf(page);
    const shown = await page.evaluate(() => ({
        probabilities: Array.from(result.probabilities), bars: bars.length,
        best: document.querySelector('#bars .best b').textContent,
        share: document.querySelector('#bars .best u').style.transform,
        percent: Number(document.querySelector('#bars .best span').textContent.split(' ')[0]),
        hidden: result.hidden.map((values) => values.length), grids: grids.length,
        lit: grids.map(({ canvas }) => new Set(canvas.getContext('2d')
            .getImageData(0, 0, canvas.width, canvas.height).data).size) }));
    const most = Math.max(...shown.probabilities);
    assert.equal(shown.probabilities[answer], most);
    assert.equal(shown.best, answer);
    assert.equal(shown.share, `scaleX(${Number(most.toPrecision(6))})`);
    assert(Math.abs(shown.percent - 100 * most) <= 0.051, `${shown.percent} %, ${most}`);
    assert.equal(shown.bars, Math.min(classes, 10));
    const layers = settings.match(/--layers (\S+)/)[1].split(',').map(Number);
    assert.deepEqual(shown.hidden, layers.slice(0, -1));
    assert.equal(shown.grids, layers.length - 1);
    for (const colors of shown.lit) assert(colors > 6, `${colors} values of colours`);
}

test('channels of images are shown, and told of', async () => {
    const data = path.join(directory, 'data-maps'), run = path.join(directory, 'maps');
    const file = path.join(directory, 'maps.html');
    makeData(data, 600, 20);
    distTrain('--data', data, '--epochs', 1, '--output', run, '--layers',
        'conv 6 5x3 relu, maxpool 2 stride 2x3, conv 9 3x3 same, avgpool all, dense 12 tanh, 10');
    distTrain('export', '--weights', path.join(run, 'weights.h5'), '--format', 'html', '--out', file);
    const page = await openPage(file);
    await drawWithMouse(page, one);
    await answerOf(page);
    const shown = await page.evaluate(() => grids.map(({ canvas, index, count }) => ({ count,
        values: result.hidden[index].length, label: canvas.getAttribute('aria-label'),
        colors: new Set(new Uint32Array(canvas.getContext('2d')
            .getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size })));
    assert.deepEqual(shown.map(({ count, values }) => [count, values]),
        [[6, 24 * 26 * 6], [6, 12 * 9 * 6], [9, 12 * 9 * 9], [9, 9], [12, 12]]);
    assert.deepEqual(shown.map(({ label }) => label.replace(/^.*: /, '')), [
        '6 × conv relu, 24 × 26 pixels', '6 × maxpool, 12 × 9 pixels', '9 × conv, 12 × 9 pixels',
        '9 × avgpool', '12 × tanh']);
    for (const { colors } of shown) assert(colors > 6, `${colors} colours`);
    // The channel under the mouse is the one whose values and weights the card has.
    const largest = await page.evaluate(() => {
        const values = result.hidden[0], most = Math.max(...values);
        return { channel: values.indexOf(most) % 6, most: most.toPrecision(3) };
    });
    const box = await page.locator('#hidden canvas').first().boundingBox();
    await page.mouse.move(box.x + (largest.channel + 0.5) * box.width / 8, box.y + 5);
    assert.equal(await page.textContent('#unit p'),
        `channel ${largest.channel}: 0.00 to ${largest.most}`);
    assert.deepEqual(await page.evaluate(() => {
        const canvas = document.querySelector('#unit canvas');
        return [canvas.hidden, canvas.height, canvas.width];
    }), [false, 5, 3]);
    assert.equal(await overflow(page), 0);
});

// A grey PNG of rows of bytes.
function png(rows) {
    const chunk = (kind, data) => {
        const body = Buffer.concat([Buffer.from(kind), data]);
        const ends = Buffer.alloc(8);
        ends.writeUInt32BE(data.length, 0);
        ends.writeUInt32BE(crc(body), 4);
        return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
    };
    const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
    header.writeUInt32BE(rows[0].length, 0);
    header.writeUInt32BE(rows.length, 4);
    const raw = Buffer.concat(rows.map((row) => Buffer.from([0, ...row])));
    return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', header),
        chunk('IDAT', zlib.deflateSync(raw)), chunk('IEND', Buffer.alloc(0))]);
}

function crc(bytes) {
    let remainder = ~0;
    for (const byte of bytes) {
        remainder ^= byte;
        for (let bit = 0; bit < 8; bit++)
            remainder = remainder >>> 1 ^ (remainder & 1 && 0xedb88320);
    }
    return ~remainder >>> 0;
}

// Pictures of a slanted stroke under noise: MNIST's size or another, dark on light or not.
function* pictures() {
    let state = 20201;
    const random = (n) => (state = state * 48271 % 0x7fffffff) % n;
    for (let i = 0; i < 12; i++) {
        const height = i === 0 ? 28 : 30 + random(90), width = i === 0 ? 28 : 30 + random(90);
        const inverted = i % 2 === 1, noise = i % 3 === 0 ? 0 : 6;
        const lean = random(20) / 20, thick = 1 + random(5);
        yield Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => {
            const middle = width / 2 + lean * (y - height / 2) / 2;
            const inside = Math.abs(x - middle) < thick && y > height / 5 && y < height * 0.85;
            const value = (inside ? 150 + random(80) : 20) + (noise ? random(noise) : 0);
            return inverted ? 255 - value : value;
        }));
    }
}

// The page's answers to pictures, and predict's.
async function comparePictures(page, network, files) {
    for (const expected of predict(network, ...files)) {
        await page.click('#clear');
        await page.waitForFunction(() => result === null && !busy);
        await page.setInputFiles('#file', expected.file);
        assert.equal(await answerOf(page), String(expected.label));
        const found = await page.evaluate(() => Array.from(result.probabilities));
        assert(largestDifference(found, expected.probabilities) <= 1e-5, expected.file);
    }
}

async function expectRefusal(page, file, words) {
    await page.setInputFiles('#file', file);
    // The status may still say what the picture before it is.
    await page.waitForFunction((expected) => document.getElementById('status').textContent
        .includes(expected), words);
    assert(await page.isVisible('#status.visible'));
}

test('the page sees in a picture what predict sees', async () => {
    const page = await openPage(trained);
    const files = [...pictures()].map((rows, i) => {
        const file = path.join(directory, `picture-${i}.png`);
        fs.writeFileSync(file, png(rows));
        return file;
    });
    const photographs = path.join(directory, 'photographs');
    if (mnist) files.push(...makePhotographs(photographs, 'make', mnist, photographs, '13'));
    await comparePictures(page, weights, files);
    fs.writeFileSync(path.join(directory, 'text.png'), 'no picture');
    await expectRefusal(page, path.join(directory, 'text.png'), 'text.png is no picture');
    const rows = path.join(directory, 'rows');
    if (mnist) makePhotographs(rows, 'rows', mnist, rows, '1');
    if (mnist) await expectRefusal(page, path.join(rows, 'blank.png'), 'blank.png has no ink');
});

test('the page sees pictures of a set that fills its frames, both ways, as predict does', async () => {
    const shapes = path.join(directory, 'shapes'), output = path.join(directory, 'filling');
    const files = makePhotographs(shapes, 'shapes', shapes);
    distTrain('--data', shapes, '--classes', '5', '--layers', '32,5', '--epochs', '10',
        '--batch-size', '20', '--output', output);
    const file = path.join(directory, 'filling.html');
    distTrain('export', '--weights', `${output}/weights.h5`, '--format', 'html', '--out', file);
    await comparePictures(await openPage(file), `${output}/weights.h5`, files);
});

test('a 7 and a 1 are recognised, drawn with the mouse', async () => {
    const page = await openPage(trained);
    await drawWithMouse(page, seven);
    assert.equal(await answerOf(page), '7');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => result === null);
    assert.equal(await page.textContent('#answer'), '?');
    assert(await page.isVisible('#hint'));
    await drawWithMouse(page, one);
    assert.equal(await answerOf(page), '1');
    await page.click('#clear');
    await page.waitForFunction(() => result === null);
    const text = await page.textContent('header');
    const { test_accuracy: accuracy, parameter_hash: hash } =
        JSON.parse(fs.readFileSync(path.join(directory, 'trained/summary.json')));
    assert(text.includes(`${(100 * accuracy).toFixed(2)} % of the test set`), text);
    assert((await page.textContent('footer')).includes(hash));
    assert.equal(await page.title(), 'dist-train 784-128-64-10');
});

test('a 7 and a 1 are recognised, drawn with a finger, and nothing scrolls', async () => {
    const page = await openPage(trained, { viewport: { width: 360, height: 640 }, hasTouch: true,
        isMobile: true, deviceScaleFactor: 3 });
    await drawWithFinger(page, opened.context, seven);
    assert.equal(await answerOf(page), '7');
    await page.tap('#clear');
    await page.waitForFunction(() => result === null);
    await drawWithFinger(page, opened.context, one);
    assert.equal(await answerOf(page), '1');
    assert.equal(await page.evaluate(() => scrollY), 0);
    assert.equal(await overflow(page), 0);
});

test('a 1 is recognised, drawn with keys alone', async () => {
    const page = await openPage(trained);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'pad');
    for (let i = 0; i < 9; i++) await page.keyboard.press('ArrowUp');
    await page.keyboard.press(' ');
    for (let i = 0; i < 18; i++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press(' ');
    assert.equal(await answerOf(page), '1');
    await page.waitForFunction(() =>
        /^1, .* sure$/.test(document.querySelector('#status').textContent));
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'clear');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => result === null);
});

// source: WCAG 2, relative luminance and contrast ratio
function contrast(a, b) {
    const luminance = (color) => color.match(/\d+/g).slice(0, 3).map((byte) => byte / 255)
        .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
}

for (const colorScheme of ['light', 'dark'])
    test(`it is readable and fits every window: ${colorScheme}`, async () => {
        const page = await openPage(trained, { colorScheme });
        await drawWithMouse(page, seven);
        await answerOf(page);
        const colors = await page.evaluate(() => {
            const style = (selector) => getComputedStyle(document.querySelector(selector));
            const card = style('#output').backgroundColor;
            return { page: style('body').backgroundColor, pairs: [
                [style('body').color, style('body').backgroundColor],
                [style('#facts-line').color, style('body').backgroundColor],
                [style('#bars span').color, card], [style('#answer').color, card],
                [style('#clear').color, style('#clear').backgroundColor],
                [style('#help').color, style('#input').backgroundColor]] };
        });
        const white = contrast(colors.page, 'rgb(255 255 255)');
        assert(colorScheme === 'dark' ? white > 10 : white < 1.5, colors.page);
        for (const pair of colors.pairs) assert(contrast(...pair) >= 4.5, pair.join(' on '));
        for (const width of [320, 360, 390, 600, 768, 833, 1024, 1280, 1920]) {
            await page.setViewportSize({ width, height: 800 });
            assert.equal(await overflow(page), 0, `${width} pixels wide`);
            const pad = await page.locator('#pad').boundingBox();
            assert(Math.abs(pad.width - pad.height) <= 1, `${width}: the field is square`);
        }
    });
