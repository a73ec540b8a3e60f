//! Launches of `kernels.cu`.
//!
//! Arguments are checked here as far as a wrong one could reach memory of others: the kernels trust them.

use candle_core::backend::BackendStorage as _;
use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, CudaView, DeviceRepr, LaunchConfig, PushKernelArg as _, ValidAsZeroBits,
};
use candle_core::cuda_backend::{CudaDType, CudaDevice, WrapErr as _};
use candle_core::{CudaStorage, DType, Layout, Result, Shape, bail};
use half::{bf16, f16};

use super::{Attend, NormHeads, Remember, Rotate, TILE_QUERIES, width};
use crate::compute::{Heads, PAGE_TOKENS};
use crate::weights::Pairing;

mod compiled {
    include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
}

const LANES: u32 = 32;
const WARPS: u32 = 4;
/// As in `kernels.cu`.
const PART_TOKENS: usize = 256;
/// So many rows keep the device busy without parts.
const ROWS_WITHOUT_PARTS: usize = 64;
const GATE_THREADS: u32 = 256;

/// What a layer is computed in, and what pages hold then.
trait Activation: CudaDType + DeviceRepr + ValidAsZeroBits {
    type Page: CudaDType + DeviceRepr;
    const NAME: &str;
}

impl Activation for f32 {
    type Page = f16;

    const NAME: &str = "f32";
}

impl Activation for bf16 {
    type Page = Self;

    const NAME: &str = "bf16";
}

/// Calls a function for the type of a storage.
macro_rules! by_type {
    ($storage:expr, $function:ident($($argument:expr),*)) => {
        match $storage.dtype() {
            DType::F32 => $function::<f32>($($argument),*),
            DType::BF16 => $function::<bf16>($($argument),*),
            other => bail!("a layer is computed in f32 or bf16, not in {other:?}"),
        }
    };
}

fn grid(x: usize, y: usize, z: usize, threads: u32) -> LaunchConfig {
    LaunchConfig { grid_dim: (x as u32, y as u32, z as u32), block_dim: (threads, 1, 1), shared_mem_bytes: 0 }
}

fn contiguous<'a, T: CudaDType>(storage: &'a CudaStorage, layout: &Layout) -> Result<CudaView<'a, T>> {
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("rows must follow each other") };
    Ok(storage.as_cuda_slice::<T>()?.slice(start..end))
}

fn uninitialised<T: DeviceRepr>(device: &CudaDevice, count: usize) -> Result<CudaSlice<T>> {
    #[expect(unsafe_code, reason = "filling it with zeros would be a launch of its own")]
    // SAFETY: a kernel writes every number before another one reads it.
    unsafe {
        device.alloc::<T>(count)
    }
}

macro_rules! launch {
    ($type:ty, $device:expr, $name:literal, $grid:expr, $($argument:expr),+ $(,)?) => {{
        let name = format!("{}_{}", $name, <$type>::NAME);
        let function = $device.get_or_load_custom_func(&name, "terroir", compiled::KERNELS)?;
        let mut builder = function.builder();
        $(builder.arg($argument);)+
        #[expect(unsafe_code, reason = "a kernel's arguments cannot be checked by the compiler")]
        // SAFETY: types and order are those of `kernels.cu`; the callers hold shapes against each other.
        unsafe { builder.launch($grid) }.w()?;
    }};
}

fn rows_of(layout: &Layout, heads: Heads) -> Result<usize> {
    let (rows, own) = layout.shape().dims2()?;
    if own != width(heads) {
        bail!("rows of {own} numbers instead of {}", width(heads));
    }
    Ok(rows)
}

fn sizes(heads: Heads) -> (i32, i32, i32) {
    (heads.queries as i32, heads.keys as i32, heads.size as i32)
}

pub(super) fn norm_heads(op: &NormHeads, qkv: &mut CudaStorage, layout: &Layout, weights: &CudaStorage) -> Result<()> {
    fn run<T: Activation>(op: &NormHeads, qkv: &mut CudaStorage, layout: &Layout, weights: &CudaStorage) -> Result<()> {
        let device = qkv.device().clone();
        let rows = rows_of(layout, op.heads)?;
        let (heads, key_heads, size) = sizes(op.heads);
        let weights = weights.as_cuda_slice::<f32>()?;
        let mut qkv = qkv.as_cuda_slice_mut::<T>()?.slice_mut(layout.start_offset()..);
        let grid = grid(rows, op.heads.queries + op.heads.keys, 1, LANES);
        launch!(T, device, "norm_heads", grid, &mut qkv, weights, &heads, &key_heads, &size, &op.epsilon);
        Ok(())
    }
    by_type!(qkv, run(op, qkv, layout, weights))
}

pub(super) fn rotate(
    op: &Rotate,
    qkv: &mut CudaStorage,
    layout: &Layout,
    turns: &CudaStorage,
    meta: &CudaStorage,
) -> Result<()> {
    fn run<T: Activation>(
        op: &Rotate,
        qkv: &mut CudaStorage,
        layout: &Layout,
        turns: &CudaStorage,
        meta: &CudaStorage,
    ) -> Result<()> {
        let device = qkv.device().clone();
        let rows = rows_of(layout, op.heads)?;
        let (heads, key_heads, size) = sizes(op.heads);
        let interleaved = i32::from(op.pairing == Pairing::Interleaved);
        let turns = turns.as_cuda_slice::<f32>()?;
        let positions = meta.as_cuda_slice::<u32>()?.slice(..op.places.rows);
        let mut qkv = qkv.as_cuda_slice_mut::<T>()?.slice_mut(layout.start_offset()..);
        let grid = grid(rows, op.heads.queries + op.heads.keys, 1, LANES);
        launch!(T, device, "rotate", grid, &mut qkv, turns, &positions, &heads, &key_heads, &size, &interleaved);
        Ok(())
    }
    by_type!(qkv, run(op, qkv, layout, turns, meta))
}

