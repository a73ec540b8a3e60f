//! Compiles the GPU's kernels where they are asked for.

#[cfg(feature = "cuda")]
fn main() -> cudaforge::Result<()> {
    println!("cargo::rerun-if-changed=src/gpu/kernels");
    let kernels = cudaforge::KernelBuilder::new().source_files(["src/gpu/kernels/kernels.cu"]);
    let kernels = kernels.arg("-std=c++17").arg("-O3").build_ptx()?;
    let out = std::env::var_os("OUT_DIR").map(std::path::PathBuf::from).unwrap_or_default();
    kernels.write(out.join("kernels.rs"))
}

#[cfg(not(feature = "cuda"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
