// The ink of a picture, step by step as in src/file/image: image_ink.c, image_strokes.c,
// image_sheet.c and image_pieces.c.

const seen = { side: 512, noise: 3, noiseLeast: 12, noiseClean: 36, stroke: 0.3, strong: 0.45,
    weak: 0.2, full: 0.85, contrast: 20, shadowed: 0.1, alike: 0.05, darkest: 40 };
const linesAre = { slope: 0.1, ink: 0.9, thick: 0.03, thin: 0.6, step: 3 };
const framesAre = { full: 0.3, held: 0.3, slant: 0.15, closed: 0.8 };
const sheetsAre = { least: 0.05, square: 0.88, inked: 0.8, long: 2.5, turn: 3 };
const writingIs = { least: 0.1, solid: 0.65, rim: 0.02, rimPixels: 2 };
const speck = 0.06, solid = 0.5, near = 0.25, massLeast = 0.02;

const planeOf = (height, width) => ({ height, width, values: new Float32Array(height * width) });

// Ink: a plane of 0 to 255, and with measure its box and centre of mass.
function measure(ink) {
    let top = ink.height, left = ink.width, bottom = -1, right = -1;
    let mass = 0, sumY = 0, sumX = 0;
    for (let y = 0, at = 0; y < ink.height; y++)
        for (let x = 0; x < ink.width; x++, at++) {
            const value = ink.values[at];
            if (value <= 0) continue;
            top = Math.min(top, y);
            left = Math.min(left, x);
            bottom = y;
            right = Math.max(right, x);
            mass += value;
            sumY += value * y;
            sumX += value * x;
        }
    return { ...ink, top, left, bottom, right, mass, centreY: sumY / mass, centreX: sumX / mass };
}

// Means over squares, rounded, so that at most `side` pixels a side are left.
function reduce(plane, side) {
    const times = Math.ceil(Math.max(plane.height, plane.width) / side);
    const out = planeOf(Math.ceil(plane.height / times), Math.ceil(plane.width / times));
    for (let y = 0, at = 0; y < out.height; y++)
        for (let x = 0; x < out.width; x++, at++) {
            const bottom = Math.min((y + 1) * times, plane.height);
            const right = Math.min((x + 1) * times, plane.width);
            let sum = 0;
            for (let i = y * times; i < bottom; i++)
                for (let j = x * times; j < right; j++) sum += plane.values[i * plane.width + j];
            out.values[at] = Math.floor(sum / ((bottom - y * times) * (right - x * times)) + 0.5);
        }
    return out;
}

// The value below which `share` of the values are, of which there are so many of each.
function quantileOf(counts, share) {
    const rank = Math.floor((counts.reduce((sum, count) => sum + count) - 1) * share);
    let value = 0;
    for (let below = 0; below + counts[value] <= rank; value++) below += counts[value];
    return value;
}

function quantile({ height, width, values }, share, borderOnly = false, around = 0) {
    const counts = new Float64Array(256);
    for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
            if (borderOnly && y > 0 && x > 0 && y < height - 1 && x < width - 1) continue;
            counts[Math.abs(Math.floor(values[y * width + x]) - around)]++;
        }
    return quantileOf(counts, share);
}

function measureBorder(picture) {
    const tone = quantile(picture, 0.5, true);
    const noise = seen.noise * quantile(picture, 0.9, true, tone);
    return { tone, noise: Math.max(noise, seen.noiseLeast) };
}

// Largest (sign 1) or smallest of the values at most `reach` away along a line.
function slide(from, to, first, step, count, reach, sign, queue) {
    let begin = 0, end = 0;
    for (let i = 0; i < count + reach; i++) {
        if (i < count) {
            const value = sign * from[first + i * step];
            while (end > begin && sign * from[first + queue[end - 1] * step] <= value) end--;
            queue[end++] = i;
        }
        if (i < reach) continue;
        while (queue[begin] < i - 2 * reach) begin++;
        to[first + (i - reach) * step] = from[first + queue[begin] * step];
    }
}

function spread({ height, width, values }, reach, sign) {
    const between = planeOf(height, width), to = planeOf(height, width);
    const queue = new Int32Array(Math.max(height, width) + 1);
    for (let y = 0; y < height; y++)
        slide(values, between.values, y * width, 1, width, reach, sign, queue);
    for (let x = 0; x < width; x++)
        slide(between.values, to.values, x, width, height, reach, sign, queue);
    return to;
}

