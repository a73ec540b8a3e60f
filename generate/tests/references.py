"""Writes small models with random weights and what the transformers library computes with them: references for
another implementation of the same architectures.

    pip install torch transformers peft safetensors tokenizers numpy
    python generate/tests/references.py FOLDER [NAME ...]

The weights follow from the tensors' names and every run writes the same; they are scaled so that attention is not
even and logits are not flat. FOLDER holds a folder per model and storage type, `llama-f32`, `llama-bf16`, and so on:

    config.json             as published checkpoints have it: `rope_theta`, `rope_scaling`, `torch_dtype`
    config.recent.json      the same model as transformers 5 writes it: `rope_parameters`, `dtype`
    tokenizer.json          byte-level BPE, no token before or after a text; with tokenizer_config.json
    model.safetensors       in the storage type
    reference.json          {"name", "dtype", "prompts": [{"text", "tokens"}, ...], "greedy_tokens"}
    reference.safetensors   for prompt N from 0 on:
        prompt.N.ids         i32 (tokens)              ids of the text, by tokenizer.json too
        prompt.N.logits      f32 (tokens, vocabulary)  at every position of the prompt
        prompt.N.greedy      i32 (greedy_tokens)       highest logit, token after token; end tokens do not stop it
        prompt.N.margins     f32 (greedy_tokens)       by how much it was higher than the second
    adapters/NAME/          `llama-f32` only: adapter_config.json and adapter_model.safetensors of the peft library,
                            and a reference.json and reference.safetensors of the model with this adapter

All of it is computed in f32, from bf16 weights too: they are rounded, the arithmetic is not. Where a margin is smaller
than the error of an implementation its token may differ, and the tokens after it with it.
"""

import copy
import json
import pathlib
import shutil
import sys
import zlib

import numpy
import peft
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = pathlib.Path(__file__).parents[2]
VOCABULARY = 512
GREEDY_TOKENS = 32
PROMPT_TOKENS = [40, 150]
STORAGE = {"f32": torch.float32, "bf16": torch.bfloat16}

SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "tie_word_embeddings": False,
}
# Of 9 heads and a width that is no power of two, as SmolLM2-135M.
WIDE = {
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 2,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "tie_word_embeddings": True,
}
# Short enough that the 150 tokens pass the original length, and that wavelengths fall on both sides of every bound.
SCALED = {"original_max_position_embeddings": 64}


def architectures() -> dict:
    """Name → configuration class, what differs from SIZES, rope_theta, rope_scaling."""
    llama, mistral = transformers.LlamaConfig, transformers.MistralConfig
    qwen2, qwen3 = transformers.Qwen2Config, transformers.Qwen3Config
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0} | SCALED
    yarn = {"rope_type": "yarn", "factor": 4.0} | SCALED
    return {
        "llama": (llama, {}, 10000.0, None),
        "llama-tied": (llama, {"tie_word_embeddings": True}, 10000.0, None),
        "llama-wide": (llama, WIDE, 100000.0, None),
        "llama-no-groups": (llama, {"num_key_value_heads": 4, "rms_norm_eps": 1e-5}, 10000.0, None),
        "llama-biases": (llama, {"attention_bias": True, "mlp_bias": True}, 10000.0, None),
        "llama-rope-llama3": (llama, {}, 500000.0, llama3),
        "llama-rope-linear": (llama, {}, 10000.0, {"rope_type": "linear", "factor": 4.0}),
        "llama-rope-yarn": (llama, {}, 10000.0, yarn),
        "mistral-window": (mistral, {"sliding_window": 16, "head_dim": 32}, 10000.0, None),
        "mistral-head-size": (mistral, {"sliding_window": None, "head_dim": 48}, 1000000.0, None),
        "qwen2": (qwen2, {}, 1000000.0, None),
        "qwen2-tied-yarn": (qwen2, {"tie_word_embeddings": True}, 1000000.0, yarn),
        "qwen3": (qwen3, {"head_dim": 48}, 1000000.0, None),
        "qwen3-tied": (qwen3, {"head_dim": 48, "tie_word_embeddings": True}, 1000000.0, None),
    }


def tokenizer() -> tuple[Tokenizer, list[str]]:
    """Trained on texts of the project; and the prompts: the beginnings of those texts."""
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in ("README.md", "docs/guide-fr.md")]
    result = Tokenizer(models.BPE())
    result.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    result.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|start|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    result.train_from_iterator(texts, trainer)
    prompts = []
    for count, text in zip(PROMPT_TOKENS, texts):
        words = text.split(" ")
        fitting = 1
        while len(result.encode(" ".join(words[: fitting + 1])).ids) <= count:
            fitting += 1
        prompts.append(" ".join(words[:fitting]))
    return result, prompts


