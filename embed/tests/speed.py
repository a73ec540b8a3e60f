"""How fast an encoder is beside the sentence-transformers library (PyTorch, f32), on the same texts:

    pip install sentence-transformers
    python embed/tests/speed.py TERROIR MODELS_FOLDER corpus.jsonl [--texts 100] [--threads 1 2] [--rounds 7]

TERROIR is the program; corpus.jsonl has `title` and `text` in each line. Every round runs both, one right after the
other, the second first in every other round, so that whatever else the machine does falls on both. Printed are
medians over the rounds, the median of the rounds' ratios, and how much of the machine other programs used meanwhile:
above some percent the ratio says more about them. Both sides tokenize within the clock, and load before it.
"""

import argparse
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import torch
from sentence_transformers import SentenceTransformer


def passages(corpus: str, count: int) -> list[str]:
    with open(corpus, encoding="utf-8") as lines:
        documents = [json.loads(line) for line in itertools.islice(lines, count)]
    return [" ".join(f"{document['title']} {document['text']}".split()) for document in documents]


def load(folder: pathlib.Path) -> SentenceTransformer:
    model = SentenceTransformer(str(folder), device="cpu")
    # The catalogue's folder leaves out modules.json, and with it the library does not see this limit.
    limit = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8")).get("max_seq_length")
    model.max_seq_length = limit or model.max_seq_length
    return model


def library(model: SentenceTransformer, texts: list[str], threads: int, batch: int) -> float:
    """Passages per second."""
    torch.set_num_threads(threads)
    model.encode_document(texts[:16], batch_size=batch, normalize_embeddings=True)
    started = time.perf_counter()
    model.encode_document(texts, batch_size=batch, normalize_embeddings=True)
    return len(texts) / (time.perf_counter() - started)


def own(program: str, models: pathlib.Path, name: str, lines: str, threads: int) -> float:
    environment = os.environ | {"TERROIR_MODELS_DIR": str(models), "TERROIR_MODELS_EMBED": name}
    command = [program, "--json", "bench", "embed", "--input", lines, "--threads", str(threads)]
    found = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return json.loads(found)["passages_per_s"]


def machine() -> tuple[float, float]:
    """Seconds that all cores were busy, and that this process and its children were."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, interrupts, soft, stolen = map(int, stat.readline().split()[1:9])
    busy = (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
    return busy, sum(os.times()[:4])


def compare(arguments: argparse.Namespace, model: SentenceTransformer, texts: list[str], lines: str, threads: int) -> None:
    rates, others = [], []
    for turn in range(arguments.rounds):
        measures = [
            lambda: own(arguments.program, arguments.models, arguments.name, lines, threads),
            lambda: library(model, texts, threads, arguments.batch),
        ]
        busy, used = machine()
        started = time.perf_counter()
        found = [measure() for measure in (measures if turn % 2 == 0 else measures[::-1])]
        seconds = (time.perf_counter() - started) * os.cpu_count()
        busy_after, used_after = machine()
        rates.append(found if turn % 2 == 0 else found[::-1])
        others.append(max(0.0, busy_after - busy - (used_after - used)) / seconds)
    here, there = (statistics.median(side) for side in zip(*rates))
    ratios = sorted(one / other for one, other in rates)
    print(
        f"{threads} threads: {here:.1f} and {there:.1f} passages/s, ratio {statistics.median(ratios):.2f} "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}); others used {100 * statistics.median(others):.0f} % of the machine",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("corpus")
    parser.add_argument("--name", default="all-MiniLM-L6-v2")
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=32, help="of the library; 32 is its default")
    arguments = parser.parse_args()
    texts = passages(arguments.corpus, arguments.texts)
    model = load(arguments.models / arguments.name)
    tokens = sum(min(len(ids), model.max_seq_length) for ids in model.tokenizer(texts, truncation=False)["input_ids"])
    print(f"{len(texts)} passages of {tokens / len(texts):.0f} tokens; PyTorch {torch.__version__}", flush=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lines:
        lines.write("\n".join(texts) + "\n")
        lines.flush()
        for threads in arguments.threads:
            compare(arguments, model, texts, lines.name, threads)


if __name__ == "__main__":
    main()
