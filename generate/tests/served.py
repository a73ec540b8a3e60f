"""How many tokens per second a server writes for several callers at once, by its OpenAI-compatible route:

    python generate/tests/served.py MODEL URL [URL ...] [--callers 8] [--output 128] [--rounds 5]

Each round asks every server in turn, the last one first in every other round, so that whatever else the machine does
falls on all. Every caller has a prompt of its own of some hundred tokens, and asks for --output tokens, greedily.
Printed are medians of tokens per second over the rounds, and of the ratios of the first server to the others.
"""

import argparse
import json
import statistics
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

TEXT = "Minutes of meeting {0}: the committee met on floor {0} and agreed that bridge {0} would open in spring. "


def write(url: str, model: str, caller: int, output: int, turn: int) -> int:
    """Tokens written."""
    prompt = "".join(TEXT.format(caller * 31 + line + turn * 1000) for line in range(6))
    body = {"model": model, "prompt": prompt, "max_tokens": output, "temperature": 0, "ignore_eos": True}
    request = urllib.request.Request(
        f"{url}/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        return json.load(response)["usage"]["completion_tokens"]


def rate(url: str, arguments: argparse.Namespace, turn: int) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(arguments.callers) as callers:
        asked = [callers.submit(write, url, arguments.model, index, arguments.output, turn) for index in range(arguments.callers)]
        tokens = sum(answer.result() for answer in asked)
    return tokens / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("urls", nargs="+")
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--output", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rounds = []
    for turn in range(arguments.rounds):
        urls = arguments.urls if turn % 2 == 0 else arguments.urls[::-1]
        rounds.append({url: rate(url, arguments, turn) for url in urls})
    for url in arguments.urls:
        median = statistics.median(found[url] for found in rounds)
        ratio = statistics.median(found[arguments.urls[0]] / found[url] for found in rounds)
        print(f"{url}: {median:.1f} tokens/s; the first is {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()