// Calls back for each pixel of the box of strokes and its surroundings.
function aroundBox({ height, width }, { top, left, bottom, right }, call) {
    const reach = 1 + Math.trunc(Math.max(bottom - top, right - left) / 4);
    for (let y = Math.max(0, top - reach); y <= bottom + reach && y < height; y++)
        for (let x = Math.max(0, left - reach); x <= right + reach && x < width; x++)
            call(y * width + x, y >= top && y <= bottom && x >= left && x <= right);
}

// The tone of the paper of strokes: under those that are lighter; of those that are darker, where
// the paper around them is most like them, since a shadow on it is no ink.
function findTone(plane, box, paper, sign) {
    const counts = new Float64Array(256);
    let mean = 0;
    aroundBox(plane, box, (at) => {
        counts[Math.trunc(paper[at])]++;
        mean += plane.values[at] / box.mass * paper[at];
    });
    return sign > 0 ? quantileOf(counts, seen.shadowed) : mean;
}

// Strokes darker (sign 1) or lighter (-1) than their paper, and the tones of both.
function findStrokes(picture, sign) {
    const { height, width } = picture;
    const reach = Math.trunc(Math.min(height, width) * seen.stroke / 2) + 1;
    const paper = spread(spread(picture, reach, sign), reach, -sign).values;
    const plane = planeOf(height, width), { values } = plane;
    for (let i = 0; i < values.length; i++) {
        const light = paper[i], value = picture.values[i];
        const most = Math.max(seen.darkest, light, value);
        values[i] = Math.max(0, Math.min(255, 255 * sign * (light - value) / most));
    }
    const usual = quantile(plane, 0.5), range = quantile(plane, 0.995) - usual;
    const weak = usual + seen.weak * range, full = usual + seen.full * range;
    if (range < seen.contrast) return measure(planeOf(height, width));
    pickPieces(plane, weak, usual + seen.strong * range, false);
    for (let i = 0; i < values.length; i++)
        values[i] = 255 * Math.max(0, Math.min(1, (values[i] - weak) / (full - weak)));
    const out = { ...measure(plane), tone: 0, paper: 0 };
    for (let i = 0; i < values.length && out.mass > 0; i++)
        out.tone += values[i] / out.mass * picture.values[i];
    if (out.mass > 0) out.paper = findTone(plane, out, paper, sign);
    return out;
}

const isInside = (inner, outer) => outer.top < inner.top && outer.left < inner.left &&
    outer.bottom > inner.bottom && outer.right > inner.right;

// How much of what surrounds strokes has their tone rather than that of their paper.
function shareOutside(picture, strokes) {
    const { tone, paper } = strokes;
    let alike = 0, all = 0;
    aroundBox(picture, strokes, (at, inside) => {
        if (inside) return;
        alike += picture.values[at] < (tone + paper) / 2 === tone < paper;
        all++;
    });
    return all > 0 ? alike / all : 0;
}

function isBetter(picture, first, second) {
    if (first.mass <= 0 || second.mass <= 0) return second.mass > 0;
    const here = shareOutside(picture, first), there = shareOutside(picture, second);
    if (Math.abs(here - there) >= seen.alike) return there < here;
    if (isInside(first, second) || isInside(second, first)) return isInside(second, first);
    return second.mass > first.mass;
}

function findUneven(picture) {
    const darker = findStrokes(picture, 1), lighter = findStrokes(picture, -1);
    return isBetter(picture, darker, lighter) ? lighter : darker;
}

// Ink on a border of one tone: what differs from it towards the side where more does.
function findEven(picture, { tone, noise }) {
    let lighter = 0, darker = 0;
    for (const value of picture.values) {
        if (value - tone > noise) lighter += value - tone;
        if (tone - value > noise) darker += tone - value;
    }
    const sign = lighter > darker ? 1 : -1;
    const values = picture.values.map((value) => {
        const difference = sign * (value - tone);
        return difference > noise ? difference : 0;
    });
    const plane = { ...picture, values };
    pickPieces(plane, 0, noise, true);
    return measure(plane);
}

const countInked = ({ values }) => values.reduce((count, value) => count + (value > 0), 0);

// What the sides of ink enclose: in each row of its box from the first to the last pixel of ink.
function enclose({ top, left, bottom, right, width, values }) {
    return Array.from({ length: bottom - top + 1 }, (_, y) => {
        const begin = (top + y) * width + left;
        const row = values.subarray(begin, begin + right - left + 1);
        return { first: row.findIndex((value) => value > 0),
            last: row.findLastIndex((value) => value > 0) };
    });
}

