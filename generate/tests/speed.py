"""How fast a generating model is beside llama.cpp (by llama-cpp-python), on the same file:

    pip install llama-cpp-python
    python generate/tests/speed.py TERROIR MODEL.gguf [--threads 1 2] [--rounds 5] [--prompt 512] [--output 128]

TERROIR is the program. Every round runs both, one right after the other, the second first in every other round, so
that whatever else the machine does falls on both. Printed are medians over the rounds, medians of the rounds' ratios,
and the processor time that each needed for reading the prompt and writing one text. Both write greedily, a token at a
time, and ignore the end of the text; both load before the clock starts.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

PEER = "--as-peer"


def peer(model: str, threads: int, prompt: int, output: int) -> None:
    """In a process of its own, so that its processor time is its own."""
    from llama_cpp import Llama

    llama = Llama(model, n_ctx=prompt + output + 8, n_batch=512, n_threads=threads, n_threads_batch=threads, verbose=False)
    text = "The committee met on the second floor and agreed that the new bridge would open in spring. "
    tokens = llama.tokenize((text * (prompt // 8 + 1)).encode())[:prompt]
    llama.eval(tokens[7:64])
    llama.reset()

    def used() -> float:
        spent = resource.getrusage(resource.RUSAGE_SELF)
        return spent.ru_utime + spent.ru_stime

    cpu, started = used(), time.perf_counter()
    llama.eval(tokens)
    token = llama.sample(temp=0.0)
    read = time.perf_counter() - started
    for _ in range(output - 1):
        llama.eval([token])
        token = llama.sample(temp=0.0)
    written = time.perf_counter() - started - read
    print(json.dumps({
        "prefill_tokens_per_s": prompt / read,
        "decode_tokens_per_s": (output - 1) / written,
        "cpu_seconds": used() - cpu,
    }))


def measured(command: list[str]) -> dict[str, float]:
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(found)


def compare(arguments: argparse.Namespace, threads: int) -> None:
    sizes = [str(arguments.prompt), str(arguments.output)]
    own = [arguments.program, "--json", "bench", "generate", "--model", arguments.model, "--threads", str(threads)]
    own += ["--prompt-tokens", sizes[0], "--output-tokens", sizes[1]]
    other = [sys.executable, __file__, PEER, arguments.model, str(threads), *sizes]
    rounds = []
    for turn in range(arguments.rounds):
        pair = [measured(command) for command in ([own, other] if turn % 2 == 0 else [other, own])]
        rounds.append(pair if turn % 2 == 0 else pair[::-1])
    print(f"{threads} threads, prompt {sizes[0]}, output {sizes[1]}, {arguments.rounds} rounds")
    for key in ["prefill_tokens_per_s", "decode_tokens_per_s", "cpu_seconds"]:
        here, there = (statistics.median(side[key] for side in sides) for sides in zip(*rounds))
        ratio = statistics.median(one[key] / two[key] for one, two in rounds)
        print(f"  {key:22} {here:9.2f}   llama.cpp {there:9.2f}   ratio {ratio:.2f}")
    for key in ["together_tokens_per_s", "grounded_tokens_per_s", "guessed_tokens_per_s"]:
        print(f"  {key:22} {statistics.median(one[key] for one, _ in rounds):9.2f}")
    gain = statistics.median(one["guessed_tokens_per_s"] / one["grounded_tokens_per_s"] for one, _ in rounds)
    print(f"  guessed / grounded     {gain:9.2f}")


def main() -> None:
    if sys.argv[1] == PEER:
        peer(sys.argv[2], *map(int, sys.argv[3:6]))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--output", type=int, default=128)
    arguments = parser.parse_args()
    for threads in arguments.threads:
        compare(arguments, threads)


if __name__ == "__main__":
    main()