pub(super) fn remember(
    op: &Remember,
    pages: &mut CudaStorage,
    qkv: &CudaStorage,
    layout: &Layout,
    meta: &CudaStorage,
) -> Result<()> {
    fn run<T: Activation>(
        op: &Remember,
        pages: &mut CudaStorage,
        qkv: &CudaStorage,
        layout: &Layout,
        meta: &CudaStorage,
    ) -> Result<()> {
        let rows = rows_of(layout, op.heads)?;
        let (heads, key_heads, size) = sizes(op.heads);
        let device = qkv.device();
        let qkv = contiguous::<T>(qkv, layout)?;
        let slots = meta.as_cuda_slice::<u32>()?.slice(op.places.slots..op.places.slots + rows);
        let pages = pages.as_cuda_slice_mut::<T::Page>()?;
        let grid = grid(rows, 2 * op.heads.keys, 1, LANES);
        launch!(T, device, "remember", grid, pages, &qkv, &slots, &heads, &key_heads, &size);
        Ok(())
    }
    by_type!(qkv, run(op, pages, qkv, layout, meta))
}

pub(super) fn attend(
    op: &Attend,
    qkv: &CudaStorage,
    layout: &Layout,
    pages: &CudaStorage,
    meta: &CudaStorage,
) -> Result<(CudaStorage, Shape)> {
    fn run<T: Activation>(
        op: &Attend,
        qkv: &CudaStorage,
        layout: &Layout,
        pages: &CudaStorage,
        meta: &CudaStorage,
    ) -> Result<(CudaStorage, Shape)> {
        let device = qkv.device().clone();
        let rows = rows_of(layout, op.heads)?;
        let Heads { queries, keys, size } = op.heads;
        let meta = meta.as_cuda_slice::<u32>()?;
        let slots = meta.slice(op.places.slots..op.places.slots + rows);
        let tiles = meta.slice(op.places.tiles..op.places.tiles + 4 * op.places.tile_count);
        let page_numbers = meta.slice(op.places.page_numbers..);
        let qkv = contiguous::<T>(qkv, layout)?;
        let pages = pages.as_cuda_slice::<T::Page>()?;
        // Zeros for the rows of padding.
        let mut out = device.alloc_zeros::<T>(rows * queries * size)?;
        // Few rows with a long past are cut into parts, so that all of the device has something to do.
        let parts = if rows > ROWS_WITHOUT_PARTS { 1 } else { op.places.longest.div_ceil(PART_TOKENS).max(1) };
        let group = queries / keys;
        let tile_heads = group.min(TILE_QUERIES);
        let (row_count, tile_heads_count) = (rows as i32, tile_heads as i32);
        let (heads, key_heads, head_size) = sizes(op.heads);
        let window = op.window_tokens.map_or(0, |window| window as i32);
        let shared_words = TILE_QUERIES * size + PAGE_TOKENS * (size / 2 + 1) + PAGE_TOKENS * size / 2;
        let config = LaunchConfig {
            shared_mem_bytes: (shared_words * size_of::<u32>()) as u32,
            ..grid(op.places.tile_count * group.div_ceil(tile_heads), keys, parts, WARPS * LANES)
        };
        if parts == 1 {
            let none = 0_u64;
            launch!(
                T,
                device,
                "attend",
                config,
                &mut out,
                &none,
                &none,
                &qkv,
                pages,
                &tiles,
                &page_numbers,
                &row_count,
                &heads,
                &key_heads,
                &head_size,
                &window,
                &tile_heads_count
            );
        } else {
            let mut sums = uninitialised::<f32>(&device, parts * rows * queries * size)?;
            let mut states = uninitialised::<f32>(&device, parts * rows * queries * 2)?;
            launch!(
                T,
                device,
                "attend",
                config,
                &mut out,
                &mut sums,
                &mut states,
                &qkv,
                pages,
                &tiles,
                &page_numbers,
                &row_count,
                &heads,
                &key_heads,
                &head_size,
                &window,
                &tile_heads_count
            );
            let (grid, part_count) = (grid(rows, queries, 1, LANES), parts as i32);
            launch!(
                T,
                device,
                "join_parts",
                grid,
                &mut out,
                &sums,
                &states,
                &slots,
                &part_count,
                &row_count,
                &heads,
                &head_size
            );
        }
        Ok((T::wrap_cuda_slice(out, device), (rows, queries * size).into()))
    }
    by_type!(qkv, run(op, qkv, layout, pages, meta))
}

pub(super) fn gate(both: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
    fn run<T: Activation>(both: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = both.device().clone();
        let (rows, width) = layout.shape().dims2()?;
        let (width, count) = (width / 2, rows * (width / 2));
        let both = contiguous::<T>(both, layout)?;
        let mut out = uninitialised::<T>(&device, count)?;
        let grid = grid(count.div_ceil(GATE_THREADS as usize), 1, 1, GATE_THREADS);
        let (width_argument, count_argument) = (width as i32, count as i64);
        launch!(T, device, "gate", grid, &mut out, &both, &width_argument, &count_argument);
        Ok((T::wrap_cuda_slice(out, device), (rows, width).into()))
    }
    by_type!(both, run(both, layout))
}
