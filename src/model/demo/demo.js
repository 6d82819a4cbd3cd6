// What goes out: what the network sees, and what it makes of it.

let result = null; // of forward, and `answer`; null when nothing is drawn

// What has been drawn: as ink, light on dark, or for networks of colours as a picture of dark ink.
function imageOfStrokes() {
    const { width, height } = raster.canvas;
    const { data } = raster.getImageData(0, 0, width, height);
    const values = new Float32Array(width * height);
    for (let i = 0; i < values.length; i++) values[i] = data[4 * i];
    if (facts.channels === 1 && form.background >= 0)
        return fitInk(measure({ height, width, values }));
    return fitWhole({ height, width,
        planes: Array(facts.channels).fill(values.map((value) => 255 - value)) });
}

// At most once a frame.
function update() {
    if (busy) return;
    busy = true;
    requestAnimationFrame(() => {
        busy = false;
        const empty = strokes.length === 0 && !picture;
        const pixels = empty ? null : picture ? picture.pixels : imageOfStrokes();
        result = pixels && forward(pixels);
        byId('hint').hidden = !empty;
        showSeen(pixels);
        showAnswer();
        showHidden();
        if (picture) tellAnswer();
    });
}

function showSeen(pixels) {
    const context = byId('seen').getContext('2d');
    const image = context.createImageData(facts.width, facts.height);
    for (let i = 0; i < facts.height * facts.width; i++) {
        const at = i * facts.channels;
        const color = facts.channels === 3 ? [0, 1, 2] : [0, 0, 0];
        image.data.set([...color.map((c) => pixels ? pixels[at + c] : 0), 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
}

// Up to twelve classes keep their places; of more the most likely are shown.
const barCount = classes <= 12 ? classes : 10;
const bars = Array.from({ length: barCount }, (_, i) => {
    const bar = document.createElement('li');
    bar.innerHTML = '<b></b><i><u></u></i><span></span>';
    bar.firstChild.textContent = names[i];
    byId('bars').append(bar);
    return bar;
});

function showAnswer() {
    const p = result ? result.probabilities : new Float64Array(classes);
    const order = Array.from(p.keys()).sort((a, b) => p[b] - p[a] || a - b);
    bars.forEach((bar, i) => {
        const label = classes <= 12 ? i : order[i];
        bar.children[0].textContent = names[label];
        bar.querySelector('u').style.transform = `scaleX(${p[label]})`;
        bar.children[2].textContent = result ? percent(p[label]) : '';
        bar.classList.toggle('best', result !== null && label === order[0]);
    });
    byId('answer').textContent = result ? names[order[0]] : '?';
    byId('certainty').textContent = result ? `${percent(p[order[0]])} sure` : 'Nothing yet';
    byId('second').textContent =
        result && classes > 1 ? `then ${names[order[1]]}, ${percent(p[order[1]])}` : '';
    byId('verdict').classList.toggle('empty', !result);
    if (result) result.answer = order[0];
}

// For people who do not see the page, and about what went wrong.
function tell(text, visible = false) {
    byId('status').textContent = text;
    byId('status').className = visible && text ? 'visible' : '';
}

// After what has been drawn was shown.
function tellAnswer() {
    requestAnimationFrame(() => requestAnimationFrame(() => {
        if (result)
            tell(`${names[result.answer]}, ${percent(result.probabilities[result.answer])} sure`);
    }));
}

// ---- The page -----------------------------------------------------------------------------------

const counted = (count, what) => `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;

function showFacts() {
    const count = facts.layers.flatMap(({ tensors }) => Object.values(tensors))
        .reduce((sum, size) => sum + size, 0);
    const known = (value) => value !== null;
    byId('facts-line').textContent = [
        known(facts.testAccuracy) && `${(100 * facts.testAccuracy).toFixed(2)} % of the test set`,
        known(facts.valAccuracy) &&
            `${(100 * facts.valAccuracy).toFixed(2)} % of the validation set`,
        `${count.toLocaleString('en')} parameters`,
        classes > 12 && `the ten most likely of ${classes} classes`,
    ].filter(Boolean).join(' · ');
    byId('origin').textContent = [
        `dist-train${facts.version ? ` ${facts.version}` : ''}`,
        known(facts.epoch) && `${counted(facts.epoch, 'epoch')}, ${counted(facts.step, 'step')}`,
        `parameters ${facts.parameterHash}`,
    ].filter(Boolean).join(' · ');
    byId('hint').textContent = classes === 10 ? 'Draw a digit' : 'Draw here';
    byId('seen-text').textContent =
        `${facts.width} × ${facts.height} pixels, ${facts.channels === 1 && form.background >= 0
            ? 'fitted and centred as those it was trained on' : 'the whole picture'}`;
}

byId('hidden').hidden = grids.length === 0;
byId('seen').width = facts.width;
byId('seen').height = facts.height;
byId('paper').style.aspectRatio = `${facts.width} / ${facts.height}`;
byId('clear').addEventListener('click', clear);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    drawPad();
    showHidden();
});
new ResizeObserver(() => {
    fitPad();
    showHidden();
}).observe(pad);
showFacts();
drawRaster();
update();
