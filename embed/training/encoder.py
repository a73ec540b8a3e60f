"""Trains an embedding model of BERT's family further, for one's own documents:

    pip install torch transformers safetensors numpy
    python embed/training/encoder.py MODEL_FOLDER DIR OUT_FOLDER [--device cuda]

DIR is a folder in the BEIR layout (`corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`): the documents, and questions
that a person has judged. Nothing else is read. Half of what a step shows it are judged questions with a relevant
passage, half are titles and sentences with the passage that they were cut out of; the passages of all others in the
step are what does not answer, and for each question one more that words and vectors find first (Karpukhin et al.
2020, arXiv:2004.04906). Cross-validation over the judged questions says what it is worth, by vectors alone and beside
words (nDCG@10, questions that were not trained on).
"""

import argparse
import pathlib
import random
import shutil

import numpy
import torch
from safetensors.torch import save_file

import judged
from groups import FOLDS, Corpus, Group, Questions, prepared

# What cosines are multiplied with before the softmax, as the sentence-transformers library does.
SHARPNESS = 20.0
BATCH = 64


def train(model, tokenizer, device: str, groups, steps: int, rate: float, label: str) -> None:
    """`groups` gives a batch of groups with one wrong passage each."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    model.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(step / (0.1 * steps), (steps - step) / (0.9 * steps))
        batch = groups()
        questions = judged.embed(model, [group.question for group in batch], tokenizer, device)
        answers = judged.embed(model, [group.passages[0] for group in batch], tokenizer, device)
        others = judged.embed(model, [group.passages[1] for group in batch], tokenizer, device)
        scores = SHARPNESS * questions @ torch.cat([answers, others]).T
        loss = torch.nn.functional.cross_entropy(scores, torch.arange(len(batch), device=device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % 50 == 0:
            print(f"{label}: step {step + 1} of {steps}, loss {loss.item():.3f}", flush=True)
    model.eval()


def batches(corpus: Corpus, questions: Questions, which: list[int], chance: random.Random):
    asked = questions.batches(which, BATCH // 2, 1, chance)

    def groups() -> list[Group]:
        return asked() + [corpus.group(1) for _ in range(BATCH // 2)]

    return groups


def values(model, questions: Questions, which: list[int], tokenizer, device: str):
    """nDCG@10 of each question by vectors, and by both."""
    passages = questions.passages
    own = judged.vectors(model, [passage.ids() for passage in passages], tokenizer, device)
    asked = judged.vectors(model, [questions.queries[at].ids for at in which], tokenizer, device)
    dense, both = [], []
    for at, row in zip(which, (asked @ own.T).cpu().numpy(), strict=True):
        query = questions.queries[at]
        mix = judged.both(row, questions.words.scores(query.text))
        for found, scores in ((dense, row), (both, mix)):
            found.append(judged.ndcg(passages, numpy.argsort(-scores)[:200].tolist(), query))
    return dense, both


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("judged", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rate", type=float, default=3e-5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = options.device
    tokenizer, model, corpus, questions = prepared(options, device)
    published = {name: value.clone() for name, value in model.state_dict().items()}
    everything = list(range(len(questions.queries)))
    steps = options.epochs * -(-len(everything) // (BATCH // 2))

    def trained(which: list[int], label: str) -> None:
        model.load_state_dict(published)
        train(model, tokenizer, device, batches(corpus, questions, which, random.Random(2)), steps, options.rate, label)

    before = values(model, questions, everything, tokenizer, device)
    random.Random(1).shuffle(everything)
    dense, both = [], []
    for fold in range(FOLDS):
        trained([at for row, at in enumerate(everything) if row % FOLDS != fold], f"fold {fold + 1}")
        one = values(model, questions, everything[fold::FOLDS], tokenizer, device)
        dense, both = dense + one[0], both + one[1]
    mean = lambda numbers: sum(numbers) / len(numbers)  # noqa: E731
    print(f"{FOLDS}-fold cross-validation over {len(everything)} questions, nDCG@10, before and after:")
    print(f"  by vectors {mean(before[0]):.4f} {mean(dense):.4f}, by both {mean(before[1]):.4f} {mean(both):.4f}")

    trained(everything, "all")
    # The passport is of the other weights.
    others = shutil.ignore_patterns("passport.json", "*.safetensors", "*.bin")
    shutil.copytree(options.model, options.out, dirs_exist_ok=True, ignore=others)
    save_file({name: value.half().contiguous() for name, value in model.state_dict().items()},
              options.out / "model.safetensors", metadata={"format": "pt"})
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
