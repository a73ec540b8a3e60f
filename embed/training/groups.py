"""What is trained on: questions, each with a passage that answers it and with passages that do not."""

import random

import numpy
import torch
import transformers

import judged
from judged import Passage, Query

# Passages that a reranker reads again when it is measured here.
READ = 30
FOLDS = 5


class Group:
    """A question, a passage that answers it, and some that do not."""

    def __init__(self, question: list[int], answer: list[int], others: list[list[int]]):
        self.question, self.passages = question, [answer, *others]


def pick(chance: random.Random, among: list[int], count: int) -> list[int]:
    return chance.sample(among, count) if len(among) >= count else chance.choices(among, k=count)


class Corpus:
    """The documents, and for each sentence which passages are nearest to it."""

    def __init__(self, passages: list[Passage], found: torch.Tensor, spans: list[tuple[int, int]], chance: random.Random):
        self.passages, self.found, self.spans, self.chance = passages, found, spans, chance

    @classmethod
    def of(
        cls, passages: list[Passage], own: torch.Tensor, encoder, tokenizer, device: str, chance: random.Random
    ) -> "Corpus":
        """`own` are the passages' vectors."""
        # -1 is the title, which only the first passage of a document is asked for.
        first = {passage.document: index for index, passage in reversed(list(enumerate(passages)))}
        spans = [
            (index, part)
            for index, passage in enumerate(passages)
            for part in range(-1 if first[passage.document] == index else 0, len(passage.sentences))
            if len(passage.title if part == -1 else passage.sentences[part]) >= 6
        ]
        texts = [passages[index].title if part == -1 else passages[index].sentences[part] for index, part in spans]
        asked = judged.vectors(encoder, texts, tokenizer, device)
        depth = min(60, len(passages))
        found = torch.cat([(part @ own.T).topk(depth).indices.cpu() for part in asked.split(4096)])
        return cls(passages, found, spans, chance)

    def group(self, others: int) -> Group:
        chance = self.chance
        at = chance.randrange(len(self.spans))
        index, part = self.spans[at]
        own = self.passages[index]
        question = own.title if part == -1 else own.sentences[part]
        # People ask in fewer words than the documents have.
        kept = [token for token in question if chance.random() > 0.25] if chance.random() < 0.7 else question
        # The nearest may say the same as well.
        near = [one for one in self.found[at].tolist()[2:] if self.passages[one].document != own.document]
        near += [chance.randrange(len(self.passages)) for _ in range(max(0, others - len(near)))]
        chosen = pick(chance, near, others)
        without = part if chance.random() < 0.9 else None
        return Group(kept or question, own.ids(without), [self.passages[one].ids() for one in chosen])


class Questions:
    """The judged questions, and the passages that words and vectors find for each."""

    def __init__(self, passages: list[Passage], own: torch.Tensor, queries: list[Query], encoder, tokenizer, device: str):
        self.passages, self.queries, self.words = passages, queries, judged.Words(passages)
        asked = judged.vectors(encoder, [query.ids for query in queries], tokenizer, device)
        cosines = (asked @ own.T).cpu().numpy()
        self.found, self.mixed, self.answers = [], [], []
        for query, row in zip(queries, cosines, strict=True):
            mix = judged.both(row, self.words.scores(query.text))
            order = numpy.argsort(-mix)[:200]
            self.found.append(order.tolist())
            self.mixed.append(mix[order])
            # Of a relevant document the passage that is nearest to the question.
            best = {}
            for index, passage in enumerate(passages):
                known = best.get(passage.document)
                if passage.document in query.relevant and (known is None or mix[index] > mix[known]):
                    best[passage.document] = index
            self.answers.append(list(best.values()))

    def group(self, at: int, others: int, chance: random.Random) -> Group:
        query = self.queries[at]
        wrong = [one for one in self.found[at] if self.passages[one].document not in query.relevant]
        # The first of them more often than the last.
        chosen = pick(chance, wrong[:20], others // 2) + pick(chance, wrong[20:] or wrong, others - others // 2)
        answer = self.passages[chance.choice(self.answers[at])].ids()
        return Group(query.ids, answer, [self.passages[one].ids() for one in chosen])

    def batches(self, which: list[int], size: int, others: int, chance: random.Random):
        """A function that gives the next `size` groups, each question once before any comes again."""
        waiting = []

        def groups() -> list[Group]:
            while len(waiting) < size:
                waiting.extend(chance.sample(which, len(which)))
            return [self.group(waiting.pop(), others, chance) for _ in range(size)]

        return groups

    def candidates(self, which: list[int]) -> list[tuple[list[int], list[int]]]:
        return [(self.queries[at].ids, self.passages[one].ids()) for at in which for one in self.found[at][:READ]]

    def relevant(self, which: list[int]) -> numpy.ndarray:
        """Of the candidates."""
        found = [(self.queries[at].relevant, self.passages[one].document) for at in which for one in self.found[at][:READ]]
        return numpy.array([document in relevant for relevant, document in found])

    def value(self, which: list[int], relevance: numpy.ndarray | None, weight: float = 0.5) -> float:
        """nDCG@10 where the first passages are put in order by both numbers."""
        total = 0.0
        for row, at in enumerate(which):
            order = self.found[at]
            if relevance is not None:
                placed = weight * relevance[row] + (1 - weight) * self.mixed[at][:READ]
                order = [order[index] for index in numpy.argsort(-placed, kind="stable")] + order[READ:]
            total += judged.ndcg(self.passages, order, self.queries[at])
        return total / len(which)


def prepared(options, device: str):
    """Tokenizer, embedding model, and what is trained on, as a program's arguments name them."""
    torch.manual_seed(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    passages, queries = judged.read(options.judged, tokenizer)
    print(f"{len(passages)} passages, {len(queries)} judged questions", flush=True)
    encoder = transformers.AutoModel.from_pretrained(options.model).float().to(device).eval()
    own = judged.vectors(encoder, [passage.ids() for passage in passages], tokenizer, device)
    corpus = Corpus.of(passages, own, encoder, tokenizer, device, random.Random(1))
    return tokenizer, encoder, corpus, Questions(passages, own, queries, encoder, tokenizer, device)
