// From a picture to the image that the network sees: dt_image_decode and dt_image_fit of
// file/image.h and file/image_fit.h.

const form = facts.form;
const sideMost = 16384, pixelsMost = 64 * 1048576, sideEnough = 1024;

// Mean of the values over the area, in fractions of pixels.
function meanOver(plane, top, bottom, left, right) {
    let sum = 0;
    for (let y = Math.floor(top); y < bottom && y < plane.height; y++) {
        let row = 0;
        for (let x = Math.floor(left); x < right && x < plane.width; x++)
            row += (Math.min(x + 1, right) - Math.max(x, left)) * plane.values[y * plane.width + x];
        sum += (Math.min(y + 1, bottom) - Math.max(y, top)) * row;
    }
    return sum / ((bottom - top) * (right - left));
}

// The box of measured ink, with its proportions kept, as large as the form says; the darkest becomes
// 255.
function scaleBox(ink) {
    const tall = ink.bottom - ink.top + 1, wide = ink.right - ink.left + 1;
    const scale = Math.min(facts.height * form.extent / tall, facts.width * form.extent / wide);
    const fit = (size, most) => Math.min(Math.max(1, Math.floor(size * scale + 0.5)), most);
    const height = fit(tall, facts.height), width = fit(wide, facts.width);
    const stepY = tall / height, stepX = wide / width;
    const values = new Float32Array(height * width);
    let most = 0;
    for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
            const value = meanOver(ink, ink.top + y * stepY, ink.top + (y + 1) * stepY,
                ink.left + x * stepX, ink.left + (x + 1) * stepX);
            values[y * width + x] = value;
            most = Math.max(most, value);
        }
    return measure({ height, width, values: values.map((value) => value * 255 / most) });
}

// Where a box of `size` begins, so that its middle comes to that of the form.
function place(centre, size, middle, field) {
    const begin = Math.floor(Math.floor(middle * field * 4 + 0.5) / 4 - centre + 0.5);
    return Math.max(0, Math.min(begin, field - size));
}

// The image of ink; null when there is none.
function fitInk(ink) {
    if (!ink || ink.bottom < 0) return null;
    const box = scaleBox(ink);
    const centreY = form.byMass ? box.centreY : (box.height - 1) / 2;
    const centreX = form.byMass ? box.centreX : (box.width - 1) / 2;
    const top = place(centreY, box.height, form.middle[0], facts.height);
    const left = place(centreX, box.width, form.middle[1], facts.width);
    const pixels = new Uint8Array(inputCount);
    for (let y = 0; y < box.height; y++)
        for (let x = 0; x < box.width; x++)
            pixels[(top + y) * facts.width + left + x] = box.values[y * box.width + x] + 0.5;
    return form.background > 0 ? pixels.map((value) => form.background - value) : pixels;
}

// The whole picture, scaled.
function fitWhole({ height, width, planes }) {
    const pixels = new Uint8Array(inputCount);
    const stepY = height / facts.height, stepX = width / facts.width;
    planes.forEach((values, channel) => {
        for (let y = 0; y < facts.height; y++)
            for (let x = 0; x < facts.width; x++)
                pixels[(y * facts.width + x) * planes.length + channel] = 0.5 +
                    meanOver({ height, width, values }, y * stepY, (y + 1) * stepY, x * stepX,
                        (x + 1) * stepX);
    });
    return pixels;
}

// Whether images of the form have no margin.
const fills = form.extent > 0.95;

// Whether a picture of the network's size is light on dark, or dark on light, as the form is.
function looksLikeForm({ height, width, planes: [values] }) {
    const sums = [0, 0], counts = [0, 0];
    values.forEach((value, i) => {
        const y = Math.floor(i / width), x = i % width;
        const edge = +(y === 0 || x === 0 || y === height - 1 || x === width - 1);
        sums[edge] += value;
        counts[edge]++;
    });
    if (counts[0] === 0) return true;
    const inside = sums[0] / counts[0], border = sums[1] / counts[1], light = border > 127.5;
    return light === form.background > 0 || inside === border ||
        (fills && light === (inside > border));
}

// The image, bytes [height][width][channels] of the network; null when there is no ink.
function fitPicture(picture) {
    const { height, width, planes } = picture;
    const scenes = planes.length > 1 || form.background < 0;
    const own = !scenes && height === facts.height && width === facts.width;
    const other = own && !looksLikeForm(picture);
    if (scenes || (own && !other)) return fitWhole(picture);
    if (other && fills) return fitWhole(picture).map((value) => 255 - value);
    return fitInk(findInk({ height, width, values: planes[0] }));
}

const lumaOf = (red, green, blue) => 0.299 * red + 0.587 * green + 0.114 * blue;

// Planes of grey, or of red, green and blue, of RGBA bytes: what is transparent shows white behind
// it, or black where the picture itself is light. Large pictures are made smaller.
function decode({ height, width, data }) {
    const most = Math.max(height, width);
    const times = most >= 2 * sideEnough ? Math.floor(most / sideEnough) : 1;
    let light = 0, weight = 0;
    for (let at = 0; at < data.length; at += 4) {
        light += lumaOf(data[at], data[at + 1], data[at + 2]) * data[at + 3];
        weight += data[at + 3];
    }
    const behind = light > 127.5 * weight ? 0 : 255;
    const rows = Math.ceil(height / times), columns = Math.ceil(width / times);
    const planes = Array.from({ length: facts.channels }, () => new Uint8Array(rows * columns));
    for (let y = 0, to = 0; y < height; y += times)
        for (let x = 0; x < width; x += times, to++) {
            const sums = [0, 0, 0];
            let count = 0;
            for (let i = y; i < Math.min(y + times, height); i++)
                for (let j = x; j < Math.min(x + times, width); j++, count++)
                    for (let c = 0, at = 4 * (i * width + j); c < 3; c++)
                        sums[c] += data[at + 3] / 255 * data[at + c] +
                            (1 - data[at + 3] / 255) * behind;
            const means = sums.map((sum) => sum / count);
            const values = planes.length === 1 ? [lumaOf(...means)] : means;
            planes.forEach((plane, c) => { plane[to] = values[c] + 0.5; });
        }
    return { height: rows, width: columns, planes };
}
