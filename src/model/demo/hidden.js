// The hidden layers: a square for each unit, and a card about the one under the pointer.

const triple = (name) => color(name).split(' ').map(Number);

// Of a value from -1 to 1: from the colour of rest to that of its sign.
function mixer() {
    const rest = triple('--rest'), plus = triple('--plus'), minus = triple('--minus');
    return (value) => {
        const end = value < 0 ? minus : plus, share = Math.min(Math.abs(value), 1) || 0;
        return rest.map((channel, i) => Math.round(channel + share * (end[i] - channel)));
    };
}

// The same for all layers: the largest has at least about four columns a row.
const columns = (() => {
    const largest = Math.max(...hiddenLayers.map(({ outputs }) => outputs));
    let count = 16;
    while (largest / count > count / 4) count *= 2;
    return count;
})();

const grids = hiddenLayers.map((layer, index) => {
    const figure = document.createElement('figure');
    figure.innerHTML = '<figcaption><b></b> <span></span></figcaption><canvas role="img"></canvas>';
    figure.querySelector('b').textContent = `Hidden layer ${index + 1}`;
    figure.querySelector('span').textContent = `${layer.outputs} × ${layer.activation}`;
    const canvas = figure.querySelector('canvas');
    canvas.setAttribute('aria-label', `Activations of hidden layer ${index + 1}`);
    byId('hidden-help').before(figure);
    return { canvas, index, layer, count: layer.outputs };
});

// What is full colour: one for sigmoid and tanh, else the largest of the layer.
function fullOf({ activation }, values) {
    if (activation === 'sigmoid' || activation === 'tanh') return 1;
    return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
}

function showGrid({ canvas, index, layer, count }) {
    const values = result ? result.hidden[index] : new Float64Array(count);
    const full = fullOf(layer, values), mix = mixer();
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    const side = canvas.width / columns, gap = side >= 6 ? Math.round(side / 8) : 0;
    canvas.height = Math.round(side * Math.ceil(count / columns));
    const context = canvas.getContext('2d');
    values.forEach((value, i) => {
        const left = Math.round(side * (i % columns)), right = Math.round(side * (i % columns + 1));
        const row = Math.floor(i / columns), top = Math.round(side * row);
        context.fillStyle = `rgb(${mix(value / full).join(' ')})`;
        context.beginPath();
        context.roundRect(left, top, right - left - gap, Math.round(side * (row + 1)) - top - gap,
            gap);
        context.fill();
    });
}

function showHidden() {
    grids.forEach(showGrid);
}

// A unit under the pointer: its activation, and in the first layer its weights as an image.
function unitAt({ canvas, count }, event) {
    const box = canvas.getBoundingClientRect(), side = box.width / columns;
    const column = Math.floor((event.clientX - box.left) / side);
    const unit = Math.floor((event.clientY - box.top) / side) * columns + column;
    return column >= 0 && column < columns && unit >= 0 && unit < count ? unit : -1;
}

function drawWeights(canvas, unit) {
    const { kernel, outputs } = hiddenLayers[0];
    const weights = Array.from({ length: inputCount }, (_, i) => kernel[i * outputs + unit]);
    const most = weights.reduce((a, w) => Math.max(a, Math.abs(w)), 0) || 1;
    const mix = mixer(), context = canvas.getContext('2d');
    canvas.width = facts.width;
    canvas.height = facts.height;
    const image = context.createImageData(facts.width, facts.height);
    weights.forEach((w, i) => image.data.set([...mix(w / most), 255], 4 * i));
    context.putImageData(image, 0, 0);
}

function showUnit(grid, event) {
    const unit = unitAt(grid, event), card = byId('unit');
    card.hidden = unit < 0;
    if (unit < 0) return;
    const canvas = card.firstChild;
    canvas.hidden = grid.index > 0 || grid.layer.inputs !== inputCount;
    if (!canvas.hidden) drawWeights(canvas, unit);
    const value = result ? result.hidden[grid.index][unit].toPrecision(3) : '–';
    card.lastChild.textContent = `unit ${unit}: ${value}`;
    const box = card.getBoundingClientRect();
    card.style.left = `${Math.min(event.clientX + 14, innerWidth - box.width - 8)}px`;
    card.style.top = `${Math.max(8, event.clientY - box.height - 14)}px`;
}

for (const grid of grids) {
    for (const name of ['pointerdown', 'pointermove'])
        grid.canvas.addEventListener(name, (event) => showUnit(grid, event));
    grid.canvas.addEventListener('pointerleave', () => { byId('unit').hidden = true; });
}
