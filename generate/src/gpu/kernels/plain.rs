//! Numbers of a tensor in main memory, whatever their type.

use candle_core::{CpuStorage, Layout, Result, bail};
use half::{bf16, f16};

/// All numbers of a storage, read one at a time: pages are too many to widen.
pub(super) enum Numbers<'a> {
    F32(&'a [f32]),
    F16(&'a [f16]),
    BF16(&'a [bf16]),
}

impl<'a> Numbers<'a> {
    pub(super) fn of(storage: &'a CpuStorage) -> Result<Self> {
        Ok(match storage {
            CpuStorage::F32(numbers) => Self::F32(numbers),
            CpuStorage::F16(numbers) => Self::F16(numbers),
            CpuStorage::BF16(numbers) => Self::BF16(numbers),
            _ => bail!("these numbers are not floats"),
        })
    }

    pub(super) fn get(&self, index: usize) -> f32 {
        match self {
            Self::F32(numbers) => numbers[index],
            Self::F16(numbers) => numbers[index].to_f32(),
            Self::BF16(numbers) => numbers[index].to_f32(),
        }
    }
}

fn extent(layout: &Layout) -> Result<std::ops::Range<usize>> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(start..end),
        None => bail!("rows must follow each other"),
    }
}

/// The numbers of a tensor.
pub(super) fn map(storage: &CpuStorage, layout: &Layout) -> Result<Vec<f32>> {
    let numbers = Numbers::of(storage)?;
    Ok(extent(layout)?.map(|index| numbers.get(index)).collect())
}

/// Changes the numbers of a tensor.
pub(super) fn set(storage: &mut CpuStorage, layout: &Layout, change: impl FnOnce(&mut [f32])) -> Result<()> {
    let mut numbers = map(storage, layout)?;
    change(&mut numbers);
    write(storage, extent(layout)?.start, &numbers)
}

pub(super) fn write(storage: &mut CpuStorage, at: usize, numbers: &[f32]) -> Result<()> {
    match storage {
        CpuStorage::F32(all) => all[at..at + numbers.len()].copy_from_slice(numbers),
        CpuStorage::F16(all) => {
            all[at..].iter_mut().zip(numbers).for_each(|(to, number)| *to = f16::from_f32(*number));
        }
        CpuStorage::BF16(all) => {
            all[at..].iter_mut().zip(numbers).for_each(|(to, number)| *to = bf16::from_f32(*number));
        }
        _ => bail!("these numbers are not floats"),
    }
    Ok(())
}

/// Of the type of `storage`.
pub(super) fn like(storage: &CpuStorage, numbers: Vec<f32>) -> Result<CpuStorage> {
    Ok(match storage {
        CpuStorage::F32(_) => CpuStorage::F32(numbers),
        CpuStorage::BF16(_) => CpuStorage::BF16(numbers.into_iter().map(bf16::from_f32).collect()),
        _ => bail!("a layer is computed in f32 or bf16"),
    })
}