// The sides of the rectangle around them that is turned so.
function measureTurned(rows, degrees) {
    const c = Math.cos(degrees * Math.PI / 180), s = Math.sin(degrees * Math.PI / 180);
    const least = [Infinity, Infinity], most = [-Infinity, -Infinity];
    rows.forEach(({ first, last }, y) => {
        if (last < 0) return;
        for (const x of [first, last])
            [x * c + y * s, y * c - x * s].forEach((at, i) => {
                least[i] = Math.min(least[i], at);
                most[i] = Math.max(most[i], at);
            });
    });
    return [most[0] - least[0] + 1, most[1] - least[1] + 1];
}

// The shorter side of a sheet; 0: it is none.
function measureSheet(ink, rows) {
    const area = rows.reduce((sum, { first, last }) => sum + (last < 0 ? 0 : last - first + 1), 0);
    if (area < sheetsAre.least * ink.values.length) return 0;
    if (countInked(ink) < sheetsAre.inked * area) return 0;
    let smallest = [Infinity, 1];
    for (let degrees = 0; degrees < 90; degrees += sheetsAre.turn) {
        const sides = measureTurned(rows, degrees);
        if (sides[0] * sides[1] < smallest[0] * smallest[1]) smallest = sides;
    }
    const shorter = Math.min(...smallest), longer = Math.max(...smallest);
    return area > sheetsAre.square * shorter * longer && longer <= sheetsAre.long * shorter ?
        shorter : 0;
}

// The box of a sheet in a picture, whose inside goes on over the rest.
function cutSheet(picture, { top, left, bottom, right }, rows, rim) {
    const height = bottom - top + 1, width = right - left + 1, out = planeOf(height, width);
    let found = false;
    for (let y = 0; y < height; y++) {
        const row = out.values.subarray(y * width, (y + 1) * width);
        const begin = (top + y) * picture.width + left;
        row.set(picture.values.subarray(begin, begin + width));
        const beside = y >= rim && y < height - rim ? rows.slice(y - rim, y + rim + 1) : [];
        const first = Math.max(...beside.map((it) => it.first)) + rim;
        const last = Math.min(...beside.map((it) => it.last)) - rim;
        if (beside.length === 0 || beside.some((it) => it.last < 0) || first > last) {
            if (found) row.set(out.values.subarray((y - 1) * width, y * width));
            continue;
        }
        row.fill(row[first], 0, first);
        row.fill(row[last], last + 1);
        for (let above = 0; above < y && !found; above++) out.values.set(row, above * width);
        found = true;
    }
    return out;
}

// Ink found in the box of a sheet, in the plane of the sheet.
function putBack(from, { top, left, height, width }) {
    const to = planeOf(height, width);
    for (let y = 0; y < from.height; y++)
        to.values.set(from.values.subarray(y * from.width, (y + 1) * from.width),
            (top + y) * width + left);
    return measure(to);
}

// Whether ink on a sheet may be what was written on it, and no hole of a bold digit.
function isWritten(picture, on, sheet, shorter, around) {
    if (on.mass <= 0 || !isInside(on, sheet)) return false;
    let tone = 0, sheetTone = 0;
    picture.values.forEach((value, i) => {
        const weight = on.values[i];
        tone += value * weight / on.mass;
        sheetTone += weight > 0 ? 0 : value * sheet.values[i] / sheet.mass;
    });
    const tall = on.bottom - on.top + 1, wide = on.right - on.left + 1;
    const hole = Math.abs(tone - around) < Math.abs(tone - sheetTone) &&
        countInked(on) > writingIs.solid * tall * wide;
    return Math.max(tall, wide) >= writingIs.least * shorter &&
        Math.abs(tone - sheetTone) >= seen.contrast && !hole;
}

// Of measured ink that has the form of a sheet what is written on it; null: nothing.
function findWritten(picture, around, sheet) {
    const rows = enclose(sheet), shorter = measureSheet(sheet, rows);
    if (shorter === 0) return null;
    const rim = writingIs.rimPixels + Math.trunc(writingIs.rim * shorter);
    const found = findUneven(cutSheet(picture, sheet, rows, rim));
    const on = found.mass > 0 ? putBack(found, sheet) : found;
    return isWritten(picture, on, sheet, shorter, around) ? on : null;
}

