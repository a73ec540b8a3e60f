//! Tiny checkpoints whose weights follow from the names of their tensors.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{Device, Tensor};
use tempfile::TempDir;

pub fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in fs_err::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs_err::copy(entry.path(), target).unwrap();
        }
    }
}

/// The weights of a tensor; `values` in architectures.py computes the same bits.
fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let seed = name.bytes().fold(2_166_136_261_u32, |seed, byte| (seed ^ u32::from(byte)).wrapping_mul(16_777_619));
    let scale = (12.0 / *shape.last().unwrap() as f64).sqrt();
    let number = |index: u32| {
        let mut bits = seed.wrapping_add(index.wrapping_mul(2_654_435_769));
        for (shift, factor) in [(16, 2_246_822_507), (13, 3_266_489_909)] {
            bits = (bits ^ (bits >> shift)).wrapping_mul(factor);
        }
        bits ^= bits >> 16;
        let uniform = f64::from(bits >> 8) / 16_777_216.0 - 0.5;
        let number = match (shape.len(), name.ends_with("bias")) {
            (1, true) => uniform * 0.2,
            (1, false) => 1.0 + uniform * 0.2,
            _ => uniform * scale,
        };
        number as f32
    };
    (0..shape.iter().product::<usize>() as u32).map(number).collect()
}

/// A folder as a person downloads it; `rename` may call the tensors something else.
pub fn checkpoint(fixture: &Path, rename: impl Fn(&str) -> String) -> TempDir {
    let folder = tempfile::Builder::new().prefix(&fixture.file_name().unwrap()).tempdir().unwrap();
    copy(fixture, folder.path());
    let shapes = read::<BTreeMap<String, Vec<usize>>>(&folder.path().join("shapes.json"));
    let tensors = shapes.iter().map(|(tensor, shape)| {
        (rename(tensor), Tensor::from_vec(values(tensor, shape), shape.as_slice(), &Device::Cpu).unwrap())
    });
    let tensors = tensors.collect::<HashMap<_, _>>();
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    folder
}
