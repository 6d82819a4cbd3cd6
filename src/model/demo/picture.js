// From a picture to the image that the network sees: dt_image_normalise of file/image.h.

// Ink: { height, width, values: 0 to 255 }, and with measure its box and centre of mass.
function measure(ink) {
    let top = ink.height, left = ink.width, bottom = -1, right = -1;
    let sum = 0, sumY = 0, sumX = 0;
    for (let y = 0, at = 0; y < ink.height; y++)
        for (let x = 0; x < ink.width; x++, at++) {
            const value = ink.values[at];
            if (value <= 0) continue;
            top = Math.min(top, y);
            left = Math.min(left, x);
            bottom = y;
            right = Math.max(right, x);
            sum += value;
            sumY += value * y;
            sumX += value * x;
        }
    return { ...ink, top, left, bottom, right, centreY: sumY / sum, centreX: sumX / sum };
}

// The median of the border, and three times the deviation that nine of ten of its pixels keep
// within.
function measureBackground(gray, height, width) {
    const border = [];
    for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
            if (y === 0 || x === 0 || y === height - 1 || x === width - 1)
                border.push(gray[y * width + x]);
    border.sort((a, b) => a - b);
    const background = border[border.length >> 1];
    const deviations = border.map((value) => Math.abs(value - background)).sort((a, b) => a - b);
    return { background, noise: 3 * deviations[Math.floor((border.length - 1) * 9 / 10)] };
}

// The ink of grey bytes [height][width]; null for a picture of one colour.
function findInk(gray, height, width) {
    const { background, noise } = measureBackground(gray, height, width);
    let lighter = 0, darker = 0;
    for (const value of gray) {
        if (value - background > noise) lighter += value - background;
        if (background - value > noise) darker += background - value;
    }
    if (lighter + darker === 0) return null;
    const sign = lighter > darker ? 1 : -1;
    const values = Float32Array.from(gray, (value) => {
        const difference = sign * (value - background);
        return difference > noise ? difference : 0;
    });
    return { height, width, values };
}

// Whether measured ink has the form of MNIST's digits already.
function isNormal(ink) {
    const { height, width } = facts;
    return ink.height === height && ink.width === width &&
        (ink.bottom - ink.top + 1) * 28 <= height * 20 &&
        (ink.right - ink.left + 1) * 28 <= width * 20 &&
        Math.abs(ink.centreY - (height >> 1)) <= 0.55 &&
        Math.abs(ink.centreX - (width >> 1)) <= 0.55;
}

// Mean of the ink over the area, in fractions of pixels.
function meanOver(ink, top, bottom, left, right) {
    let sum = 0;
    for (let y = Math.floor(top); y < bottom && y < ink.height; y++) {
        let row = 0;
        for (let x = Math.floor(left); x < right && x < ink.width; x++)
            row += (Math.min(x + 1, right) - Math.max(x, left)) * ink.values[y * ink.width + x];
        sum += (Math.min(y + 1, bottom) - Math.max(y, top)) * row;
    }
    return sum / ((bottom - top) * (right - left));
}

// The box of measured ink, with its proportions kept, in 20 of 28 pixels; the darkest becomes 255.
function scaleBox(ink) {
    const tall = ink.bottom - ink.top + 1, wide = ink.right - ink.left + 1;
    const scale = Math.min(facts.height * 20 / 28 / tall, facts.width * 20 / 28 / wide);
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

// Where a box of `size` begins, so that its centre of mass comes to the middle of `field`.
function place(centre, size, field) {
    const begin = Math.floor((field >> 1) - centre + 0.5);
    return Math.max(0, Math.min(begin, field - size));
}

function paint(ink, top, left) {
    const pixels = new Uint8Array(inputCount);
    for (let y = 0; y < ink.height; y++)
        for (let x = 0; x < ink.width; x++)
            pixels[(top + y) * facts.width + left + x] = ink.values[y * ink.width + x] + 0.5;
    return pixels;
}

// The image, bytes [height][width] of the network; null when there is no ink.
function normalise(ink) {
    const found = measure(ink);
    if (found.bottom < 0) return null;
    if (isNormal(found)) return paint(found, 0, 0);
    const box = scaleBox(found);
    return paint(box, place(box.centreY, box.height, facts.height),
        place(box.centreX, box.width, facts.width));
}

// Grey bytes of RGBA bytes: luma; what is transparent shows white behind it, or black where the
// picture itself is light.
function flatten(rgba) {
    const luma = (at) => 0.299 * rgba[at] + 0.587 * rgba[at + 1] + 0.114 * rgba[at + 2];
    let sum = 0, weight = 0;
    for (let at = 0; at < rgba.length; at += 4) {
        sum += luma(at) * rgba[at + 3];
        weight += rgba[at + 3];
    }
    const behind = sum > 127.5 * weight ? 0 : 255;
    const gray = new Uint8Array(rgba.length / 4);
    for (let i = 0; i < gray.length; i++) {
        const alpha = rgba[4 * i + 3] / 255;
        gray[i] = alpha * luma(4 * i) + (1 - alpha) * behind + 0.5;
    }
    return gray;
}