function fillsPicture(ink) {
    const box = (ink.bottom - ink.top + 1) * (ink.right - ink.left + 1);
    return box > 0.4 * ink.values.length && countInked(ink) > 0.7 * box;
}

// Ink on a border of one tone, or, where that is a sheet, on the sheet.
function findOnEven(picture, edge) {
    const ink = findEven(picture, edge);
    if (!(ink.mass > 0)) return ink;
    const on = fillsPicture(ink) ? findUneven(picture) : findWritten(picture, edge.tone, ink);
    return on && on.mass > 0 ? on : ink;
}

// The measured ink of a grey picture; null: there is none.
function findInk(whole) {
    const picture = reduce(whole, seen.side), edge = measureBorder(picture);
    const ink = edge.noise <= seen.noiseClean ? findOnEven(picture, edge) : findUneven(picture);
    return ink.mass > 0 ? ink : null;
}

// ---- Pieces -------------------------------------------------------------------------------------

// The mask along a line, across the picture or down: get, and set to nothing.
function walk({ height, width }, mask, down) {
    const at = (along, aside) => down ? along * width + aside : aside * width + along;
    return { length: down ? height : width, side: down ? width : height,
        get: (along, aside) => mask[at(along, aside)],
        clear: (along, aside) => { mask[at(along, aside)] = 0; } };
}

// First pixel and count of those that are ink where the line goes; of more than `most` not all.
function crossing(line, along, middle, most) {
    for (const start of [middle, middle - 1, middle + 1]) {
        if (start < 0 || start >= line.side || !line.get(along, start)) continue;
        let from = start, end = start;
        while (from > 0 && end - from < most && line.get(along, from - 1)) from--;
        while (end + 1 < line.side && end - from < most && line.get(along, end + 1)) end++;
        return [from, end - from + 1];
    }
    return [0, 0];
}

function isLine(line, placeOf, most) {
    let count = 0, inked = 0, thin = 0;
    for (let along = 0; along < line.length; along += linesAre.step, count++) {
        const place = placeOf(along);
        if (place < 0 || place >= line.side) return false;
        inked += line.get(along, place);
        if (inked < count - (1 - linesAre.ink) * line.length / linesAre.step) return false;
    }
    for (let along = 0; along < line.length; along += linesAre.step) {
        const thick = crossing(line, along, placeOf(along), most)[1];
        thin += thick > 0 && thick <= most;
    }
    return inked >= linesAre.ink * count && thin >= linesAre.thin * count;
}

function eraseLines(plane, mask) {
    const most = Math.trunc(Math.max(1, linesAre.thick * Math.min(plane.height, plane.width)));
    for (const down of [false, true]) {
        const line = walk(plane, mask, down), reach = Math.trunc(linesAre.slope * line.length);
        for (let begin = 0; begin < line.side; begin++)
            for (let rise = -reach; rise <= reach; rise++) {
                const slope = rise / line.length;
                const placeOf = (along) => Math.floor(begin + slope * along + 0.5);
                if (!isLine(line, placeOf, most)) continue;
                for (let along = 0; along < line.length; along++) {
                    const [first, thick] = crossing(line, along, placeOf(along), most);
                    for (let i = 0; i < thick && thick <= most; i++) line.clear(along, first + i);
                }
            }
    }
}

// Calls back for each pixel around, and the pixel itself.
function around({ height, width }, at, call) {
    const y = Math.floor(at / width), x = at % width;
    for (let i = Math.max(0, y - 1); i <= Math.min(height - 1, y + 1); i++)
        for (let j = Math.max(0, x - 1); j <= Math.min(width - 1, x + 1); j++) call(i * width + j);
}

function labelPieces(plane, mask) {
    const labels = new Int32Array(mask.length), stack = new Int32Array(mask.length);
    let count = 0;
    for (let i = 0; i < mask.length; i++) {
        if (!mask[i] || labels[i]) continue;
        let depth = 0;
        labels[i] = ++count;
        stack[depth++] = i;
        while (depth > 0)
            around(plane, stack[--depth], (at) => {
                if (!mask[at] || labels[at]) return;
                labels[at] = count;
                stack[depth++] = at;
            });
    }
    return { labels, count };
}

