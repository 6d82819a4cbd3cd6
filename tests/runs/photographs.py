"""Photographs of digits, rendered from the first images of MNIST's test set; whether predict sees the digits.

usage: photographs.py make DATA DIR COUNT      writes DIR/NUMBER-KIND-LABEL.png|ppm, and DIR/originals, IDX images
       photographs.py check ANSWERS ORIGINALS DIR   ANSWERS, ORIGINALS: what predict printed of both
       photographs.py rows DATA DIR COUNT      writes DIR/NUMBER-KIND.png|ppm, digits in a row, DIR/originals of all, and
                                               DIR/blank.png
       photographs.py check_rows ANSWERS ORIGINALS DIR   likewise, of predict --many
       photographs.py bars DIR                 writes a small data set that fills its frame, and DIR/NUMBER-LABEL.png
       photographs.py shapes DIR [dark]        likewise one light on dark, or dark, and DIR/NUMBERWAY-LABEL.png, both ways
       photographs.py one KIND DATA FILE       one of a kind, for looking at it

A photograph is a sheet with a digit on a table, seen at an angle, in uneven light, with the noise of a camera.
"""
import glob
import gzip
import os
import struct
import sys
import zlib

import numpy as np

HEIGHT, WIDTH = 300, 400
SHARE = 0.95    # of the answers that are right for the originals


def read_idx(directory, name):
    path = f"{directory}/{name}"
    raw = gzip.open(path + ".gz").read() if os.path.exists(path + ".gz") else open(path, "rb").read()
    sizes = struct.unpack(f">{raw[3]}I", raw[4:4 + 4 * raw[3]])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(sizes)


def write_picture(path, pixels):
    """PNG of grey pixels, PPM of colours."""
    pixels = np.clip(pixels + 0.5, 0, 255).astype(np.uint8)
    height, width = pixels.shape[:2]
    if path.endswith(".ppm"):
        data = b"P6\n%d %d\n255\n" % (width, height) + pixels.tobytes()
    else:
        def chunk(name, body):
            return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        rows = b"".join(b"\0" + row.tobytes() for row in pixels)
        data = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    with open(path, "wb") as file:
        file.write(data)


def sample(image, y, x):
    """Between pixels, by straight lines; 0 outside."""
    image = np.pad(image.astype(float), 1)
    y, x = (np.clip(at + 1, 0, size - 1.001) for at, size in zip((y, x), image.shape))
    i, j = y.astype(int), x.astype(int)
    a, b = y - i, x - j
    return ((1 - a) * ((1 - b) * image[i, j] + b * image[i, j + 1])
            + a * ((1 - b) * image[i + 1, j] + b * image[i + 1, j + 1]))


