"""Reads a report.html with parsers that are not ours: check_report.py FILE WORD...

The page must be well-formed, every SVG in it XML, every picture a whole PNG, no two ids the same,
nothing from elsewhere, no script, no name twice in a table of pairs, and have no text with a number
that is none ("nan", "inf"). Then each WORD must be in its text, or not when it begins with "!".
`--count=TAG:N` counts elements.
"""
import base64
import html.parser
import re
import struct
import sys
import xml.etree.ElementTree
import zlib

VOID = {"meta", "link", "br", "img"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.ids, self.counts = [], [], [], {}
        self.pairs = None

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        assert tag not in ("script", "iframe", "object"), f"<{tag}>"
        for name, value in attributes:
            assert not name.startswith("on"), f"{tag} {name}"
            if name in ("src", "href"):
                assert value.startswith(("data:", "#")), f"{tag} {name}={value[:60]}"
            if name == "id":
                self.ids.append(value)
            if name == "alt":
                assert value, "a picture without a text"
        assert tag != "img" or "alt" in names, "a picture without a text"
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag == "table":
            self.pairs = [] if ("class", "pairs") in attributes else None
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        found = self.open.pop() if self.open else "nothing"
        assert found == tag, f"line {self.getpos()[0]}: </{tag}> ends <{found}>"

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)
        if self.open and self.open[-1] == "th" and self.pairs is not None:
            assert data not in self.pairs, f"{data} is told twice"
            self.pairs.append(data)


def check_png(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, pixels = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", body[:10])
        if kind == b"IDAT":
            pixels += body
        at += 12 + size
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[colours]
    assert depth == 8 and len(zlib.decompress(pixels)) == height * (1 + width * channels)


def main():
    path, *words = sys.argv[1:]
    source = open(path, encoding="utf-8").read()
    page = Page()
    page.feed(source)
    page.close()
    assert not page.open, f"not closed: {page.open}"
    assert len(page.ids) == len(set(page.ids)), "an id twice"
    for svg in re.findall(r"<svg.*?</svg>", source, re.DOTALL):
        xml.etree.ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns:x="x" ', 1))
        assert not re.search(r'="[^"]*\b(nan|inf)\b', svg), svg[:400]
    for picture in re.findall(r"data:image/png;base64,([^\"]+)", source):
        check_png(base64.b64decode(picture, validate=True))
    for style in re.findall(r"<style>(.*?)</style>", source, re.DOTALL):
        assert "url(" not in style and "@import" not in style
    text = re.sub(r"\s+", " ", "".join(page.text))
    assert not re.search(r"(?<![\w/.-])-?(nan|inf)(?![\w/.-])", text), "a number that is none"
    for word in words:
        if word.startswith("--count="):
            tag, count = word[8:].split(":")
            found = page.counts.get(tag, 0)
            assert found == int(count), f"<{tag}>: expected {count}, found {found}"
        elif word.startswith("!"):
            assert word[1:] not in text, f"expected no '{word[1:]}'"
        else:
            assert word in text, f"expected '{word}' in: {text[:3000]}"


main()