function measurePieces({ height, width, values }, { labels, count }) {
    const pieces = Array.from({ length: count }, (_, i) => ({ label: i + 1, top: height,
        left: width, bottom: -1, right: -1, count: 0, mass: 0, atEdge: false, taken: false }));
    for (let y = 0, at = 0; y < height; y++)
        for (let x = 0; x < width; x++, at++) {
            if (!labels[at]) continue;
            const piece = pieces[labels[at] - 1];
            piece.count++;
            piece.mass += values[at];
            piece.top = Math.min(piece.top, y);
            piece.bottom = y;
            piece.left = Math.min(piece.left, x);
            piece.right = Math.max(piece.right, x);
            piece.atEdge ||= y === 0 || x === 0 || y === height - 1 || x === width - 1;
        }
    return pieces;
}

const longer = ({ top, left, bottom, right }) => Math.max(bottom - top, right - left) + 1;

function countClosed(width, labels, piece, down) {
    const at = (i, along) => labels[down ? along * width + i : i * width + along] === piece.label;
    const [first, last] = down ? [piece.left, piece.right] : [piece.top, piece.bottom];
    const [begin, end] = down ? [piece.top, piece.bottom] : [piece.left, piece.right];
    const reach = Math.trunc(framesAre.slant * (end - begin + 1));
    let closed = 0;
    for (let i = first; i <= last; i++) {
        let from = begin, to = end;
        while (from <= begin + reach && !at(i, from)) from++;
        while (to >= end - reach && !at(i, to)) to--;
        closed += from <= begin + reach && to >= end - reach;
    }
    return closed;
}

function isFrame(width, labels, pieces, piece) {
    const tall = piece.bottom - piece.top + 1, wide = piece.right - piece.left + 1;
    return pieces.some((inner) => isInside(inner, piece) &&
            longer(inner) >= framesAre.held * Math.min(tall, wide)) &&
        piece.count <= framesAre.full * tall * wide &&
        (countClosed(width, labels, piece, false) >= framesAre.closed * tall ||
            countClosed(width, labels, piece, true) >= framesAre.closed * wide);
}

// Whether it was written: enough squares of 2 x 2 pixels are ink. Noise has fewer.
function isSolid(width, labels, piece) {
    let squares = 0;
    for (let y = piece.top; y < piece.bottom; y++)
        for (let x = piece.left, at = y * width + x; x < piece.right; x++, at++)
            squares += [at, at + 1, at + width, at + width + 1]
                .every((i) => labels[i] === piece.label);
    return squares >= solid * piece.count;
}

const gap = (a, b) => Math.max(a.top > b.top ? a.top - b.bottom : b.top - a.bottom,
    a.left > b.left ? a.left - b.right : b.left - a.right);

// Takes the first piece, and what is near to what has been taken, until nothing more is.
function takeAround(pieces, first) {
    const all = { ...first };
    first.taken = true;
    for (let more = true; more;) {
        more = false;
        for (const piece of pieces) {
            const inside = piece.top >= all.top && piece.bottom <= all.bottom &&
                piece.left >= all.left && piece.right <= all.right;
            if (piece.taken || (piece.atEdge && !first.atEdge) ||
                (!inside && (piece.mass < massLeast * first.mass ||
                    gap(piece, all) > near * longer(first))))
                continue;
            piece.taken = more = true;
            all.top = Math.min(all.top, piece.top);
            all.left = Math.min(all.left, piece.left);
            all.bottom = Math.max(all.bottom, piece.bottom);
            all.right = Math.max(all.right, piece.right);
        }
    }
}

// Leaves in the plane what belongs to the digit.
function pickPieces(plane, weak, strong, clean) {
    const { height, width, values } = plane;
    const mask = Uint8Array.from(values, (value) => value > strong);
    eraseLines(plane, mask);
    const labelled = labelPieces(plane, mask), { labels } = labelled;
    const all = measurePieces(plane, labelled);
    const pieces = all.filter((piece) => !isFrame(width, labels, all, piece));
    const least = Math.trunc(speck * Math.min(height, width));
    const largest = (list) => list.reduce((a, b) => a && a.mass >= b.mass ? a : b, null);
    const inner = pieces.filter((piece) => !piece.atEdge && longer(piece) >= least);
    const first = (!clean && largest(inner)) || largest(pieces);
    if (first && (clean || isSolid(width, labels, first))) takeAround(pieces, first);
    for (let i = 0; i < values.length; i++) {
        let taken = labels[i] > 0 && all[labels[i] - 1].taken;
        if (labels[i] === 0 && values[i] > weak)
            around(plane, i, (at) => { taken ||= labels[at] > 0 && all[labels[at] - 1].taken; });
        if (values[i] <= weak || !taken) values[i] = 0;
    }
}
