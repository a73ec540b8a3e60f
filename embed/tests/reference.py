"""Writes fixtures/minilm_reference.json: vectors of the sentence-transformers library for the texts below.

    pip install sentence-transformers
    python embed/tests/reference.py data/models/all-MiniLM-L6-v2
"""

import json
import pathlib
import sys

from sentence_transformers import SentenceTransformer

TEXTS = [
    "",
    "Terroir",
    "The cellar keeps twelve degrees all year round.",
    "A quote is a verbatim range of characters in a stored revision of a document.",
    "La vendange commence à la mi-septembre, quand les baies ont atteint leur maturité.",
    "L’étiquette n’indique ni le cépage ni l’année : d’où vient ce vin ?",
    "Die Kellertemperatur wird täglich um sieben Uhr geprüft und aufgeschrieben.",
    "Weinbergsbodenuntersuchungsgebühren werden im März abgerechnet; Größe: 3,5 ha.",
    "🍇 → 🍷 in 14 days?! ¯\\_(ツ)_/¯",
    "line one\n\n\tline two\u00a0with a hard space, a soft\u00adhyphen and café twice: cafe\u0301",
    "SELECT id, title FROM documents WHERE revision = 7 AND removed_at IS NULL; -- 100%",
    " ".join(
        f"Row {row} of the vineyard was pruned on day {row * 3} and gave {row * 17 % 41} crates of grapes."
        for row in range(1, 40)
    ),
]


def main() -> None:
    # The folder holds the weights and the tokenizer; mean pooling is the library's own choice for it.
    model = SentenceTransformer(sys.argv[1], device="cpu")
    model.max_seq_length = 256
    cases = []
    for text in TEXTS:
        vector = model.encode(text, normalize_embeddings=True)
        tokens = len(model.tokenizer(text, truncation=False)["input_ids"])
        cases.append({"text": text, "tokens": tokens, "vector": [round(float(x), 6) for x in vector]})
    path = pathlib.Path(__file__).parent / "fixtures" / "minilm_reference.json"
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{path}: {[case['tokens'] for case in cases]} tokens")


if __name__ == "__main__":
    main()
