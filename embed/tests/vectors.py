"""Writes vectors of the sentence-transformers library for passages, to be compared by examples/compare.rs:

    pip install sentence-transformers
    python embed/tests/vectors.py MODEL_FOLDER corpus.jsonl COUNT vectors.json
"""

import itertools
import json
import sys

from sentence_transformers import SentenceTransformer


def main() -> None:
    folder, corpus, count, target = sys.argv[1:]
    with open(corpus, encoding="utf-8") as lines:
        documents = [json.loads(line) for line in itertools.islice(lines, int(count))]
    texts = [f"{document['title']}\n{document['text']}" for document in documents]
    model = SentenceTransformer(folder, device="cpu")
    # The catalogue's folder leaves out modules.json, and with it the library does not see this limit.
    with open(f"{folder}/sentence_bert_config.json", encoding="utf-8") as config:
        model.max_seq_length = json.load(config).get("max_seq_length") or model.max_seq_length
    vectors = model.encode_document(texts, normalize_embeddings=True)
    cases = [{"text": text, "vector": [float(x) for x in vector]} for text, vector in zip(texts, vectors)]
    with open(target, "w", encoding="utf-8") as file:
        json.dump(cases, file)
    print(len(cases), "texts,", model.max_seq_length, "tokens at most")


if __name__ == "__main__":
    main()
