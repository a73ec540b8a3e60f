"""Typesets a Markdown file as a PDF: handbook.py SOURCE.md TARGET.pdf

The handbook is part of the sample corpus, and a PDF of it gives the first citation a page to open.
Needs fpdf2. Knows headings, paragraphs and page numbers, which is what the handbook has.
"""

import sys
from datetime import datetime, timezone
from pathlib import Path

from fpdf import FPDF

BODY_POINTS = 10.5
LINE_MM = 5.2


class Handbook(FPDF):
    def footer(self):
        self.set_y(-15)
        self.set_font("Times", "", 9)
        self.cell(0, 8, str(self.page_no()), align="C")


def typeset(source: Path, target: Path) -> None:
    pdf = Handbook(format="A4")
    # The same source gives the same bytes, so that it is recognised as the same revision.
    pdf.set_creation_date(datetime(2026, 1, 1, tzinfo=timezone.utc))
    pdf.set_margins(28, 26, 28)
    pdf.set_auto_page_break(True, margin=26)
    pdf.set_lang("en")
    pdf.add_page()
    for block in source.read_text(encoding="utf-8").split("\n\n"):
        text = " ".join(block.split())
        level = len(text) - len(text.lstrip("#"))
        if level:
            heading(pdf, level, text[level:].strip())
        elif text:
            pdf.set_font("Times", "", BODY_POINTS)
            pdf.multi_cell(0, LINE_MM, text, align="J", new_x="LMARGIN", new_y="NEXT")
            pdf.ln(2.4)
    pdf.output(str(target))


def heading(pdf: FPDF, level: int, text: str) -> None:
    if level == 1:
        pdf.set_title(text)
    points = {1: 22, 2: 15, 3: 12}[level]
    pdf.ln({1: 0, 2: 4, 3: 2}[level])
    if pdf.will_page_break(points):
        pdf.add_page()
    pdf.set_font("Helvetica", "B", points)
    pdf.multi_cell(0, points * 0.5, text, align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)


if __name__ == "__main__":
    typeset(Path(sys.argv[1]), Path(sys.argv[2]))