def on_sheet(random, angle, slant):
    """Where the pixels are on the sheet: from -1 to 1 down and across the smaller side of the picture."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    y, x = (y - HEIGHT / 2) / (HEIGHT / 2), (x - WIDTH / 2) / (HEIGHT / 2)
    depth = 1 + random.uniform(-slant, slant) * y + random.uniform(-slant, slant) * x
    turn = random.uniform(-angle, angle)
    c, s = np.cos(turn), np.sin(turn)
    return (c * y - s * x) / depth, (s * y + c * x) / depth


def smooth(values, reach):
    kernel = np.ones(2 * reach + 1) / (2 * reach + 1)
    for axis in (0, 1):
        padded = np.pad(values, [(reach, reach) if i == axis else (0, 0) for i in (0, 1)], mode="edge")
        values = np.apply_along_axis(np.convolve, axis, padded, kernel, "valid")
    return values


def line(at, where, half):
    return np.clip((half - abs(at - where)) * HEIGHT / 2 + 0.5, 0, 1)


def rules(random, v, u, dark):
    """Lines on paper, every 0.2 or squared."""
    out = np.zeros_like(v)
    both = random.random() < 0.3
    for where in np.arange(-2, 2, random.uniform(0.16, 0.3)):
        out = np.maximum(out, line(v, where, 0.006))
        if both:
            out = np.maximum(out, line(u, where, 0.006))
    return dark * out


def frame(v, u, far, half):
    inside = (abs(v) < far + half) & (abs(u) < far + half)
    return np.maximum(line(abs(v), far, half), line(abs(u), far, half)) * inside


def light(random, uneven):
    y, x = np.mgrid[-1:1:HEIGHT * 1j, -1:1:WIDTH * 1j]
    turn = random.uniform(0, 2 * np.pi)
    return 1 - uneven * (1 + np.cos(turn) * y + np.sin(turn) * x) / 2 / 1.5


def shadow(random, middle=0.5, depth=(0.25, 0.5)):
    """Of something with a straight edge, across the picture, so far from its middle."""
    y, x = np.mgrid[-1:1:HEIGHT * 1j, -1:1:WIDTH * 1j]
    turn = random.uniform(0, 2 * np.pi)
    side = np.cos(turn) * y + np.sin(turn) * x - random.uniform(-middle, middle)
    return 1 - random.uniform(*depth) * (side > 0)


def cut(random, v, u, kind):
    """Where the sheet is."""
    if kind == "table":
        return np.where(random.random() < 0.5, v, u) * random.choice([-1, 1]) < random.uniform(0.75, 0.9)
    if kind == "sheet":
        turn = random.uniform(-0.5, 0.5)
        c, s = np.cos(turn), np.sin(turn)
        return (abs(c * v - s * u) < random.uniform(0.4, 0.6)) & (abs(s * v + c * u) < random.uniform(0.45, 0.7))
    if kind == "around":
        return (abs(v) < random.uniform(0.75, 0.9)) & (abs(u) < random.uniform(0.75, 1.1))
    return np.ones_like(v, bool)


KINDS = ["screen", "uneven", "shadow", "table", "around", "edge", "cell", "ruled", "board", "colour"]
OTHERS = {10: "sheet", 12: "sun"}


ROW_KINDS = ["screen", "uneven", "shadow", "ruled", "board", "colour"]


def row_of(random, digits):
    """Their ink side by side, as near as people write."""
    columns = []
    for digit in digits:
        inked = np.flatnonzero(digit.any(axis=0))
        columns.append(np.roll(digit, random.integers(-2, 3), axis=0)[:, inked[0]:inked[-1] + 1])
        columns.append(np.zeros((len(digit), random.integers(2, 9)), digit.dtype))
    return np.hstack(columns[:-1])


def photograph(random, kind, digit):
    """[HEIGHT][WIDTH], or [3] of them behind, from 0 to 255. digit: [28][28], or wider."""
    flat = kind in ("screen", "edge")
    v, u = on_sheet(random, 0 if flat else 0.06, 0 if flat else 0.12)
    small = {"cell": (0.5, 0.62), "around": (0.5, 0.62), "table": (0.5, 0.62), "sheet": (0.2, 0.3), "sun": (0.2, 0.35)}
    size = random.uniform(*small.get(kind, (0.5, 0.9)))
    shift = random.uniform(-0.05, 0.05, 2)
    middle = (np.array(digit.shape) - 1) / 2
    size *= min(1, 34 / digit.shape[1])
    ink = sample(digit, (v - shift[0]) / size * 14 + middle[0], (u - shift[1]) / size * 14 + middle[1]) / 255
    sheet = random.uniform(0.75, 0.95)
    paper = np.full_like(v, sheet)
    if kind == "ruled":
        paper -= rules(random, v, u, random.uniform(0.1, 0.3))
    if kind == "cell":
        paper -= 0.7 * frame(v, u, random.uniform(0.75, 0.9), 0.01)
    surface = paper * (1 - ink) + random.uniform(0.05, 0.2) * ink
    if kind == "board":
        surface = random.uniform(0.1, 0.2) + 0.7 * ink
    surface = np.where(cut(random, v, u, kind), surface, random.uniform(0.1, 0.35))
    if kind == "edge":
        width = random.integers(1, 5)
        surface[:width] = surface[-width:] = surface[:, :width] = surface[:, -width:] = random.uniform(0, 0.5)
    if flat:
        return 255 * surface
    surface = smooth(surface, 1) * light(random, random.uniform(0.2, 0.5))
    if kind in ("shadow", "colour"):
        surface *= smooth(shadow(random), 3)
    if kind == "sun":
        surface *= shadow(random, 0.1, (0.55, 0.65))
    if kind == "colour":
        tint = np.array([1, random.uniform(0.85, 1), random.uniform(0.7, 0.9)])
        surface = surface[:, :, None] * tint
    return 255 * surface + random.normal(0, random.uniform(2, 6), surface.shape)


def write_originals(directory, images):
    with open(f"{directory}/originals", "wb") as file:
        file.write(struct.pack(">BBBBIII", 0, 0, 8, 3, len(images), 28, 28) + images.tobytes())


def make(data, directory, count):
    images, labels = read_idx(data, "t10k-images-idx3-ubyte"), read_idx(data, "t10k-labels-idx1-ubyte")
    os.makedirs(directory)
    for number in range(int(count)):
        random = np.random.default_rng(number)
        kind = OTHERS.get(number % 20, KINDS[number % len(KINDS)])
        ending = "ppm" if kind == "colour" else "png"
        write_picture(f"{directory}/{number:03}-{kind}-{labels[number]}.{ending}",
                      photograph(random, kind, images[number]))
    write_originals(directory, images[:int(count)])


def rows(data, directory, count):
    """Of 3 to 6 digits."""
    images, first = read_idx(data, "t10k-images-idx3-ubyte"), 0
    os.makedirs(directory)
    for number in range(int(count)):
        random = np.random.default_rng(number)
        kind, after = ROW_KINDS[number % len(ROW_KINDS)], first + 3 + number % 4
        ending = "ppm" if kind == "colour" else "png"
        write_picture(f"{directory}/{number:03}-{kind}.{ending}",
                      photograph(random, kind, row_of(random, images[first:after])))
        first = after
    write_originals(directory, images[:first])
    write_picture(f"{directory}/blank.png", photograph(np.random.default_rng(1), "uneven", np.zeros((28, 28))))


def check_rows(answers, originals, directory):
    lines = [line.rstrip("\n").split("\t") for line in open(answers)]
    found = {line[0]: line[1].split(" ") for line in lines if len(line) == 2}
    each = {line[0]: line[1] for line in lines if len(line) == 3}
    before = [line.split("\t")[1] for line in open(originals)]
    count, right, counted = len(before), 0, 0
    for number, name in enumerate(sorted(glob.glob(f"{directory}/*-*.p*m") + glob.glob(f"{directory}/*-*.png"))):
        expected, before = before[:3 + number % 4], before[3 + number % 4:]
        answer = found.pop(name)
        print(os.path.basename(name), *answer, "" if answer == expected else f"expected {' '.join(expected)}")
        counted += len(answer) == len(expected)
        assert answer == [each.pop(f"{name}[{i}]") for i in range(len(answer))]
        right += sum(a == b for a, b in zip(answer, expected))
    print(f"{right} digits as in the originals")
    assert not found and not each and not before and counted == number + 1 and right >= SHARE * count


def check(answers, originals, directory):
    names = sorted(glob.glob(f"{directory}/*-*.p*m") + glob.glob(f"{directory}/*-*.png"))
    labels = [name.rsplit("-", 1)[1][0] for name in names]
    found = {line.split("\t")[0]: line.split("\t")[1] for line in open(answers)}
    before = [line.split("\t")[1] for line in open(originals)]
    right = [found.get(name) == label for name, label in zip(names, labels)]
    possible = sum(answer == label for answer, label in zip(before, labels))
    few = []
    for kind in KINDS + list(OTHERS.values()):
        of_kind = [r for name, r in zip(names, right) if f"-{kind}-" in name]
        print(f"{kind:8} {sum(of_kind)} of {len(of_kind)}", *[os.path.basename(name) for name, r in zip(names, right)
                                                              if f"-{kind}-" in name and not r])
        few += [kind] if sum(of_kind) < 0.85 * len(of_kind) else []
    print(f"{sum(right)} of {len(names)} photographs, {possible} of the originals")
    assert len(names) == len(before) and sum(right) >= SHARE * possible and not few


def fill_frames(directory, draw, ways):
    """Five kinds of images without a margin, 28 x 28, as draw(random, label) makes them."""
    import idx
    random = np.random.default_rng(1)
    os.makedirs(directory)
    for part, count in (("train", 200), ("test", 20)):
        labels = np.arange(count) % 5
        images = np.array([draw(random, label) for label in labels])
        for name, array in zip(idx.NAMES[part], (images, labels)):
            idx.write(os.path.join(directory, name), array)
        if part == "test":
            for i, (image, label) in enumerate(zip(images, labels)):
                for way, change in ways.items():
                    write_picture(f"{directory}/{i:02}{way}-{label}.png", change(image))


def bars(directory):
    def draw(random, label):
        """Which of five columns is dark."""
        image = np.zeros((28, 28), int)
        image[:, 1:27] = random.integers(120, 220)
        image[:, 2 + 5 * label:6 + 5 * label] = 0
        return image
    fill_frames(directory, draw, {"": lambda image: image})


def shapes(directory, tone="light"):
    y, x = np.mgrid[0:28, 0:28]

    def draw(random, label):
        """Columns, a band, a triangle, a ring, or all of the frame but for two sides."""
        at = random.integers(0, 3)
        shape = [(abs(x - at - 7) < 3) | (abs(x - at - 18) < 3), abs(y - at - 13) < 4, 2 * abs(x - 13.5) <= y + at,
                 abs(np.hypot(y - 13.5, x - 13.5) - 12) < 2, (x > at) & (y > at)][label]
        image = shape * random.integers(200, 255)
        return 255 - image if tone == "dark" else image
    fill_frames(directory, draw, {"own": lambda image: image, "other": lambda image: 255 - image})


if __name__ == "__main__":
    if sys.argv[1] == "one":
        digits = read_idx(sys.argv[3], "t10k-images-idx3-ubyte")
        write_picture(sys.argv[4], photograph(np.random.default_rng(1), sys.argv[2], digits[0]))
    else:
        {"make": make, "check": check, "rows": rows, "check_rows": check_rows, "bars": bars,
         "shapes": shapes}[sys.argv[1]](*sys.argv[2:])
