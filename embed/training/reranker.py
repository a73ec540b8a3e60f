"""Trains a reranker (a cross-encoder of BERT's family) for one's own documents, from an embedding model:

    pip install torch transformers safetensors numpy
    python embed/training/reranker.py MODEL_FOLDER DIR OUT_FOLDER [--minutes 4] [--device cuda]

DIR is a folder in the BEIR layout (`corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`): the documents, and questions
that a person has judged. Nothing else is read. It is trained twice:

1. On the documents alone, for `--minutes`: a sentence is the question, and the passage that it was cut out of is the
   answer among the passages nearest to it (the inverse cloze task, Lee et al. 2019, arXiv:1906.00300); so are titles.
2. On the judged questions: a relevant passage among those that words and vectors find first.

Cross-validation over the judged questions says what it is worth beside the mix of both legs (nDCG@10, questions that
were not trained on), and gives the scale on which its number is the probability of being relevant.
"""

import argparse
import pathlib
import random
import time

import numpy
import torch
import transformers

import judged
from groups import FOLDS, Questions, prepared

PAIR_TOKENS = 256


class Trainer:
    def __init__(self, model, tokenizer, device: str):
        self.model, self.tokenizer, self.device = model, tokenizer, device

    def scores(self, pairs: list[tuple[list[int], list[int]]]) -> torch.Tensor:
        cls, sep = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        rows, starts = [], []
        for question, passage in pairs:
            question = question[: PAIR_TOKENS // 2]
            passage = passage[: PAIR_TOKENS - 3 - len(question)]
            rows.append([cls, *question, sep, *passage, sep])
            starts.append(len(question) + 2)
        ids, mask = judged.padded(rows, self.device)
        kinds = (torch.arange(ids.shape[1])[None] >= torch.tensor(starts)[:, None]).to(self.device).long() * mask
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device != "cpu"):
            return self.model(input_ids=ids, attention_mask=mask, token_type_ids=kinds).logits[:, 0].float()

    def score_all(self, pairs: list[tuple[list[int], list[int]]]) -> numpy.ndarray:
        self.model.eval()
        order = sorted(range(len(pairs)), key=lambda index: len(pairs[index][1]))
        out = numpy.zeros(len(pairs), dtype=numpy.float32)
        with torch.no_grad():
            for start in range(0, len(order), 512):
                batch = order[start : start + 512]
                out[batch] = self.scores([pairs[index] for index in batch]).cpu().numpy()
        return out

    def train(self, groups, rate: float, progress, label: str) -> None:
        """`groups` gives a batch, `progress` what part of the training is done: 1 or more ends it."""
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=rate, weight_decay=0.01)
        self.model.train()
        losses, step = [], 0
        while (done := progress(step)) < 1:
            for group in optimizer.param_groups:
                group["lr"] = rate * min(done / 0.1, (1 - done) / 0.9, 1.0) + rate * 0.01
            batch = groups()
            pairs = [(group.question, passage) for group in batch for passage in group.passages]
            scores = self.scores(pairs).view(len(batch), -1)
            loss = torch.nn.functional.cross_entropy(scores, scores.new_zeros(len(batch), dtype=torch.long))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.detach())
            step += 1
            if step % 100 == 0:
                mean = torch.stack(losses[-100:]).mean().item()
                print(f"{label}: {100 * done:.0f} %, step {step}, loss {mean:.3f}", flush=True)


def fine_tune(trainer: Trainer, questions: Questions, which: list[int], epochs: int, seed: int) -> None:
    size = 16
    steps = epochs * -(-len(which) // size)
    trainer.train(questions.batches(which, size, 15, random.Random(seed)), 4e-5, lambda step: step / steps, "judged questions")


def scale(logits: numpy.ndarray, relevant: numpy.ndarray) -> tuple[float, float]:
    """Factor and offset with which a logit's sigmoid is the probability (Platt 1999)."""
    logits, relevant = torch.from_numpy(logits).double(), torch.from_numpy(relevant).double()
    values = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([values], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(values[0] * logits + values[1], relevant)
        loss.backward()
        return loss

    optimizer.step(closure)
    factor, offset = values.detach().tolist()
    return factor, offset


def cross_validate(make, questions: Questions, epochs: int) -> tuple[float, float]:
    """What it is worth, printed; and its scale."""
    order = list(range(len(questions.queries)))
    random.Random(1).shuffle(order)
    logits = []
    for fold in range(FOLDS):
        trainer = make()
        fine_tune(trainer, questions, [at for row, at in enumerate(order) if row % FOLDS != fold], epochs, fold)
        logits.append(trainer.score_all(questions.candidates(order[fold::FOLDS])))
    which = [at for fold in range(FOLDS) for at in order[fold::FOLDS]]
    logits = numpy.concatenate(logits)
    factor, offset = scale(logits, questions.relevant(which))
    relevance = (1 / (1 + numpy.exp(-(factor * logits + offset)))).reshape(len(which), -1)
    print(f"{FOLDS}-fold cross-validation over {len(which)} questions, nDCG@10:")
    print(f"  both legs {questions.value(which, None):.4f}")
    for weight in (0.3, 0.5, 0.7, 1.0):
        print(f"  with the reranker at a weight of {weight}: {questions.value(which, relevance, weight):.4f}", flush=True)
    return factor, offset


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("judged", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--groups", type=int, default=64, help="questions of a step on the documents")
    parser.add_argument("--rate", type=float, default=1e-4, help="learning rate on the documents")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    tokenizer, _, corpus, questions = prepared(options, options.device)

    def new() -> Trainer:
        model = transformers.AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=1)
        return Trainer(model.float().to(options.device), tokenizer, options.device)

    first, begun = new(), time.monotonic()
    everything = list(range(len(questions.queries)))
    first.train(
        lambda: [corpus.group(7) for _ in range(options.groups)],
        options.rate,
        lambda _: (time.monotonic() - begun) / (60 * options.minutes),
        "documents",
    )
    logits = first.score_all(questions.candidates(everything)).reshape(len(everything), -1)
    relevance = 1 / (1 + numpy.exp(-logits))
    print(f"after the documents alone, nDCG@10 at a weight of 0.5: {questions.value(everything, relevance):.4f}")

    learnt = {name: value.clone() for name, value in first.model.state_dict().items()}

    def make() -> Trainer:
        first.model.load_state_dict(learnt)
        return first

    factor, offset = cross_validate(make, questions, options.epochs)
    trainer = make()
    fine_tune(trainer, questions, everything, options.epochs, FOLDS)
    with torch.no_grad():
        trainer.model.classifier.weight *= factor
        trainer.model.classifier.bias.mul_(factor).add_(offset)
    trainer.model.half().save_pretrained(options.out)
    tokenizer.model_max_length = PAIR_TOKENS
    tokenizer.save_pretrained(options.out)
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
