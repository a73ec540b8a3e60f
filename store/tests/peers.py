"""How fast and how well the nearest vectors are found, beside usearch, on the same vectors and the same questions:

    pip install usearch numpy
    terroir bench search --passages 200000 --keep FOLDER --questions FOLDER/questions.f32
    python store/tests/peers.py FOLDER FOLDER/questions.f32 [--threads 1]

The first command prints Terroir's numbers and writes its questions, 32-bit floats, one vector after the other. This one
reads the vectors of the passages out of the database in FOLDER, builds usearch's graph from them (inner product, 32-bit
floats, its own defaults), and asks the same questions. Both are one search at a time for the ten nearest; what Terroir
prints for its dense leg includes the filter by scope, the last check against the database and reading the passages.
"""

import argparse
import pathlib
import resource
import sqlite3
import statistics
import time

import numpy
from usearch.index import Index


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("questions", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    database = sqlite3.connect(f"file:{arguments.folder / 'terroir.sqlite'}?mode=ro", uri=True)
    rows = database.execute("select embedding from chunks order by id")
    vectors = numpy.vstack([numpy.frombuffer(row[0], "<f4") for row in rows])
    dimensions = vectors.shape[1]
    questions = numpy.fromfile(arguments.questions, "<f4").reshape(-1, dimensions)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    index = Index(ndim=dimensions, metric="ip", dtype="f32")
    began = time.perf_counter()
    index.add(numpy.arange(len(vectors)), vectors, threads=arguments.threads)
    built = time.perf_counter() - began
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024

    found, times = 0, []
    for question in questions:
        began = time.perf_counter()
        matches = index.search(question, 10, threads=1)
        times.append((time.perf_counter() - began) * 1000)
        exact = numpy.argpartition(-(vectors @ question), 10)[:10]
        found += len(set(exact.tolist()) & set(matches.keys.tolist()))
    times.sort()
    print(f"{len(vectors)} vectors of {dimensions} dimensions, {len(questions)} questions")
    print(f"put in: {len(vectors) / built:.0f} vectors/s on {arguments.threads} thread(s); memory {memory:.0f} MB")
    print(f"recall@10: {found / len(questions) / 10:.3f}")
    print(f"p50 {statistics.median(times):.2f} ms, p95 {times[int(len(times) * 0.95)]:.2f} ms")


if __name__ == "__main__":
    main()
