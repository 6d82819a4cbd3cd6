// The hidden layers: a square for each unit of a row, an image for each channel of an image, and a
// card about the one under the pointer.

const triple = (name) => color(name).split(' ').map(Number);

// Of a value from -1 to 1: from the colour of rest to that of its sign.
function mixer() {
    const rest = triple('--rest'), plus = triple('--plus'), minus = triple('--minus');
    return (value) => {
        const end = value < 0 ? minus : plus, share = Math.min(Math.abs(value), 1) || 0;
        return rest.map((channel, i) => Math.round(channel + share * (end[i] - channel)));
    };
}

// The least of 16, 32, ... with which there are at most `share` rows a column.
function columnsFor(count, least, share) {
    let columns = least;
    while (count / columns > columns * share) columns *= 2;
    return columns;
}

const isImage = ({ output: [height, width] }) => height * width > 1;

// The same for all layers of units: the largest has at least about four columns a row.
const unitColumns = columnsFor(Math.max(0, ...hiddenLayers.filter((layer) => !isImage(layer))
    .map(({ outputs }) => outputs)), 16, 1 / 4);

// What the cells of a layer are: how many, in how many columns, and the pixels of one.
function cellsOf(layer) {
    const [height, width, channels] = layer.output;
    if (!isImage(layer)) return { count: layer.outputs, columns: unitColumns, height: 1, width: 1 };
    return { count: channels, columns: columnsFor(channels, 8, 1 / 2), height, width };
}

function describe(layer) {
    const [height, width, channels] = layer.output;
    const pooled = layer.trained ? '' : layer.kind;
    if (!isImage(layer)) return `${layer.outputs} × ${pooled || layer.activation}`;
    const activation = layer.activation === 'identity' ? '' : ` ${layer.activation}`;
    return `${channels} × ${layer.kind}${activation}, ${height} × ${width} pixels`;
}

const grids = hiddenLayers.map((layer, index) => {
    const figure = document.createElement('figure');
    figure.innerHTML = '<figcaption><b></b> <span></span></figcaption><canvas role="img"></canvas>';
    figure.querySelector('b').textContent = `Hidden layer ${index + 1}`;
    figure.querySelector('span').textContent = describe(layer);
    const canvas = figure.querySelector('canvas');
    canvas.setAttribute('aria-label',
        `Activations of hidden layer ${index + 1}: ${describe(layer)}`);
    byId('hidden-help').before(figure);
    return { canvas, index, layer, ...cellsOf(layer) };
});

// What is full colour: one for sigmoid and tanh, else the largest of the layer.
function fullOf({ activation }, values) {
    if (activation === 'sigmoid' || activation === 'tanh') return 1;
    return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
}

// The side of a cell's column and of its row, on a canvas or a page of that width.
function sidesOf({ columns, height, width }, total) {
    return { across: total / columns, down: total / columns * height / width };
}

const paletteOf = (mix) => Array.from({ length: 511 }, (_, i) => mix((i - 255) / 255));

// Paints values[0], values[step], ... as an image.
function paintImage(canvas, { height, width }, values, step, full, colors) {
    const context = canvas.getContext('2d');
    canvas.width = width;
    canvas.height = height;
    const image = context.createImageData(width, height);
    for (let i = 0, at = 0; i < height * width; i++, at += step) {
        const share = Math.max(-1, Math.min(1, values[at] / full)) || 0;
        const [red, green, blue] = colors[Math.round(255 * share) + 255];
        image.data.set([red, green, blue, 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
}

const scrap = document.createElement('canvas');

function showGrid(grid) {
    const { canvas, index, layer, count, columns } = grid;
    const values = result ? result.hidden[index] : new Float64Array(layer.outputs);
    const full = fullOf(layer, values), mix = mixer(), colors = paletteOf(mix);
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    const { across, down } = sidesOf(grid, canvas.width);
    const gap = across >= 6 ? Math.round(across / (isImage(layer) ? 16 : 8)) : 0;
    canvas.height = Math.max(1, Math.round(down * Math.ceil(count / columns)));
    const context = canvas.getContext('2d');
    context.imageSmoothingEnabled = false;
    for (let i = 0; i < count; i++) {
        const column = i % columns, row = Math.floor(i / columns);
        const left = Math.round(across * column), top = Math.round(down * row);
        const box = [left, top, Math.round(across * (column + 1)) - left - gap,
            Math.round(down * (row + 1)) - top - gap];
        if (isImage(layer)) {
            paintImage(scrap, grid, values.subarray(i), count, full, colors);
            context.drawImage(scrap, ...box);
        } else {
            context.fillStyle = `rgb(${mix(values[i] / full).join(' ')})`;
            context.beginPath();
            context.roundRect(...box, gap);
            context.fill();
        }
    }
}

function showHidden() {
    grids.forEach(showGrid);
}

// The unit or channel under the pointer: its activations, and in the first layer its weights as an
// image.
function cellAt(grid, event) {
    const { canvas, count, columns } = grid;
    const box = canvas.getBoundingClientRect(), { across, down } = sidesOf(grid, box.width);
    const column = Math.floor((event.clientX - box.left) / across);
    const cell = Math.floor((event.clientY - box.top) / down) * columns + column;
    return column >= 0 && column < columns && cell >= 0 && cell < count ? cell : -1;
}

// Weights that are an image, of all its channels together, since what they belong to takes the pixels
// of one; null: others.
function weightsOf({ index, layer, count }, cell) {
    if (index > 0 || !layer.trained) return null;
    const size = layer.windows || facts, values = new Float32Array(size.height * size.width);
    const channels = layer.kernel.length / count / values.length;
    for (let i = 0; i < values.length * channels; i++)
        values[Math.floor(i / channels)] += layer.kernel[i * count + cell];
    return { size, values, step: 1 };
}

function drawWeights(canvas, { size, values, step }) {
    let most = 0;
    for (let i = 0; i < values.length; i += step) most = Math.max(most, Math.abs(values[i]));
    paintImage(canvas, size, values, step, most || 1, paletteOf(mixer()));
}

function tellCell({ index, layer, count }, cell) {
    if (!result) return '–';
    const values = result.hidden[index].filter((_, i) => i % count === cell);
    const texts = [Math.min(...values), Math.max(...values)].map((value) => value.toPrecision(3));
    return isImage(layer) ? texts.join(' to ') : texts[0];
}

function showCell(grid, event) {
    const cell = cellAt(grid, event), card = byId('unit');
    card.hidden = cell < 0;
    if (cell < 0) return;
    const canvas = card.firstChild, weights = weightsOf(grid, cell);
    canvas.hidden = !weights;
    if (weights) drawWeights(canvas, weights);
    card.lastChild.textContent =
        `${isImage(grid.layer) ? 'channel' : 'unit'} ${cell}: ${tellCell(grid, cell)}`;
    const box = card.getBoundingClientRect();
    card.style.left = `${Math.min(event.clientX + 14, innerWidth - box.width - 8)}px`;
    card.style.top = `${Math.max(8, event.clientY - box.height - 14)}px`;
}

for (const grid of grids) {
    for (const name of ['pointerdown', 'pointermove'])
        grid.canvas.addEventListener(name, (event) => showCell(grid, event));
    grid.canvas.addEventListener('pointerleave', () => { byId('unit').hidden = true; });
}