def values(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The weights of a tensor, by its name."""
    noise = numpy.random.Generator(numpy.random.PCG64(zlib.crc32(name.encode()))).standard_normal(shape)
    if name.endswith("bias"):
        noise *= 0.2
    elif len(shape) == 1:
        noise = 1.0 + 0.1 * noise
    elif "embed_tokens" in name:
        # Small beside what the layers add: where embedding and output are one, a token would follow itself for ever.
        noise *= 0.15 / numpy.sqrt(shape[-1] / 128)
    elif "q_proj" in name or "k_proj" in name:
        noise *= 1.6 / numpy.sqrt(shape[-1])
    elif "lm_head" in name:
        noise *= 3.0 / numpy.sqrt(shape[-1])
    else:
        noise *= 1.0 / numpy.sqrt(shape[-1])
    return torch.from_numpy(noise.astype(numpy.float32))


def fill(model: torch.nn.Module, storage: torch.dtype, only: str = "") -> None:
    """Sets the parameters with `only` in their names, rounded to the storage type."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if only in name:
                parameter.copy_(values(name, tuple(parameter.shape)).to(storage))


def reference(folder: pathlib.Path, name: str, model: torch.nn.Module, tokenizer: Tokenizer, prompts: list[str]) -> None:
    """Of the prompts through the model, to the folder."""
    tensors, described, dtype = {}, [], name.rsplit("-", 1)[1]
    for index, text in enumerate(prompts):
        ids = tokenizer.encode(text).ids
        logits = of(model, ids)
        greedy, margins = [], []
        for _ in range(GREEDY_TOKENS):
            # Everything again for each token: no cache of keys and values that could be wrong.
            best = of(model, ids + greedy)[-1].topk(2)
            greedy.append(int(best.indices[0]))
            margins.append(float(best.values[0] - best.values[1]))
        tensors[f"prompt.{index}.ids"] = torch.tensor(ids, dtype=torch.int32)
        tensors[f"prompt.{index}.logits"] = logits.contiguous()
        tensors[f"prompt.{index}.greedy"] = torch.tensor(greedy, dtype=torch.int32)
        tensors[f"prompt.{index}.margins"] = torch.tensor(margins, dtype=torch.float32)
        described.append({"text": text, "tokens": len(ids)})
        spread = f"logits {logits.std():.2f} ± around their mean, smallest margin {min(margins):.4f}"
        print(f"{folder}: {len(ids)} tokens, {spread}, {len(set(greedy))} different tokens follow")
    save_file(tensors, folder / "reference.safetensors")
    described = {"name": name, "dtype": dtype, "prompts": described, "greedy_tokens": GREEDY_TOKENS}
    (folder / "reference.json").write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def of(model: torch.nn.Module, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0].float()


def write_configs(folder: pathlib.Path, storage: str, theta: float, scaling: dict | None) -> None:
    recent = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.recent.json").write_text(json.dumps(recent, indent=1) + "\n")
    published = {key: value for key, value in recent.items() if key not in ("rope_parameters", "dtype")}
    published |= {"rope_theta": theta, "rope_scaling": scaling, "torch_dtype": str(STORAGE[storage]).split(".")[1]}
    (folder / "config.json").write_text(json.dumps(published, indent=1) + "\n")


def write(root: pathlib.Path, name: str, storage: str, tokenizer: Tokenizer, prompts: list[str]) -> None:
    kind, changes, theta, scaling = architectures()[name]
    parameters = {"rope_type": "default"} | (scaling or {}) | {"rope_theta": theta}
    config = kind(**(SIZES | changes), rope_parameters=parameters, attn_implementation="eager")
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    fill(model, STORAGE[storage])

    folder = root / f"{name}-{storage}"
    shutil.rmtree(folder, ignore_errors=True)
    # A copy: the conversion rounds the rotations' frequencies too, and they would stay rounded.
    copy.deepcopy(model).to(STORAGE[storage]).save_pretrained(folder)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|start|>", eos_token="<|end|>", model_max_length=512
    )
    fast.save_pretrained(folder)
    write_configs(folder, storage, theta, scaling)
    reference(folder, f"{name}-{storage}", model, tokenizer, prompts)

    # What stands in the folder is what was computed, whichever of the two configurations is read.
    again = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    ids = tokenizer.encode(prompts[-1]).ids
    assert torch.equal(of(again.eval(), ids), of(model, ids)), f"{folder} gives other logits when it is read again"
    if (name, storage) == ("llama", "f32"):
        write_adapters(folder, again, tokenizer, prompts)


def write_adapters(folder: pathlib.Path, base: torch.nn.Module, tokenizer: Tokenizer, prompts: list[str]) -> None:
    attention = ["q_proj", "v_proj"]
    everything = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    adapters = {
        "attention": peft.LoraConfig(r=8, lora_alpha=16, target_modules=attention, task_type="CAUSAL_LM"),
        # Scaled by alpha / √r instead of alpha / r.
        "everything": peft.LoraConfig(
            r=4, lora_alpha=2, target_modules=everything, use_rslora=True, task_type="CAUSAL_LM"
        ),
    }
    for name, config in adapters.items():
        model = peft.get_peft_model(base, config, adapter_name=name)
        fill(model, torch.float32, only=f".{name}.weight")
        model.save_pretrained(folder / "adapters")
        saved = folder / "adapters" / name
        (saved / "README.md").unlink(missing_ok=True)
        described = json.loads((saved / "adapter_config.json").read_text(encoding="utf-8"))
        described |= {"base_model_name_or_path": folder.name, "target_modules": sorted(described["target_modules"])}
        (saved / "adapter_config.json").write_text(json.dumps(described, indent=1) + "\n")
        reference(saved, folder.name, model, tokenizer, prompts)
        base = model.unload()


def main() -> None:
    root, names = pathlib.Path(sys.argv[1]), sys.argv[2:] or list(architectures())
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    shared = tokenizer()
    for name in names:
        for storage in STORAGE:
            write(root, name, storage, *shared)


if __name__ == "__main__":
    main()
