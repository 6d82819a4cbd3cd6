// What comes in: strokes of mouse, pen, finger and keys, and pictures.

const byId = (id) => document.getElementById(id);
const percent = (p) => `${(100 * p).toFixed(p < 0.9995 && p >= 0.0005 ? 1 : 0)} %`;

// ---- Drawing ------------------------------------------------------------------------------------

// The raster that becomes ink is about 280 pixels wide, the visible canvas as fine as the screen.
// Strokes are lists of points, in units of the field's width.
const rasterScale = Math.max(1, Math.round(280 / Math.max(facts.height, facts.width)));
const raster = new OffscreenCanvas(facts.width * rasterScale, facts.height * rasterScale)
    .getContext('2d', { willReadFrequently: true });
const pad = byId('pad');
const padContext = pad.getContext('2d');
const fieldHeight = facts.height / facts.width;
const penWidth = 1 / 12;

let strokes = [];
let picture = null; // an ImageBitmap, and the image that the network sees in it
let busy = false;   // an update has been asked for

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function drawSegment(context, width, points, from) {
    context.lineWidth = penWidth * width;
    context.lineCap = context.lineJoin = 'round';
    context.beginPath();
    context.moveTo(points[from].x * width, points[from].y * width);
    for (const point of points.slice(from)) context.lineTo(point.x * width, point.y * width);
    context.stroke();
}

function drawPicture() {
    const scale = Math.min(pad.width / picture.bitmap.width, pad.height / picture.bitmap.height);
    const width = picture.bitmap.width * scale, height = picture.bitmap.height * scale;
    padContext.drawImage(picture.bitmap, (pad.width - width) / 2, (pad.height - height) / 2,
        width, height);
}

function drawPad() {
    padContext.clearRect(0, 0, pad.width, pad.height);
    padContext.strokeStyle = color('--ink');
    if (picture) drawPicture();
    for (const points of strokes) drawSegment(padContext, pad.width, points, 0);
}

function drawRaster() {
    raster.strokeStyle = '#fff';
    raster.fillRect(0, 0, raster.canvas.width, raster.canvas.height);
    for (const points of strokes) drawSegment(raster, raster.canvas.width, points, 0);
}

function fitPad() {
    const box = pad.getBoundingClientRect();
    pad.width = Math.max(1, Math.round(box.width * devicePixelRatio));
    pad.height = Math.round(pad.width * fieldHeight);
    drawPad();
}

function beginStroke(point) {
    if (picture) clear();
    strokes.push([point]);
    extendStroke([]);
}

function extendStroke(points) {
    const stroke = strokes[strokes.length - 1];
    const from = stroke.length - 1;
    stroke.push(...points);
    drawSegment(padContext, pad.width, stroke, from);
    drawSegment(raster, raster.canvas.width, stroke, from);
    update();
}

function clear() {
    strokes = [];
    picture = null;
    drawPad();
    drawRaster();
    update();
    tell('');
}

// ---- Mouse, pen and finger ----------------------------------------------------------------------

let pointer = null; // the one that draws

function pointOf(event) {
    const box = pad.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.width };
}

pad.addEventListener('pointerdown', (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    pad.setPointerCapture(pointer);
    hidePen();
    beginStroke(pointOf(event));
});

pad.addEventListener('pointermove', (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents();
    extendStroke((events.length ? events : [event]).map(pointOf));
});

for (const name of ['pointerup', 'pointercancel'])
    pad.addEventListener(name, (event) => {
        if (event.pointerId !== pointer) return;
        pointer = null;
        tellAnswer();
    });

// A quick stroke is no fling, which would swallow a tap right after it; nor is a long one a menu.
pad.addEventListener('touchstart', (event) => event.preventDefault(), { passive: false });

// ---- Keys ---------------------------------------------------------------------------------------

const pen = { x: 0.5, y: fieldHeight / 2, down: false };
const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function showPen() {
    byId('pen').hidden = false;
    byId('pen').className = pen.down ? 'down' : '';
    byId('pen').style.left = `${100 * pen.x}%`;
    byId('pen').style.top = `${100 * pen.y / fieldHeight}%`;
}

function hidePen() {
    pen.down = false;
    byId('pen').hidden = true;
}

function movePen([x, y]) {
    const clamp = (value, most) => Math.min(Math.max(value, 0), most);
    pen.x = clamp(pen.x + x / 28, 1);
    pen.y = clamp(pen.y + y / 28, fieldHeight);
    if (pen.down) extendStroke([{ x: pen.x, y: pen.y }]);
}

pad.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrows[event.key]) {
        movePen(arrows[event.key]);
    } else if (event.key === ' ') {
        pen.down = !pen.down;
        if (pen.down) beginStroke({ x: pen.x, y: pen.y });
        else tellAnswer();
    } else {
        return;
    }
    event.preventDefault();
    showPen();
});

pad.addEventListener('blur', hidePen);

document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    pen.down = false;
    clear();
});

// ---- Pictures -----------------------------------------------------------------------------------

async function openPicture(file) {
    if (!file) return;
    let bitmap;
    try {
        bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none' });
    } catch {
        return tell(`${file.name} is no picture that this browser can read.`, true);
    }
    if (Math.max(bitmap.width, bitmap.height) > sideMost ||
        bitmap.width * bitmap.height > pixelsMost)
        return tell(`${file.name} is larger than ${pixelsMost / 1048576} million pixels.`, true);
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const pixels = fitPicture(decode(context.getImageData(0, 0, bitmap.width, bitmap.height)));
    clear();
    if (!pixels) return tell(`${file.name} has no ink on a background that stands out.`, true);
    picture = { bitmap, pixels };
    drawPad();
    update();
}

byId('open').addEventListener('click', () => byId('file').click());
byId('file').addEventListener('change', (event) => {
    openPicture(event.target.files[0]);
    event.target.value = '';
});
document.addEventListener('paste', (event) => openPicture(event.clipboardData.files[0]));
for (const name of ['dragenter', 'dragover', 'dragleave', 'drop'])
    document.addEventListener(name, (event) => {
        event.preventDefault();
        byId('paper').classList.toggle('target', name === 'dragenter' || name === 'dragover');
        if (name === 'drop') openPicture(event.dataTransfer.files[0]);
    });
