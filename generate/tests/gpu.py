"""How fast a generating model is on an NVIDIA GPU, beside the transformers library on the same card:

    pip install torch transformers gguf numpy
    python generate/tests/gpu.py TERROIR SmolLM2-135M-Instruct.Q4_1.gguf FOLDER [--texts 64] [--without-peer]

TERROIR is a program built with the feature `cuda`. FOLDER gets two GGUF files of the sizes of Llama 3.1 8B with random
weights, one in BF16 (16 GB) and one in Q4_K (4.6 GB); their tokenizer is that of the small model, filled up to 128,256
tokens. What is computed, and so how long it takes, does not depend on the weights. The library computes the BF16 sizes
with weights of its own (`sdpa` attention, a growing cache), each from 512 tokens, 128 written greedily one after the
other; then as many texts together as `--texts` says, from 128 tokens each.
"""

import argparse
import json
import pathlib
import subprocess
import time

import gguf
import numpy
import torch

HIDDEN, FEED_FORWARD, LAYERS, HEADS, KEY_HEADS, VOCABULARY = 4096, 14336, 32, 32, 8, 128256
PROMPT, OUTPUT, TOGETHER_PROMPT = 512, 128, 128
Q4_K = gguf.GGMLQuantizationType.Q4_K
BF16 = gguf.GGMLQuantizationType.BF16
# Of 256 weights: two 16-bit floats, twelve bytes of scales, 128 bytes of four-bit numbers.
Q4_K_BYTES = 144


def rows(shape: tuple[int, int], kind) -> numpy.ndarray:
    """Random weights as they lie in the file."""
    if kind == BF16:
        weights = torch.randn(shape, device="cuda", dtype=torch.bfloat16) / shape[1] ** 0.5
        return weights.view(torch.int16).cpu().numpy().view(numpy.uint8)
    blocks = torch.randint(0, 256, (shape[0], shape[1] // 256, Q4_K_BYTES), dtype=torch.uint8, device="cuda")
    blocks = blocks.cpu().numpy()
    # The numbers' scale and offset: about what a normal distribution of that width gets.
    scales = numpy.array([1.0, 7.5], dtype=numpy.float32) / (shape[1] ** 0.5 * 32 * 4)
    blocks[..., :4] = scales.astype(numpy.float16).view(numpy.uint8)
    return blocks.reshape(shape[0], -1)


def write(small: pathlib.Path, path: pathlib.Path, kind) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    fields = gguf.GGUFReader(small).fields
    texts = fields["tokenizer.ggml.tokens"].contents()
    fill = VOCABULARY - len(texts)
    writer.add_tokenizer_model(fields["tokenizer.ggml.model"].contents())
    writer.add_tokenizer_pre(fields["tokenizer.ggml.pre"].contents())
    writer.add_token_list(texts + [f"<|filled_{index}|>" for index in range(fill)])
    writer.add_token_types(fields["tokenizer.ggml.token_type"].contents() + [int(gguf.TokenType.UNUSED)] * fill)
    writer.add_token_merges(fields["tokenizer.ggml.merges"].contents())
    writer.add_bos_token_id(fields["tokenizer.ggml.bos_token_id"].contents())
    writer.add_eos_token_id(fields["tokenizer.ggml.eos_token_id"].contents())
    writer.add_chat_template(fields["tokenizer.chat_template"].contents())
    writer.add_context_length(8192)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500000.0)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(VOCABULARY)

    def add(name: str, *shape: int) -> None:
        if len(shape) == 1:
            writer.add_tensor(name, numpy.ones(shape, dtype=numpy.float32))
        else:
            writer.add_tensor(name, rows(shape, kind), raw_dtype=kind)

    keys = HIDDEN // HEADS * KEY_HEADS
    add("token_embd.weight", VOCABULARY, HIDDEN)
    add("output.weight", VOCABULARY, HIDDEN)
    add("output_norm.weight", HIDDEN)
    for layer in range(LAYERS):
        for name, *shape in [
            ("attn_norm", HIDDEN), ("ffn_norm", HIDDEN),
            ("attn_q", HIDDEN, HIDDEN), ("attn_k", keys, HIDDEN), ("attn_v", keys, HIDDEN),
            ("attn_output", HIDDEN, HIDDEN), ("ffn_gate", FEED_FORWARD, HIDDEN), ("ffn_up", FEED_FORWARD, HIDDEN),
            ("ffn_down", HIDDEN, FEED_FORWARD),
        ]:
            add(f"blk.{layer}.{name}.weight", *shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def own(program: str, model: pathlib.Path, texts: int) -> None:
    command = [program, "--json", "bench", "generate", "--model", str(model), "--device", "cuda", "--texts", str(texts)]
    command += ["--prompt-tokens", str(PROMPT), "--output-tokens", str(OUTPUT)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{model.name}: {done.stderr.strip()}", flush=True)
        return
    found = json.loads(done.stdout)
    names = ["prefill_tokens_per_s", "decode_tokens_per_s", "together_tokens_per_s"]
    names += ["grounded_tokens_per_s", "guessed_tokens_per_s"]
    numbers = ", ".join(f"{name.removesuffix('_tokens_per_s')} {found[name]:.0f}" for name in names if found.get(name))
    print(f"{model.name}, tokens per second: {numbers}; loaded in {found['load_ms'] / 1000:.1f} s", flush=True)


@torch.no_grad()
def peer(texts: int) -> None:
    import transformers

    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=FEED_FORWARD, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS, max_position_embeddings=8192,
    )
    with torch.device("cuda"):
        torch.set_default_dtype(torch.bfloat16)
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
        torch.set_default_dtype(torch.float32)

    def run(count: int, prompt: int, output: int) -> tuple[float, float]:
        """Seconds for reading, and for writing all but the first token."""
        ids = torch.randint(0, 49000, (count, prompt), device="cuda")
        torch.cuda.synchronize()
        begun = time.perf_counter()
        step = model(input_ids=ids, use_cache=True, logits_to_keep=1)
        token = step.logits[:, -1:].argmax(-1)
        torch.cuda.synchronize()
        read = time.perf_counter() - begun
        for _ in range(output - 1):
            step = model(input_ids=token, past_key_values=step.past_key_values, use_cache=True)
            token = step.logits[:, -1:].argmax(-1)
        torch.cuda.synchronize()
        return read, time.perf_counter() - begun - read

    run(1, PROMPT, 4)
    run(texts, TOGETHER_PROMPT, 4)
    read, written = run(1, PROMPT, OUTPUT)
    together = texts * OUTPUT / sum(run(texts, TOGETHER_PROMPT, OUTPUT))
    numbers = f"prefill {PROMPT / read:.0f}, decode {(OUTPUT - 1) / written:.0f}, together {together:.0f}"
    print(f"transformers, BF16, tokens per second: {numbers}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("small", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--without-peer", action="store_true")
    arguments = parser.parse_args()
    print(torch.cuda.get_device_name(0), flush=True)
    own(arguments.program, arguments.small, arguments.texts)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, kind in [("llama-8b-q4_k.gguf", Q4_K), ("llama-8b-bf16.gguf", BF16)]:
        path = arguments.folder / name
        if not path.exists():
            begun = time.perf_counter()
            write(arguments.small, path, kind)
            print(f"{name} written in {time.perf_counter() - begun:.0f} s", flush=True)
        own(arguments.program, path, arguments.texts)
    if not arguments.without_peer:
        peer(arguments.texts)


if __name__ == "__main__":
    main()
