"""Writes fixtures/tokenizers/: for each way that models cut text into tokens a small vocabulary, as GGUF and as
tokenizer.json, and what the library that the models were trained with makes of many texts. The test in
src/tokens/tests.rs reads it; with TERROIR_TOKENIZERS it reads another folder, for more texts than are kept:

    pip install tokenizers sentencepiece gguf
    python generate/tests/vocabularies.py
    python generate/tests/vocabularies.py /tmp/tokenizers 2000
"""

import io
import json
import pathlib
import random
import sys

import gguf
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FIXTURES = pathlib.Path(__file__).parent / "fixtures" / "tokenizers"
TOKENS = 700

# The patterns of the models' own tokenizer.json files.
LLAMA_3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN_2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
TEKKEN = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"

WORDS = """the cellar keeps twelve degrees all year round The Cellar HTTPServer camelCase I'LL don't we've it's
vendange commence à la mi-septembre, quand les baies ont atteint leur maturité. L’étiquette n’indique cœur Œuvre
Kellertemperatur wird täglich um sieben Uhr geprüft; Größe: Straße ÄÖÜß Погреб держит двенадцать градусов ёлка
葡萄園の収穫は九月。 日本語テキスト 地窖保持十二度 한국어 문장입니다 מרתף היין בקבוק القبو يحافظ वाइन का तहखाना ไวน์ในห้องใต้ดิน
🍇 👩‍👩‍👧‍👦 ¯\\_(ツ)_/¯ é e\u0301 ﬁ ½ ² Ⅳ ٣٤ १२ 0 7 12 345 6789 3.14 1,000,000 0x1F 2024-05-01 18:30 € $5 %
SELECT * FROM documents; fn main() { println!("hi"); } def f(x): return x**2 // a/b\\c #tag @user http://x.y/z?q=1&r=2
a==b != <= >= && || -> => :: ... — – “quoted” «guillemets» 'single' `code` ~tilde ^caret |pipe| [brackets] {braces}""".split()
SPACES = [" ", " ", " ", " ", " ", "", "  ", "   ", "\n", "\n\n", "\t", " \n ", "\r\n", "\u00a0", "\u3000", "    "]
LOOKALIKES = ["<|im_start|>", "<|im_end|>", "<s>", "</s>", "<unk>", "[INST]", "[/INST]", "<|im_", "<0x41>", "▁", "Ġ", "<tool_call>"]
CONTROLS = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "[INST]", "[/INST]"]


def texts(count: int) -> list[str]:
    rng = random.Random(7)
    fixed = ["", " ", "\n", "a", "  leading", "trailing  ", "\n\n\n x", "▁▁ a", "\x00\x01\x7f", "\ufffd", "\U0010ffff", "x" * 300]
    made = []
    for _ in range(count - len(fixed)):
        parts = []
        for _ in range(rng.randint(1, 14)):
            roll = rng.random()
            if roll < 0.8:
                parts.append(rng.choice(WORDS))
            elif roll < 0.9:
                parts.append(rng.choice(LOOKALIKES))
            else:
                parts.append(chr(rng.choice([rng.randint(32, 126), rng.randint(160, 0x2FFF), rng.randint(0x1F300, 0x1FAFF)])))
            parts.append(rng.choice(SPACES))
        made.append("".join(parts))
    return (fixed + made)[:count]


def corpus() -> list[str]:
    rng = random.Random(3)
    return [" ".join(rng.choice(WORDS) for _ in range(12)) for _ in range(600)]


def fragments(text: str, controls: dict[str, int]):
    """Leftmost, longest control tokens, and what is between them."""
    plain, at = "", 0
    while at < len(text):
        found = max((c for c in controls if text.startswith(c, at)), key=len, default=None)
        if found is None:
            plain, at = plain + text[at], at + 1
            continue
        if plain:
            yield plain
        yield controls[found]
        plain, at = "", at + len(found)
    if plain:
        yield plain


