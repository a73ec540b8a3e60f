//! The page is built by `make page`. A build without it compiles, and says so when the page is asked for.

use std::fs;
use std::path::Path;

fn main() {
    let dist = Path::new("ui/dist");
    if let Err(error) = fs::create_dir_all(dist) {
        println!("cargo::error=cannot create web/ui/dist: {error}");
    }
    println!("cargo::rerun-if-changed=ui/dist");
}
