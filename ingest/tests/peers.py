"""How well and how fast text is read from PDF files, beside other readers, on every PDF below a folder:

    apt install poppler-utils
    pip install pymupdf pypdf pdfplumber rapidfuzz
    python ingest/tests/peers.py TERROIR FOLDER --json results.json [--rounds 3] [--worst 10] [--keep FOLDER]
                                 [--pdf-extract PROGRAM] [--only PART] [--without PART] [--tools terroir pymupdf]

TERROIR is the program. PROGRAM prints what the crate pdf-extract finds in its one argument; without it that reader
is left out. With --keep, what the others found is kept in a folder, text and times, and not computed again.

Scores compare words: compatibility forms made one, lower case, without punctuation; hyphens taken out, so that no
reader gains or loses by undoing those at line ends; each CJK character a word.
- F1: of the bags of words.
- order: longest common subsequence of words, twice its length over the sum of both lengths.
A file that a reader cannot read counts 0 for it.

The reference of a file `x.pdf` is `x.txt` beside it where there is one: exact truth, reported apart. For all others
there is none, and two things stand in its place: what pdftotext finds (then its own score says nothing), and the
majority: each word as often as two of four independent readers agree on, pdftotext, PyMuPDF, pypdf and pdfplumber,
which has no order. Both keep running headers, footers and page numbers, which Terroir takes out on purpose. Files in
which pdftotext finds fewer than five words are scans or broken: they are read, but not scored.

Times are processor seconds, medians of the rounds. Terroir, pdftotext and pdf-extract are started anew for each file,
and that start is included (Terroir starts two processes, one to be killed if need be); the Python readers run in one
process for all files, and their start is not. Text recognition is off: the others have none.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import resource
import select
import statistics
import subprocess
import sys
import time
import unicodedata

MAX_SECONDS = 120
RECOGNITION_OFF = {"TERROIR_INGEST_RECOGNITION": "off"}
MIN_WORDS = 5
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(rf"[{CJK}]|[^\W_{CJK}]+")
HYPHEN = re.compile(r"(?<=\w)[-\u2010\u2011\u00ad]\s*\n?\s*(?=\w)|\u00ad")
INDEPENDENT = ("pdftotext", "pymupdf", "pypdf", "pdfplumber")


def words(text: str) -> list[str]:
    # Ends of pages and lines are white space like any other.
    text = HYPHEN.sub("", unicodedata.normalize("NFKC", text.replace("\f", "\n")))
    return [word.casefold() for word in WORD.findall(text)]


def f1(found: collections.Counter, truth: collections.Counter) -> float:
    total = found.total() + truth.total()
    return 2 * (found & truth).total() / total if total else 1.0


def order(found: list[str], truth: list[str]) -> float:
    from rapidfuzz.distance import LCSseq

    total = len(found) + len(truth)
    return 2 * LCSseq.similarity(found, truth) / total if total else 1.0


# Readers in Python, run by `serve` in a process of their own.


def pymupdf(path: str) -> str:
    import pymupdf as library

    with library.open(path) as document:
        return "\n".join(page.get_text() for page in document)


def pypdf(path: str) -> str:
    import pypdf as library

    return "\n".join(page.extract_text() for page in library.PdfReader(path).pages)


def pdfplumber(path: str) -> str:
    import pdfplumber as library

    with library.open(path) as document:
        texts = []
        for page in document.pages:
            texts.append(page.extract_text() or "")
            page.close()
        return "\n".join(texts)


def serve(name: str) -> None:
    """Reads paths from stdin; answers each with a line of JSON."""
    import logging
    import warnings

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    read = globals()[name]
    __import__(name)
    for line in sys.stdin:
        started = time.process_time()
        try:
            answer = {"text": read(line.rstrip("\n")).encode("utf-8", "replace").decode()}
        except BaseException as error:  # noqa: BLE001 - whatever goes wrong in a library is a failure of it
            answer = {"error": type(error).__name__}
        answer["seconds"] = time.process_time() - started
        print(json.dumps(answer), file=answers, flush=True)


class Served:
    """A reader in Python: one process for all files, started again when it had to be killed."""

    def __init__(self, name: str):
        self.name = name
        self.process: subprocess.Popen | None = None

    def __call__(self, path: pathlib.Path) -> dict:
        if self.process is None:
            command = [sys.executable, __file__, "--serve", self.name]
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, preexec_fn=bound)
        self.process.stdin.write(f"{path}\n".encode())
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], MAX_SECONDS)
        line = self.process.stdout.readline() if ready else b""
        if line:
            return json.loads(line)
        self.process.kill()
        self.process.wait()
        self.process = None
        return {"error": "died" if ready else "timed out", "seconds": MAX_SECONDS if not ready else 0.0}


def bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


class Started:
    """A program that is started for each file."""

    def __init__(self, command: list[str], text=lambda output: output.decode("utf-8", "replace")):
        self.command = command
        self.text = text

    def __call__(self, path: pathlib.Path) -> dict:
        command = [part.replace("{}", str(path)) for part in self.command]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=MAX_SECONDS, preexec_fn=bound, env=os.environ | RECOGNITION_OFF
            )
            answer = {"text": self.text(done.stdout)} if done.returncode == 0 else {"error": f"exit {done.returncode}"}
        except (subprocess.TimeoutExpired, ValueError) as error:
            answer = {"error": type(error).__name__}
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        answer["seconds"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return answer


def block_text(output: bytes) -> str:
    return "\n\n".join(block["text"] for block in json.loads(output)["blocks"])


def readers(arguments: argparse.Namespace) -> dict:
    found = {
        "terroir": Started([arguments.terroir, "parse", "{}", "--json"], block_text),
        "pdftotext": Started(["pdftotext", "{}", "-"]),
        "pdftotext -layout": Started(["pdftotext", "-layout", "{}", "-"]),
        "pdftotext -raw": Started(["pdftotext", "-raw", "{}", "-"]),
        "pymupdf": Served("pymupdf"),
        "pypdf": Served("pypdf"),
        "pdfplumber": Served("pdfplumber"),
    }
    if arguments.pdf_extract:
        found["pdf-extract"] = Started([arguments.pdf_extract, "{}"])
    return found


def read(reader, path: pathlib.Path, rounds: int) -> dict:
    answers = [reader(path)]
    while len(answers) < rounds and answers[0]["seconds"] < MAX_SECONDS / 4:
        answers.append(reader(path))
    return answers[0] | {"seconds": statistics.median(answer["seconds"] for answer in answers)}


def kept(folder: pathlib.Path | None, tool: str, name: str, compute) -> dict:
    """What `compute` gives, or gave before."""
    if folder is None or tool == "terroir":
        return compute()
    file = folder / tool.replace(" ", "") / (name.replace("/", "__") + ".json")
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    file.parent.mkdir(parents=True, exist_ok=True)
    answer = compute()
    file.write_text(json.dumps(answer), encoding="utf-8")
    return answer


def majority(bags: list[collections.Counter]) -> collections.Counter:
    every = set().union(*bags)
    return collections.Counter({word: int(statistics.median_high([bag[word] for bag in bags])) for word in every})


def score(path: pathlib.Path, name: str, answers: dict[str, dict]) -> dict:
    """The row of a file: per reader its scores against each reference."""
    found = {tool: words(answer.get("text", "")) for tool, answer in answers.items()}
    bags = {tool: collections.Counter(list_of_words) for tool, list_of_words in found.items()}
    row = {"file": name, "kind": "scored", "readers": {}}
    truth_file = path.with_suffix(".txt")
    if truth_file.exists():
        row["kind"], reference = "truth", words(truth_file.read_text(encoding="utf-8"))
    else:
        reference = found["pdftotext"]
        if len(reference) < MIN_WORDS:
            row["kind"] = "no text"
    reference_bag = collections.Counter(reference)
    most = majority([bags[tool] for tool in INDEPENDENT if tool in bags])
    for tool, answer in answers.items():
        scores = {"seconds": round(answer["seconds"], 4), "words": len(found[tool])}
        if "error" in answer:
            scores["error"] = answer["error"]
        if row["kind"] != "no text":
            scores["f1"] = round(f1(bags[tool], reference_bag), 4)
            scores["order"] = round(order(found[tool], reference), 4)
            scores["majority"] = round(f1(bags[tool], most), 4)
        row["readers"][tool] = scores
    return row


def mean(values) -> float:
    values = list(values)
    return sum(values) / len(values) if values else float("nan")


def totals(rows: list[dict], tool: str, kind: str) -> dict:
    chosen = [row["readers"][tool] for row in rows if row["kind"] == kind]
    return {
        "files": len(chosen),
        **{key: round(mean(one[key] for one in chosen), 4) for key in ("f1", "order", "majority")},
        "above_90": sum(one["f1"] > 0.9 for one in chosen),
        "below_50": sum(one["f1"] < 0.5 for one in chosen),
    }


def print_tables(rows: list[dict], tools: list[str], worst: int) -> dict:
    summary = {}
    for kind, title in (("truth", "exact truth"), ("scored", "no truth: against pdftotext, and the majority")):
        print(f"\n{title}\n| reader | files | F1 | order | F1, majority | F1 > .9 | < .5 |\n|---|--:|--:|--:|--:|--:|--:|")
        for tool in tools:
            total = totals(rows, tool, kind)
            if not total["files"]:
                continue
            summary.setdefault(tool, {})[kind] = total
            print(
                f"| {tool} | {total['files']} | {total['f1']:.3f} | {total['order']:.3f} | {total['majority']:.3f} "
                f"| {total['above_90']} | {total['below_50']} |"
            )
    print("\n| reader | failures | with text none | s, median | 95 % | all files |\n|---|--:|--:|--:|--:|--:|")
    for tool in tools:
        each = [row["readers"][tool] for row in rows]
        seconds = sorted(one["seconds"] for one in each)
        failures = sum("error" in one for one in each)
        lost = sum("error" in row["readers"][tool] for row in rows if row["kind"] != "no text")
        summary[tool] |= {"failures": failures, "failures_with_text": lost, "seconds": round(sum(seconds), 2)}
        print(
            f"| {tool} | {failures} | {lost} | {statistics.median(seconds):.3f} "
            f"| {seconds[len(seconds) * 95 // 100]:.2f} | {sum(seconds):.1f} |"
        )
    if worst and "terroir" in tools:
        for key in ("f1", "order"):
            print(f"\nlowest {key} of terroir")
            scored = [row for row in rows if row["kind"] != "no text"]
            for row in sorted(scored, key=lambda row: row["readers"]["terroir"][key])[:worst]:
                each = " ".join(
                    f"{tool}={one[key]:.2f}({one['words']})" for tool, one in row["readers"].items() if " " not in tool
                )
                print(f"  {row['file']}: {each} majority={row['readers']['terroir']['majority']:.2f}")
    return summary


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] == "--serve":
        serve(sys.argv[2])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("terroir")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worst", type=int, default=10)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--pdf-extract")
    parser.add_argument("--only", default="", help="files with this in their path")
    parser.add_argument("--without", help="no files with this in their path")
    parser.add_argument("--tools", nargs="*", help="beside pdftotext, the reference; all of them by default")
    arguments = parser.parse_args()
    chosen = readers(arguments)
    if arguments.tools:
        chosen = {tool: reader for tool, reader in chosen.items() if tool in {*arguments.tools, "pdftotext"}}
    files = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() == ".pdf")
    rows = []
    for path in files:
        name = str(path.relative_to(arguments.folder))
        if arguments.only not in name or (arguments.without and arguments.without in name):
            continue
        answers = {
            tool: kept(arguments.keep, tool, name, lambda reader=reader: read(reader, path, arguments.rounds))
            for tool, reader in chosen.items()
        }
        rows.append(score(path, name, answers))
        print(f"\r{len(rows)} of {len(files)} files", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    summary = print_tables(rows, list(chosen), arguments.worst)
    if arguments.json:
        arguments.json.write_text(json.dumps({"summary": summary, "files": rows}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
