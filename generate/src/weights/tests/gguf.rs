//! GGUF: shapes by architecture, positions, split files, damage.

use std::io::Write as _;
use std::path::PathBuf;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use super::{close, refusal};
use crate::tiny::{FEED_FORWARD, HIDDEN, LAYERS, Tiny, VOCABULARY};
use crate::weights::*;

#[expect(clippy::unnecessary_wraps, reason = "beside keys that are taken away: none")]
fn count(count: usize) -> Option<Value> {
    Some(Value::U32(count as u32))
}

#[expect(clippy::unnecessary_wraps, reason = "beside keys that are taken away: none")]
fn text(text: &str) -> Option<Value> {
    Some(Value::String(text.into()))
}

/// The tiny Llama under another name.
fn renamed(architecture: &str) -> Tiny {
    let mut tiny = Tiny::new();
    for (key, _) in &mut tiny.metadata {
        if let Some(end) = key.strip_prefix("llama.") {
            *key = format!("{architecture}.{end}");
        }
    }
    tiny.set("general.architecture", Value::String(architecture.into()));
    tiny
}

fn add(tiny: &mut Tiny, name: &str, shape: &[usize]) {
    tiny.without(name);
    let values = (0..shape.iter().product::<usize>()).map(|index| 1.0 + index as f32 / 8.0).collect();
    tiny.tensors.push((name.to_owned(), shape.to_vec(), values));
}

fn qwen2() -> Tiny {
    let mut tiny = renamed("qwen2");
    for layer in 0..LAYERS {
        add(&mut tiny, &format!("blk.{layer}.attn_q.bias"), &[32]);
        add(&mut tiny, &format!("blk.{layer}.attn_k.bias"), &[16]);
        add(&mut tiny, &format!("blk.{layer}.attn_v.bias"), &[16]);
    }
    tiny
}

/// Four heads of 16 on a width of 32.
fn qwen3() -> Tiny {
    let mut tiny = renamed("qwen3");
    for key in ["key_length", "value_length"] {
        tiny.set(&format!("qwen3.attention.{key}"), Value::U32(16));
    }
    for layer in 0..LAYERS {
        for (part, shape) in [
            ("attn_q", &[64, 32][..]),
            ("attn_k", &[32, 32]),
            ("attn_v", &[32, 32]),
            ("attn_output", &[32, 64]),
            ("attn_q_norm", &[16]),
            ("attn_k_norm", &[16]),
        ] {
            add(&mut tiny, &format!("blk.{layer}.{part}.weight"), shape);
        }
    }
    tiny
}

#[test]
fn shapes_of_every_architecture() {
    let mut llama = Tiny::new();
    add(&mut llama, "output.weight", &[VOCABULARY, HIDDEN]);
    llama.set("llama.attention.sliding_window", Value::U32(64));
    for (tiny, head_size, pairing, window, output) in [
        (llama, 8, Pairing::Interleaved, Some(64), true),
        (qwen2(), 8, Pairing::Halves, None, false),
        (qwen3(), 16, Pairing::Halves, None, false),
    ] {
        let mut weights = Weights::open(&tiny.write()).expect("opens");
        let shape = weights.shape().clone();
        assert_eq!((shape.layers, shape.hidden, shape.feed_forward), (LAYERS, HIDDEN, FEED_FORWARD));
        assert_eq!((shape.heads, shape.key_heads, shape.head_size), (4, 2, head_size));
        assert_eq!((shape.vocabulary, shape.context_tokens, shape.window_tokens), (VOCABULARY, 256, window));
        assert_eq!((shape.rope.pairing, shape.rope.magnitude), (pairing, 1.0));
        let expected = (0..head_size / 2).map(|pair| (pair, 10_000_f32.powf(-2.0 * pair as f32 / head_size as f32)));
        close(&shape.rope.frequencies, &expected.collect::<Vec<_>>());
        assert_eq!(shape.rope.frequencies.len(), head_size / 2);
        assert_eq!(weights.has("output.weight"), output);
        for (name, shape, values) in &tiny.tensors {
            let stored = weights.read(name).expect("reads");
            assert_eq!((&stored.shape, stored.kind), (shape, Kind::F32), "{name}");
            assert_eq!(&stored.floats(), values, "{name}");
        }
        assert!(weights.read("blk.0.nothing.weight").is_err());
    }
}

