"""Draws where quotes stand over the pages that they stand on, to be looked at:

    apt install poppler-utils
    pip install pillow
    python ingest/tests/boxes.py TERROIR OUT_FOLDER FILE.pdf… [--quotes 6] [--page 1] [--seed 1] [--quote "…"]

TERROIR is the program. Of each file one page is drawn as poppler renders it, and on it, each in a colour of its own,
the boxes that the program gives for quotes: those given, or some substrings of the text of that page, short and long,
from the middle of words too. The quotes are printed in their colours' order, so that box and words can be compared.
"""

import argparse
import json
import pathlib
import random
import subprocess

from PIL import Image, ImageDraw

DOTS_PER_INCH = 100
POINTS_PER_INCH = 72
COLOURS = ["#d00000", "#0050d0", "#008020", "#c06000", "#8000a0", "#007080", "#a00050", "#505000"]
LENGTHS = [12, 30, 60, 120, 300]


def parsed(program: str, file: pathlib.Path, quotes: list[str]) -> dict:
    command = [program, "parse", str(file), "--json", *(part for quote in quotes for part in ("--quote", quote))]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def substrings(document: dict, page: int, count: int, draw: random.Random) -> list[str]:
    """Pieces of blocks that begin on the page; long ones run over line ends."""
    texts = [block["text"] for block in document["blocks"] if block["locator"]["page"] == page]
    texts = [text for text in texts if len(text) > 5]
    chosen = draw.sample(texts, min(count, len(texts)))
    quotes = []
    for number, text in enumerate(chosen):
        length = LENGTHS[number % len(LENGTHS)]
        start = draw.randrange(max(1, len(text) - length))
        quotes.append(text[start : start + length].strip())
    return [quote for quote in quotes if quote]


def rendered(file: pathlib.Path, page: int, stem: pathlib.Path) -> Image.Image:
    number = str(page)
    command = ["pdftoppm", "-cropbox", "-r", str(DOTS_PER_INCH), "-f", number, "-l", number, "-singlefile", "-png"]
    subprocess.run([*command, str(file), str(stem)], check=True, capture_output=True)
    return Image.open(stem.with_suffix(".png")).convert("RGB")


def draw_boxes(image: Image.Image, quotes: list[dict], page: int) -> None:
    canvas = ImageDraw.Draw(image, "RGBA")
    scale = DOTS_PER_INCH / POINTS_PER_INCH
    for number, quote in enumerate(quotes):
        colour = COLOURS[number % len(COLOURS)]
        for place in quote["places"][:1]:
            for box in place["boxes"]:
                if box["page"] == page:
                    x, y = box["x"] * scale, box["y"] * scale
                    corners = [x, y, x + box["width"] * scale, y + box["height"] * scale]
                    canvas.rectangle(corners, fill=colour + "40", outline=colour)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("terroir")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("files", type=pathlib.Path, nargs="+")
    parser.add_argument("--quotes", type=int, default=6)
    parser.add_argument("--quote", action="append", default=[])
    parser.add_argument("--page", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for file in arguments.files:
        draw = random.Random(arguments.seed)
        document = parsed(arguments.terroir, file, [])
        quotes = arguments.quote or substrings(document, arguments.page, arguments.quotes, draw)
        found = parsed(arguments.terroir, file, quotes)["quotes"]
        stem = arguments.out / f"{file.stem}-{arguments.page}"
        image = rendered(file, arguments.page, stem)
        draw_boxes(image, found, arguments.page)
        image.save(stem.with_suffix(".png"))
        print(stem.with_suffix(".png"))
        for quote, colour in zip(found, COLOURS * len(found), strict=False):
            print(f"  {colour} {len(quote['places'])} × {quote['quote']!r}")


if __name__ == "__main__":
    main()
