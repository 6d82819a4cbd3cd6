// What the tests of tests/web share: runs of dist-train, its IDX images, and pages in a browser.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const zlib = require('node:zlib');

const top = path.resolve(__dirname, '../..');
const mnist = process.env.DIST_TRAIN_DATA || '';

for (const name of Object.keys(process.env))
    if (name.startsWith('DIST_TRAIN_')) delete process.env[name];

function run(program, ...words) {
    const options = { encoding: 'utf8', timeout: 120e3, maxBuffer: 1 << 28 };
    const done = spawnSync(program, words, options);
    assert.equal(done.status, 0, `${program} ${words.join(' ')}\n${done.stderr}`);
    return done.stdout;
}

// dist-train without mpirun, which must succeed; its standard output.
const distTrain = (...words) => run(path.join(top, 'dist-train'), ...words);

// All kinds of layers that it knows: the name of each, and of the values that it must have.
const layerItems = () => distTrain('--help', 'layers').split('\n\n')
    .filter((part) => /^(Kinds|Activations)/.test(part))
    .flatMap((part) => part.match(/^ {2}[a-z-]+( [a-zA-Z]+)*(?=  )/gm))
    .map((item) => item.trim().split(' '));

// The names that a setting may have, likewise.
const names = (setting) => distTrain('--print-config')
    .match(new RegExp(`^; one of (.*); default .*\\n${setting} = `, 'm'))[1].split(/, | or /);

// Small data files of the tests, see tests/runs/idx.py.
const makeData = (directory, ...words) =>
    run(process.env.PYTHON || 'python3', path.join(top, 'tests/runs/idx.py'), directory, ...words);

// Pictures that tests/runs/photographs.py makes in a directory, of those that browsers read: their
// names.
function makePhotographs(directory, ...words) {
    run(process.env.PYTHON || 'python3', path.join(top, 'tests/runs/photographs.py'), ...words);
    return fs.readdirSync(directory).filter((name) => name.endsWith('.png')).sort()
        .map((name) => path.join(directory, name));
}

// A directory that is removed when the tests of the file have run.
function scratch(after) {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'dist-train-web-'));
    after(() => fs.rmSync(directory, { recursive: true, force: true }));
    return directory;
}

// The first `limit` images of an IDX file, which may be there as FILE.gz: each a Buffer.
function readImages(file, limit) {
    const bytes = fs.existsSync(file) ? fs.readFileSync(file) :
        zlib.gunzipSync(fs.readFileSync(`${file}.gz`));
    const size = bytes.readUInt32BE(8) * bytes.readUInt32BE(12);
    const count = Math.min(limit, bytes.readUInt32BE(4));
    return Array.from({ length: count }, (_, i) =>
        bytes.subarray(16 + i * size, 16 + (i + 1) * size));
}

function writeImages(file, images, height, width) {
    const header = Buffer.alloc(16);
    [0x803, images.length, height, width].forEach((value, i) => header.writeUInt32BE(value, 4 * i));
    fs.writeFileSync(file, Buffer.concat([header, ...images]));
}

// What predict says of files: an object for each image.
const predict = (weights, ...files) =>
    distTrain('predict', '--weights', weights, '--json', ...files)
        .trim().split('\n').map((line) => JSON.parse(line));

function largestDifference(found, expected) {
    assert.equal(found.length, expected.length);
    return expected.reduce((most, value, i) => {
        const difference = Math.abs(found[i] - value);
        return difference <= most ? most : difference; // NaN too
    }, 0);
}

function launch() {
    const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync'];
    return require('playwright-core').chromium.launch({
        executablePath: process.env.CHROMIUM, headless: true, args });
}

// Opens the file in a window of its own. `complaints`: errors on the console and of scripts, and
// requests for anything that is not in the page.
async function open(browser, file, options = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints = [];
    const url = pathToFileURL(file).href;
    page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => {
        if (request.url() !== url) complaints.push(`request: ${request.url()}`);
    });
    await page.goto(url);
    return { page, context, complaints };
}

// How far the page is wider than its window, in pixels.
const overflow = (page) => page.evaluate(() =>
    document.documentElement.scrollWidth - document.documentElement.clientWidth);

module.exports = { distTrain, layerItems, launch, largestDifference, makeData, makePhotographs,
    mnist, names, open, overflow, predict, readImages, run, scratch, top, writeImages };