def write_gguf(path: pathlib.Path, model: str, tokens, types, **more) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(model)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if "pre" in more:
        writer.add_tokenizer_pre(more["pre"])
    if "merges" in more:
        writer.add_token_merges(more["merges"])
    if "scores" in more:
        writer.add_token_scores(more["scores"])
    writer.add_bos_token_id(more["bos"])
    writer.add_eos_token_id(more["eos"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def write_folder(path: pathlib.Path, tokenizer: Tokenizer) -> None:
    path.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path / "tokenizer.json"), pretty=False)
    (path / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": {"content": "</s>"}}))


def byte_level(name: str, folder: pathlib.Path, cut, whole_words: bool, normalizer, all_texts) -> dict:
    tokenizer = Tokenizer(models.BPE(ignore_merges=whole_words))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=TOKENS - len(CONTROLS), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    bare = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in CONTROLS])
    begin = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", begin)])
    size = tokenizer.get_vocab_size()
    tokens = [tokenizer.id_to_token(number) for number in range(size)]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]
    types = [3 if token in CONTROLS else 1 for token in tokens]
    write_gguf(folder / f"{name}.gguf", "gpt2", tokens, types, pre=name, merges=merges, bos=begin, eos=begin + 1)
    write_folder(folder / name, tokenizer)
    plain = [bare.encode(text).ids for text in all_texts]
    trusted = [tokenizer.encode(text, add_special_tokens=False).ids for text in all_texts]
    return {"gguf": {"plain": plain, "trusted": trusted}, "folder": None, "folder_adds_begin": True}


def sentence_pieces(folder: pathlib.Path, all_texts) -> dict:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_writer=model, model_type="bpe", vocab_size=TOKENS + 340,
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        control_symbols=CONTROLS[3:], split_digits=True, allow_whitespace_only_pieces=True,
        character_coverage=0.98, minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    size = processor.get_piece_size()
    tokens = [processor.id_to_piece(number) for number in range(size)]
    scores = [processor.get_score(number) for number in range(size)]
    types = []
    for number in range(size):
        if processor.is_unknown(number):
            types.append(2)
        elif processor.is_control(number):
            types.append(3)
        elif processor.is_byte(number):
            types.append(6)
        else:
            types.append(1)
    write_gguf(folder / "sentencepiece.gguf", "llama", tokens, types, scores=scores, bos=1, eos=2)
    controls = {tokens[number]: number for number in range(size) if types[number] == 3}
    plain = [processor.encode(text) for text in all_texts]
    trusted = []
    for text in all_texts:
        pieces = fragments(text, controls)
        trusted.append([token for piece in pieces for token in ([piece] if isinstance(piece, int) else processor.encode(piece))])

    # The same vocabulary as the transformers library converts it: merges in the order of the scores.
    vocabulary = {token: number for number, token in enumerate(tokens)}
    merges = []
    for token, number in vocabulary.items():
        if types[number] != 1:
            continue
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if types[vocabulary.get(left, 0)] == 1 and types[vocabulary.get(right, 0)] == 1:
                merges.append((left, right, scores[number], vocabulary[left], vocabulary[right]))
    merges.sort(key=lambda merge: (-merge[2], merge[3], merge[4]))
    tokenizer = Tokenizer(models.BPE(vocabulary, [merge[:2] for merge in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bare = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in CONTROLS])
    write_folder(folder / "sentencepiece", tokenizer)
    return {
        "gguf": {"plain": plain, "trusted": trusted},
        "folder": {
            "plain": [bare.encode(text, add_special_tokens=False).ids for text in all_texts],
            "trusted": [tokenizer.encode(text, add_special_tokens=False).ids for text in all_texts],
        },
        "folder_adds_begin": False,
    }


def main() -> None:
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    folder.mkdir(parents=True, exist_ok=True)
    all_texts = texts(count)
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    gpt_2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)

    def split(pattern: str):
        return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), bytes_only])

    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt_2])
    cases = {
        "gpt-2": byte_level("gpt-2", folder, gpt_2, False, None, all_texts),
        "smollm": byte_level("smollm", folder, digits, False, None, all_texts),
        "llama-bpe": byte_level("llama-bpe", folder, split(LLAMA_3), True, None, all_texts),
        "qwen2": byte_level("qwen2", folder, split(QWEN_2), False, normalizers.NFC(), all_texts),
        "tekken": byte_level("tekken", folder, split(TEKKEN), True, None, all_texts),
        "sentencepiece": sentence_pieces(folder, all_texts),
    }
    cases = json.dumps({"texts": all_texts, "cases": cases}, ensure_ascii=False, separators=(",", ":"))
    (folder / "cases.json").write_text(cases, encoding="utf-8")


if __name__ == "__main__":
    main()
