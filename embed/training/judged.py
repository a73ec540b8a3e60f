"""What a folder in the BEIR layout holds, cut into passages, and what retrieval without training finds in it."""

import collections
import csv
import json
import math
import pathlib
import re

import numpy
import torch

SENTENCE = re.compile(r"(?<=[.!?])\s+")
WORD = re.compile(r"\w+")
PASSAGE_TOKENS = 180
EMBEDDED_TOKENS = 256


class Passage:
    """Consecutive sentences of a document, each as token ids; read with the document's title before them."""

    def __init__(self, document: str, title: list[int], sentences: list[list[int]], text: str):
        self.document, self.title, self.sentences, self.text = document, title, sentences, text

    def ids(self, without: int | None = None) -> list[int]:
        """`without` a sentence, or with -1 without the title."""
        parts = [] if without == -1 else [self.title]
        parts += [sentence for index, sentence in enumerate(self.sentences) if index != without]
        return [token for part in parts for token in part]


class Query:
    def __init__(self, text: str, ids: list[int], relevant: set[str]):
        self.text, self.ids, self.relevant = text, ids, relevant


def lines(path: pathlib.Path) -> list[dict]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def read(folder: pathlib.Path, tokenizer) -> tuple[list[Passage], list[Query]]:
    """All passages; and the queries that have a relevant document, in the order of the file."""

    def ids(texts: list[str]) -> list[list[int]]:
        return tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []

    passages = []
    for document in lines(folder / "corpus.jsonl"):
        title, sentences = document.get("title") or "", SENTENCE.split(document["text"])
        [title_ids, *sentence_ids] = ids([title, *sentences])
        start, length = 0, 0
        for index, sentence in enumerate(sentence_ids):
            if index > start and length + len(sentence) > PASSAGE_TOKENS:
                text = f"{title}\n{' '.join(sentences[start:index])}"
                passages.append(Passage(document["_id"], title_ids, sentence_ids[start:index], text))
                start, length = index, 0
            length += len(sentence)
        text = f"{title}\n{' '.join(sentences[start:])}"
        passages.append(Passage(document["_id"], title_ids, sentence_ids[start:], text))

    relevant, known = collections.defaultdict(set), {passage.document for passage in passages}
    with open(folder / "qrels" / "test.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if int(row["score"]) > 0 and row["corpus-id"] in known:
                relevant[row["query-id"]].add(row["corpus-id"])
    queries = [query for query in lines(folder / "queries.jsonl") if query["_id"] in relevant]
    query_ids = ids([query["text"] for query in queries])
    return passages, [
        Query(query["text"], ids, relevant[query["_id"]]) for query, ids in zip(queries, query_ids, strict=True)
    ]


class Words:
    """BM25 (k1 = 1.2, b = 0.75) over words as they stand."""

    def __init__(self, passages: list[Passage]):
        counts = [collections.Counter(WORD.findall(passage.text.lower())) for passage in passages]
        lengths = numpy.array([sum(count.values()) for count in counts], dtype=numpy.float32)
        norms = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
        found = collections.defaultdict(list)
        for index, count in enumerate(counts):
            for word, times in count.items():
                found[word].append((index, times))
        self.postings, self.count = {}, len(passages)
        for word, entries in found.items():
            at = numpy.array([index for index, _ in entries])
            times = numpy.array([times for _, times in entries], dtype=numpy.float32)
            rarity = math.log(1 + (self.count - len(entries) + 0.5) / (len(entries) + 0.5))
            self.postings[word] = at, rarity * 2.2 * times / (times + norms[at])

    def scores(self, text: str) -> numpy.ndarray:
        scores = numpy.zeros(self.count, dtype=numpy.float32)
        for word in set(WORD.findall(text.lower())):
            if word in self.postings:
                at, weights = self.postings[word]
                scores[at] += weights
        return scores


def padded(rows: list[list[int]], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """`(rows, longest)`: the ids, and where they are."""
    longest = -(-max(map(len, rows)) // 8) * 8
    ids, mask = numpy.zeros((len(rows), longest), dtype=numpy.int64), numpy.zeros((len(rows), longest), dtype=numpy.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)], mask[index, : len(row)] = row, 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def embed(model, rows: list[list[int]], tokenizer, device: str) -> torch.Tensor:
    """Of unit length `(rows, hidden)`: the mean of the last layer's states."""
    framed = [[tokenizer.cls_token_id, *row[: EMBEDDED_TOKENS - 2], tokenizer.sep_token_id] for row in rows]
    ids, mask = padded(framed, device)
    with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
        states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    means = (states.float() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return torch.nn.functional.normalize(means, dim=1)


@torch.no_grad()
def vectors(model, rows: list[list[int]], tokenizer, device: str) -> torch.Tensor:
    """[`embed`] of any number of rows, to be compared with and not to be trained."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    out = torch.empty(len(rows), model.config.hidden_size, device=device)
    for start in range(0, len(order), 256):
        batch = order[start : start + 256]
        out[batch] = embed(model, [rows[index] for index in batch], tokenizer, device)
    return out


def both(cosines: numpy.ndarray, words: numpy.ndarray, weight: float = 0.6) -> numpy.ndarray:
    """Each leg from 0 to 1 over the passages."""
    low, high = cosines.min(), cosines.max()
    return weight * (cosines - low) / max(high - low, 1e-9) + (1 - weight) * words / max(words.max(), 1e-9)


def ndcg(passages: list[Passage], order: list[int], query: Query, depth: int = 10) -> float:
    """Of the documents, each where its first passage stands."""
    documents = list(dict.fromkeys(passages[index].document for index in order))[:depth]
    gain = sum(1 / math.log2(rank + 2) for rank, document in enumerate(documents) if document in query.relevant)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(depth, len(query.relevant))))
