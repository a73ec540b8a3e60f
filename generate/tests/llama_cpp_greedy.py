"""What llama.cpp writes after 200 prompts, token by token, so that another engine can be compared with it:

    pip install llama-cpp-python
    python generate/tests/llama_cpp_greedy.py MODEL.gguf greedy.jsonl [THREADS]

The prompts come from the project's own texts and code: English, French, German, Rust, Python, shell. Every second one
is framed as a chat turn where the model's vocabulary has the ChatML marks, the others are continued as they stand.
A line per prompt:

    kind      english, french, german, code or question
    text      the prompt as it was given to llama.cpp's tokenizer
    prompt    its token ids
    output    48 ids, each the highest logit after the ones before; fewer where the model ended: the last is then
              an end token
    margins   for each output token, by how much its logit was higher than the second highest
    second    the token with the second highest logit

Compare until the first token that differs. There, an engine with other rounding may be right where the margin is small
(two 8-bit engines differ by some tenths of a logit) and its token is `second`; anything else is an error.
"""

import itertools
import json
import pathlib
import random
import re
import sys

import llama_cpp
import numpy

ROOT = pathlib.Path(__file__).parents[2]
OUTPUT_TOKENS = 48
CONTEXT_TOKENS = 1024

ENGLISH = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/handbook.md", "docs/operating.md"]
CODE = ["embed/src/lib.rs", "generate/src/lib.rs", "web/src/app.rs", "docs/handbook.py", "Makefile"]
COUNTS = {"english": 60, "french": 30, "german": 30, "code": 40, "question": 40}

PLACES = ["Keller", "Weinberg", "Lager", "Büro", "Labor", "Archiv"]
PEOPLE = ["Frau Sommer", "Herr Yılmaz", "die Leiterin", "der Lehrling", "die Prüferin"]
ACTIONS = ["misst die Temperatur", "schreibt den Bericht", "zählt die Kisten", "öffnet das Tor", "liest die Anleitung"]
SUBJECTS = ["a citation", "the harvest", "a full-text index", "the cellar", "gravity", "photosynthesis", "a contract"]
ASKED = [
    "What is {}?",
    "Explain {} to a child in two sentences.",
    "List three facts about {}.",
    "Write a short letter about {}.",
    "Why does {} matter? Answer in one sentence.",
    "Translate into French: I know nothing about {}.",
]


def paragraphs(files: list[str], least_characters: int) -> list[str]:
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in files]
    found = [part.strip() for text in texts for part in re.split(r"\n\s*\n", text)]
    return [part for part in found if len(part) >= least_characters]


def german(numbers: random.Random) -> str:
    sentences = []
    for hour in range(7, 7 + numbers.randrange(2, 6)):
        person, action, place = (numbers.choice(words) for words in (PEOPLE, ACTIONS, PLACES))
        sentences.append(f"Um {hour} Uhr {action.split()[0]} {person} im {place} {' '.join(action.split()[1:])}.")
    return " ".join(sentences) + " Danach"


def prompts() -> list[tuple[str, str]]:
    """The same in every run on the same texts."""
    numbers = random.Random(7)

    def beginnings(files: list[str], count: int) -> list[str]:
        # Each from another paragraph, cut at another length, so that words and numbers are cut too.
        found = itertools.islice(itertools.cycle(paragraphs(files, 60)), count)
        return [text[: numbers.randrange(40, 900)] for text in found]

    questions = [form.format(subject) for subject in SUBJECTS for form in ASKED]
    texts = {
        "english": beginnings(ENGLISH, COUNTS["english"]),
        "french": beginnings(["docs/guide-fr.md"], COUNTS["french"]),
        "german": [german(numbers) for _ in range(COUNTS["german"])],
        "code": beginnings(CODE, COUNTS["code"]),
        "question": questions[: COUNTS["question"]],
    }
    return [(kind, text) for kind, found in texts.items() for text in found]


def chat(text: str) -> str:
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def greedy(model: llama_cpp.Llama, prompt: list[int]) -> dict:
    model.reset()
    model.eval(prompt)
    output, margins, second = [], [], []
    while len(output) < OUTPUT_TOKENS:
        pointer = llama_cpp.llama_get_logits_ith(model.ctx, -1)
        logits = numpy.ctypeslib.as_array(pointer, (model.n_vocab(),))
        one, other = numpy.argpartition(logits, -2)[-2:]
        best, next_best = (one, other) if logits[one] > logits[other] else (other, one)
        output.append(int(best))
        second.append(int(next_best))
        margins.append(round(float(logits[best] - logits[next_best]), 5))
        if best == model.token_eos():
            break
        model.eval([int(best)])
    return {"prompt": prompt, "output": output, "margins": margins, "second": second}


def main() -> None:
    path, target, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1
    model = llama_cpp.Llama(
        path, n_ctx=CONTEXT_TOKENS, n_batch=CONTEXT_TOKENS, n_threads=threads, n_threads_batch=threads, verbose=False
    )
    marks = model.tokenize(b"<|im_start|>", add_bos=False, special=True)
    most, ties = CONTEXT_TOKENS - OUTPUT_TOKENS, 0
    with open(target, "w", encoding="utf-8") as lines:
        for index, (kind, text) in enumerate(prompts()):
            text = chat(text) if len(marks) == 1 and index % 2 == 1 else text
            found = greedy(model, model.tokenize(text.encode(), add_bos=True, special=True)[:most])
            ties += sum(margin < 0.1 for margin in found["margins"])
            lines.write(json.dumps({"kind": kind, "text": text} | found, ensure_ascii=False) + "\n")
    print(f"{target}: {index + 1} prompts, {ties} tokens with a margin below 0.1")


if __name__ == "__main__":
    main()
