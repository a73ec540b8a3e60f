"""Writes fixtures/architectures/ and fixtures/rerankers/: for each architecture a tiny checkpoint without its
weights, and what the sentence-transformers library makes of it. The weights follow from the tensors' names, here and in
architectures.rs, so that none are kept.

    pip install sentence-transformers
    python embed/tests/architectures.py
"""

import json
import pathlib
import shutil
import tempfile

import numpy
import torch
import transformers
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.models import Pooling, Transformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FIXTURES = pathlib.Path(__file__).parent / "fixtures" / "architectures"
RERANKERS = pathlib.Path(__file__).parent / "fixtures" / "rerankers"
MAX_TOKENS = 40
WORDS = 260
SIZES = {"hidden_size": 48, "num_hidden_layers": 4, "num_attention_heads": 3, "intermediate_size": 72}
POSITIONS = 64

TEXTS = [
    "",
    "a",
    "The cellar keeps twelve degrees all year round.",
    "La vendange commence à la mi-septembre, quand les baies ont atteint leur maturité.",
    "Die Kellertemperatur wird täglich um sieben Uhr geprüft; Größe: 3,5 ha.",
    "  Погреб   держит двенадцать градусов.\n\n葡萄園の収穫は九月。 🍇 ",
    "SELECT id FROM documents WHERE revision = 7; -- 100% <pad> [PAD] </s>",
    "one line of the vineyard was pruned and gave seven crates of grapes " * 6,
]
PROMPTS = {"query": "query: ", "document": "passage: "}


def word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=WORDS, special_tokens=special))
    return framed(tokenizer, "[CLS]", "[SEP]")


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=WORDS, special_tokens=special, unk_token="<unk>")
    tokenizer.train_from_iterator(TEXTS, trainer)
    return framed(tokenizer, "<s>", "</s>")


def byte_pairs() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return framed(tokenizer, "[CLS]", "[SEP]")


def framed(tokenizer: Tokenizer, first: str, last: str) -> Tokenizer:
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {last} $B {last}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (first, last)],
    )
    return tokenizer