#[test]
fn positions_are_scaled_as_the_file_says() {
    let number = |number: f32| Some(Value::F32(number));
    let mut factors = Tiny::new();
    factors.tensors.push(("rope_freqs.weight".into(), vec![4], vec![1.0, 2.0, 4.0, 8.0]));
    let rope = Weights::open(&factors.write()).expect("opens").shape().rope.clone();
    close(&rope.frequencies, &[(0, 1.0), (1, 0.05), (2, 0.0025), (3, 0.000_125)]);
    for (keys, expected, magnitude) in [
        (vec![("type", text("linear")), ("factor", number(4.0))], [(0, 0.25), (3, 0.000_25)], 1.0),
        (vec![("type", text("none")), ("factor", number(4.0))], [(0, 1.0), (3, 0.001)], 1.0),
        // Beyond the ramp all of it is divided; the magnitude is 0.1 ln 4 + 1.
        (vec![("type", text("yarn")), ("factor", number(4.0))], [(0, 1.0), (3, 0.000_25)], 1.138_629_4),
    ] {
        let mut tiny = Tiny::new();
        for (key, value) in keys {
            tiny.set(&format!("llama.rope.scaling.{key}"), value.expect("a value"));
        }
        let rope = Weights::open(&tiny.write()).expect("opens").shape().rope.clone();
        close(&rope.frequencies, &expected);
        assert!((rope.magnitude - magnitude).abs() < 1e-6, "{}", rope.magnitude);
    }
}

#[test]
fn what_would_be_computed_wrongly_or_is_damaged_is_refused_by_name() {
    let huge = Some(Value::U64(u64::MAX));
    for (key, value) in [
        ("general.architecture", None),
        ("llama.block_count", None),
        ("llama.block_count", count(0)),
        ("llama.block_count", huge.clone()),
        ("llama.block_count", text("two")),
        ("llama.embedding_length", Some(Value::I32(-4))),
        ("llama.feed_forward_length", Some(Value::Array(vec![Value::U32(64), Value::U32(32)]))),
        ("llama.attention.head_count", count(5)),
        ("llama.attention.head_count_kv", count(3)),
        ("llama.attention.head_count_kv", Some(Value::Array(vec![Value::U32(2), Value::U32(1)]))),
        ("llama.attention.value_length", count(16)),
        ("llama.rope.dimension_count", count(4)),
        ("llama.rope.freq_base", Some(Value::F32(f32::NAN))),
        ("llama.rope.freq_base", Some(Value::F32(-1.0))),
        ("llama.rope.scaling.type", text("longrope")),
        ("llama.attention.layer_norm_rms_epsilon", Some(Value::F32(0.0))),
        ("llama.attention.causal", Some(Value::Bool(false))),
        ("llama.context_length", huge),
        ("llama.expert_count", count(8)),
        ("llama.logit_scale", Some(Value::F32(0.5))),
        ("tokenizer.ggml.tokens", text("no list")),
        ("general.alignment", count(0)),
        ("general.alignment", count(33)),
        ("split.count", count(2)),
    ] {
        let mut tiny = Tiny::new();
        tiny.without(key);
        if let Some(value) = value {
            tiny.set(key, value);
        }
        let reason = refusal(&tiny.write());
        assert!(reason.contains(key), "{key}: {reason}");
    }
    assert!(refusal(&renamed("mamba").write()).contains("`mamba`"));
}

#[test]
fn tensors_are_held_against_the_shape() {
    for (name, shape) in [
        ("token_embd.weight", Some(&[VOCABULARY - 1, HIDDEN][..])),
        ("blk.1.ffn_up.weight", None),
        ("blk.0.attn_k.weight", Some(&[HIDDEN, 16])),
        ("blk.0.attn_q.bias", Some(&[31])),
        ("rope_freqs.weight", Some(&[2])),
        ("output.weight", Some(&[HIDDEN, VOCABULARY])),
        ("blk.0.ffn_gate_inp.weight", Some(&[8, HIDDEN])),
        ("blk.2.attn_norm.weight", Some(&[HIDDEN])),
        ("blk.0.attn_q_norm.weight", Some(&[8])),
        ("blk.0.attn_sinks.weight", Some(&[4])),
    ] {
        let mut tiny = Tiny::new();
        tiny.without(name);
        if let Some(shape) = shape {
            add(&mut tiny, name, shape);
        }
        let reason = refusal(&tiny.write());
        assert!(reason.contains(name), "{name}: {reason}");
    }
    let mut tiny = qwen2();
    tiny.without("blk.1.attn_v.bias");
    assert!(refusal(&tiny.write()).contains("blk.1.attn_v.bias"));
    let mut tiny = qwen3();
    tiny.without("blk.0.attn_q_norm.weight");
    assert!(refusal(&tiny.write()).contains("blk.0.attn_q_norm.weight"));
}

