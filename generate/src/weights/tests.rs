//! Tiny files of every architecture, and files that are not what they say.

mod folder;
mod gguf;

use super::*;

fn refusal(path: &Path) -> String {
    match Weights::open(path) {
        Ok(_) => panic!("{} is refused", path.display()),
        Err(error) => error.to_string(),
    }
}

fn close(ours: &[f32], expected: &[(usize, f32)]) {
    for (pair, expected) in expected {
        assert!((ours[*pair] / expected - 1.0).abs() < 1e-5, "{pair}: {} {expected}", ours[*pair]);
    }
}

#[test]
fn weights_go_to_another_thread() {
    fn goes<T: Send>() {}
    goes::<Weights>();
}