def values(name: str, shape: list[int]) -> numpy.ndarray:
    """The weights of a tensor; `values` in architectures.rs computes the same bits."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32
    count = int(numpy.prod(shape))
    bits = numpy.uint32(seed) + numpy.arange(count, dtype=numpy.uint32) * numpy.uint32(2654435769)
    for shift, factor in [(16, 2246822507), (13, 3266489909)]:
        bits = (bits ^ (bits >> numpy.uint32(shift))) * numpy.uint32(factor)
    bits ^= bits >> numpy.uint32(16)
    uniform = (bits >> numpy.uint32(8)).astype(numpy.float64) / 2**24 - 0.5
    if len(shape) > 1:
        numbers = uniform * numpy.sqrt(12.0 / shape[-1])
    elif name.endswith("bias"):
        numbers = uniform * 0.2
    else:
        numbers = 1.0 + uniform * 0.2
    return numbers.astype(numpy.float32).reshape(shape)


def architectures() -> dict:
    distil = {"dim": 48, "n_layers": 4, "n_heads": 3, "hidden_dim": 72, "max_position_embeddings": POSITIONS}
    absolute = SIZES | {"max_position_embeddings": POSITIONS}
    roberta = absolute | {"type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-5}
    modern = absolute | {"local_attention": 12, "global_attn_every_n_layers": 3, "pad_token_id": 0}
    modern |= {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    # The class of the whole checkpoint decides the prefix of the tensors' names.
    return {
        "bert": (transformers.BertModel(transformers.BertConfig(vocab_size=WORDS, **absolute)), word_piece(), "mean", {}),
        "distilbert": (
            transformers.DistilBertModel(transformers.DistilBertConfig(vocab_size=WORDS, **distil)),
            word_piece(),
            "cls",
            {},
        ),
        "xlm-roberta": (
            transformers.XLMRobertaModel(transformers.XLMRobertaConfig(vocab_size=WORDS, **roberta)),
            unigram(),
            "mean",
            PROMPTS,
        ),
        "modernbert": (
            transformers.ModernBertModel(transformers.ModernBertConfig(vocab_size=300, **modern)),
            byte_pairs(),
            "cls",
            {"query": "search: "},
        ),
        "nomic_bert": (
            transformers.NomicBertModel(transformers.NomicBertConfig(vocab_size=WORDS, **absolute)),
            word_piece(),
            "mean",
            {"query": "search_query: ", "document": "search_document: "},
        ),
    }


def write(name: str, model, tokenizer: Tokenizer, pooling: str, prompts: dict) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        base, saved = pathlib.Path(temporary) / "base", pathlib.Path(temporary) / "saved"
        model.save_pretrained(base)
        weights = load_file(base / "model.safetensors")
        shapes = {tensor: list(weights[tensor].shape) for tensor in sorted(weights)}
        weights = {tensor: torch.from_numpy(values(tensor, shape)) for tensor, shape in shapes.items()}
        save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
        special = {
            "cls_token": "<s>" if pooling == "mean" and name == "xlm-roberta" else "[CLS]",
            "sep_token": "</s>" if name == "xlm-roberta" else "[SEP]",
            "pad_token": "<pad>" if name == "xlm-roberta" else "[PAD]",
            "unk_token": "<unk>" if name == "xlm-roberta" else "[UNK]",
        }
        fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS, **special)
        fast.save_pretrained(base)

        transformer = Transformer(str(base), max_seq_length=MAX_TOKENS)
        network = SentenceTransformer(
            modules=[transformer, Pooling(48, pooling_mode=pooling)], prompts=prompts, device="cpu"
        )
        network.save(str(saved))
        network = SentenceTransformer(str(saved), device="cpu").eval()
        cases = []
        for text in TEXTS:
            for role, encode in [("plain", network.encode), ("query", network.encode_query), ("passage", network.encode_document)]:
                vector = encode(text, normalize_embeddings=True)
                tokens = len(network.tokenizer(text, truncation=False)["input_ids"])
                cases.append({"text": text, "input": role, "tokens": tokens, "vector": [float(f"{x:.8g}") for x in vector]})

        folder = FIXTURES / name
        shutil.rmtree(folder, ignore_errors=True)
        for file in saved.rglob("*.json"):
            target = folder / file.relative_to(saved)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        (folder / "shapes.json").write_text(json.dumps(shapes, indent=0) + "\n")
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
        (folder / "reference.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        print(name, len(shapes), "tensors", [case["tokens"] for case in cases[::3]], "tokens")


def rerankers() -> dict:
    one = {"num_labels": 1, "max_position_embeddings": POSITIONS}
    distil = {"dim": 48, "n_layers": 4, "n_heads": 3, "hidden_dim": 72, "vocab_size": WORDS}
    roberta = {"type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-5, "vocab_size": WORDS}
    return {
        "bert": (
            transformers.BertForSequenceClassification(transformers.BertConfig(vocab_size=WORDS, **SIZES, **one)),
            typed(word_piece()),
        ),
        "distilbert": (
            transformers.DistilBertForSequenceClassification(transformers.DistilBertConfig(**distil, **one)),
            word_piece(),
        ),
        "xlm-roberta": (
            transformers.XLMRobertaForSequenceClassification(transformers.XLMRobertaConfig(**SIZES, **roberta, **one)),
            unigram(),
        ),
    }


def typed(tokenizer: Tokenizer) -> Tokenizer:
    """The second text is of type 1, as in BERT's own tokenizer."""
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def write_reranker(name: str, model, tokenizer: Tokenizer) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        model.save_pretrained(folder)
        weights = load_file(folder / "model.safetensors")
        shapes = {tensor: list(weights[tensor].shape) for tensor in sorted(weights)}
        weights = {tensor: torch.from_numpy(values(tensor, shape)) for tensor, shape in shapes.items()}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        special = {"pad_token": "<pad>", "unk_token": "<unk>"} if name == "xlm-roberta" else {"pad_token": "[PAD]"}
        names = ["input_ids", "token_type_ids", "attention_mask"] if name == "bert" else ["input_ids", "attention_mask"]
        fast = transformers.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, model_max_length=MAX_TOKENS, model_input_names=names, **special
        )
        fast.save_pretrained(folder)
        network = CrossEncoder(str(folder), device="cpu", max_length=MAX_TOKENS)
        # Which of two texts of nearly the same length keeps a token more differs between versions of the tokenizer's
        # library.
        tokens = {text: len(tokenizer.encode(text).ids) for text in TEXTS}
        pairs = [(query, passage) for query in TEXTS[1:4] for passage in TEXTS if abs(tokens[query] - tokens[passage]) > 1]
        scores = network.predict(pairs, activation_fn=torch.nn.Identity())
        cases = [
            {"query": query, "passage": passage, "score": float(f"{score:.8g}")}
            for (query, passage), score in zip(pairs, scores)
        ]
        target = RERANKERS / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy(folder / file, target / file)
        (target / "shapes.json").write_text(json.dumps(shapes, indent=0) + "\n")
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
        (target / "reference.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        print(name, len(shapes), "tensors, scores from", min(scores), "to", max(scores))


def main() -> None:
    for name, (model, tokenizer) in rerankers().items():
        write_reranker(name, model.eval(), tokenizer)
    for name, (model, tokenizer, pooling, prompts) in architectures().items():
        write(name, model.eval(), tokenizer, pooling, prompts)


if __name__ == "__main__":
    main()