/// Bytes of a header: each case breaks one thing that only its bytes can say.
#[test]
fn headers_that_lie_are_refused_before_anything_is_allocated() {
    let word = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let start = |version: u32, tensors: u64, keys: u64| {
        [&b"GGUF"[..], &version.to_le_bytes(), &tensors.to_le_bytes(), &keys.to_le_bytes()].concat()
    };
    let endless = u64::MAX.to_le_bytes();
    let list = |kind: u32, length: [u8; 8]| [&9_u32.to_le_bytes()[..], &kind.to_le_bytes(), &length].concat();
    let nested = [
        list(9, 1_u64.to_le_bytes())[..4].to_vec(),
        [9_u32.to_le_bytes().to_vec(), 1_u64.to_le_bytes().to_vec()].concat().repeat(9),
    ]
    .concat();
    let tensor = |dimensions: u32, sizes: &[u64], kind: u32| {
        let sizes = sizes.iter().flat_map(|size| size.to_le_bytes()).collect::<Vec<_>>();
        [start(3, 1, 0), word("t"), dimensions.to_le_bytes().to_vec(), sizes, kind.to_le_bytes().to_vec(), vec![0; 8]]
            .concat()
    };
    for (part, bytes) in [
        ("no GGUF", b"GGML\x03\0\0\0".to_vec()),
        ("version 1 ", start(1, 0, 0)),
        ("version 50331648", start(50_331_648, 0, 0)),
        ("header", start(3, u64::MAX, 0)),
        ("header", start(3, 0, 1 << 40)),
        ("header", [start(3, 0, 1), endless.to_vec(), vec![0; 20]].concat()),
        ("a.key", [start(3, 0, 1), word("a.key"), 8_u32.to_le_bytes().to_vec(), endless.to_vec()].concat()),
        ("a.key", [start(3, 0, 1), word("a.key"), 77_u32.to_le_bytes().to_vec(), vec![0; 20]].concat()),
        ("a.key", [start(3, 0, 1), word("a.key"), list(8, endless)].concat()),
        ("a.key", [start(3, 0, 1), word("a.key"), list(4, 1_000_000_u64.to_le_bytes())].concat()),
        ("a.key", [start(3, 0, 1), word("a.key"), nested].concat()),
        ("t: ", tensor(99, &[], 0)),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bad.gguf");
        std::fs::write(&path, bytes).expect("writes");
        let reason = refusal(&path);
        assert!(reason.contains(part), "{part}: {reason}");
    }
}

#[test]
fn formats_that_cannot_be_read_are_named() {
    let tiny = Tiny::new();
    let path = tiny.write();
    let mut bytes = std::fs::read(&path).expect("reads");
    let name = b"blk.0.attn_k.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).expect("the tensor is in the header");
    // Name, number of dimensions, two dimensions, then the format.
    bytes[at + name.len() + 4 + 16] = 23;
    std::fs::File::create(&path).and_then(|mut file| file.write_all(&bytes)).expect("writes");
    let reason = refusal(&path);
    assert!(
        reason.contains("blk.0.attn_k.weight") && reason.contains("number 23") && reason.contains("Q4_K"),
        "{reason}"
    );
}

fn write_part(tiny: &Tiny, name: &str, metadata: &[(&str, Value)], first: usize, last: usize) -> PathBuf {
    let path = tiny.directory.path().join(name);
    let tensors = tiny.tensors[first..last].iter().map(|(name, shape, values)| {
        let tensor = Tensor::from_slice(values, shape.as_slice(), &Device::Cpu).expect("a tensor");
        (name.as_str(), QTensor::quantize(&tensor, GgmlDType::F32).expect("floats"))
    });
    let tensors = tensors.collect::<Vec<_>>();
    let tensors = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect::<Vec<_>>();
    let metadata = metadata.iter().map(|(key, value)| (*key, value)).collect::<Vec<_>>();
    let mut file = std::fs::File::create(&path).expect("a file");
    gguf_file::write(&mut file, &metadata, &tensors).expect("writes");
    path
}

#[test]
fn a_split_model_is_opened_by_its_first_file() {
    let tiny = Tiny::new();
    let mut metadata = tiny.metadata.iter().map(|(key, value)| (key.as_str(), value.clone())).collect::<Vec<_>>();
    metadata.push(("split.count", Value::U16(2)));
    let split = [("split.no", Value::U16(1)), ("split.count", Value::U16(2))];
    let count = tiny.tensors.len();
    let first = write_part(&tiny, "part-00001-of-00002.gguf", &metadata, 0, 7);
    assert!(refusal(&first).contains("part-00002-of-00002.gguf"));
    let second = write_part(&tiny, "part-00002-of-00002.gguf", &split, 7, count);
    let mut weights = Weights::open(&first).expect("opens");
    for (name, _, values) in &tiny.tensors {
        assert_eq!(&weights.read(name).expect("reads").floats(), values, "{name}");
    }
    assert!(refusal(&second).contains("00001-of-00002.gguf"));
    write_part(&tiny, "part-00002-of-00002.gguf", &split, 6, count);
    assert!(refusal(&first).contains(&tiny.tensors[6].0), "a tensor in both files");
}
