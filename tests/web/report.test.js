// report.html in a browser: quiet, self-contained, as wide as its window, in light, dark and print.
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { after, before, test } = require('node:test');
const { distTrain, launch, makeData, open, overflow, run, scratch, top } = require('./helpers.js');

const directory = scratch(after);
const at = (name) => path.join(directory, name);
let browser;

before(async () => {
    makeData(at('data'), '400', '80', '12');
    for (const seed of ['1', '2']) {
        const output = at(`run-${seed}`);
        distTrain('--data', at('data'), '--layers', '16,10', '--epochs', '3', '--val-fraction',
            '0.2', '--log-every', '2', '--seed', seed, '--output', output);
        run(process.env.PYTHON || 'python3', path.join(top, 'tests/runs/make_insight.py'), output,
            '--side', '12', '--tracked', '500', '--ranks', '40', '--host', 'a-host-with-a-long-name');
        distTrain('report', output);
    }
    distTrain('report', at('run-1'), at('run-2'), '-o', at('both.html'));
    browser = await launch();
});
after(() => browser && browser.close());

const pages = ['run-1/report.html', 'both.html'];

for (const file of pages)
    for (const width of [360, 768, 1280])
        test(`${file}: ${width} pixels`, async () => {
            const { page, context, complaints } = await open(browser, at(file),
                { viewport: { width, height: 800 } });
            await page.evaluate(() =>
                document.querySelectorAll('details').forEach((part) => { part.open = true; }));
            assert.deepEqual(complaints, []);
            assert.equal(await overflow(page), 0);
            const unseen = await page.evaluate(() => [...document.querySelectorAll('img')]
                .filter((image) => !image.complete || image.naturalWidth === 0).length);
            assert.equal(unseen, 0);
            await context.close();
        });

// Contrast of two colours, by WCAG 2.1.
const contrast = (page, selector) => page.evaluate((chosen) => {
    const channels = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
    const luminance = (text) => {
        const [r, g, b] = channels(text).map((value) => {
            const share = value / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const style = getComputedStyle(document.querySelector(chosen));
    const ink = luminance(chosen.startsWith('svg') ? style.fill : style.color);
    const paper = luminance(getComputedStyle(document.body).backgroundColor);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
}, selector);

for (const colorScheme of ['light', 'dark'])
    test(`words can be read: ${colorScheme}`, async () => {
        const { page, context } = await open(browser, at(pages[0]), { colorScheme });
        const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.equal(paper === 'rgb(255, 255, 255)', colorScheme === 'light');
        for (const selector of ['h1', '.sub', 'td', 'svg .tick', 'svg .label.c0', 'svg .label.c1',
            'svg .label.c2', '.chip'])
            assert.ok(await contrast(page, selector) >= 4.5, `${selector} in ${colorScheme}`);
        await context.close();
    });

test('values show where the mouse is', async () => {
    const { page, context } = await open(browser, at(pages[0]));
    const titles = await page.evaluate(() =>
        [...document.querySelectorAll('.plot .hover title')].map((title) => title.textContent));
    assert.ok(titles.some((title) => /^epoch 3\ntrain .*\ntest .*\nval .*/.test(title)), titles[0]);
    await context.close();
});

test('paper: white, several pages, nothing cut', async () => {
    const { page, context } = await open(browser, at(pages[0]), { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor),
        'rgb(255, 255, 255)');
    await page.setViewportSize({ width: 690, height: 1000 });
    assert.ok(await overflow(page) <= 0);
    const pdf = await page.pdf({ format: 'A4' });
    const count = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g).length;
    assert.ok(count >= 2 && count < 20, `${count} pages`);
    assert.ok(pdf.length > 20000);
    await context.close();
});
