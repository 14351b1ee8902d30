//! Tensors of a model file as plain numbers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

use half::{bf16, f16};

use super::proto::{EXTERNAL, StringStringEntryProto, TensorProto, data_type};

/// A tensor, row-major. Every float type is read as f32, every integer type and bool as i64.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    pub dims: Vec<usize>,
    pub values: Values,
}

/// A tensor's elements.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Float(Vec<f32>),
    Int(Vec<i64>),
}

impl Tensor {
    /// A tensor of floats; `values` are as many as `dims` say.
    pub fn floats(dims: &[usize], values: Vec<f32>) -> Self {
        Self {
            dims: dims.to_vec(),
            values: Values::Float(values),
        }
    }

    /// A tensor of integers; `values` are as many as `dims` say.
    pub fn ints(dims: &[usize], values: Vec<i64>) -> Self {
        Self {
            dims: dims.to_vec(),
            values: Values::Int(values),
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Float(values) => values.len(),
            Values::Int(values) => values.len(),
        }
    }

    /// The elements, if they are floats.
    pub fn as_floats(&self) -> Option<&[f32]> {
        match &self.values {
            Values::Float(values) => Some(values),
            Values::Int(_) => None,
        }
    }

    /// The elements, if they are integers.
    pub fn as_ints(&self) -> Option<&[i64]> {
        match &self.values {
            Values::Int(values) => Some(values),
            Values::Float(_) => None,
        }
    }

    /// The one element of a tensor of one, as a float.
    pub fn scalar(&self) -> Option<f32> {
        match &self.values {
            Values::Float(values) if values.len() == 1 => values.first().copied(),
            Values::Int(values) if values.len() == 1 => values.first().map(|&value| value as f32),
            _ => None,
        }
    }

    /// Rows and columns of a matrix exchanged.
    pub fn transposed(&self) -> Option<Self> {
        let (&[rows, columns], Values::Float(values)) = (self.dims.as_slice(), &self.values) else {
            return None;
        };
        let turned = (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column]));
        Some(Self::floats(&[columns, rows], turned.collect()))
    }

    /// Reads a tensor of a model file that lies in `dir`.
    ///
    /// # Errors
    /// What is wrong with it: an element type without numbers, a length that its dimensions contradict, an external file
    /// that is missing, too short, or not in the folder.
    pub fn read(tensor: &TensorProto, dir: &Path) -> Result<Self, String> {
        let dims = dimensions(tensor)?;
        let wanted = dims
            .iter()
            .try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        let wanted = wanted.ok_or_else(|| format!("dimensions {:?} are beyond memory", tensor.dims))?;
        let values = if tensor.data_location() == EXTERNAL {
            let size = element_size(tensor.data_type())?;
            let length = wanted
                .checked_mul(size)
                .ok_or("its dimensions are beyond memory")?;
            from_bytes(tensor.data_type(), &external(&tensor.external_data, dir, length)?)?
        } else if let Some(raw) = &tensor.raw_data {
            from_bytes(tensor.data_type(), raw)?
        } else {
            from_fields(tensor)?
        };
        let read = Self { dims, values };
        if read.len() != wanted {
            return Err(format!(
                "dimensions {:?} need {wanted} elements, found {}",
                tensor.dims,
                read.len()
            ));
        }
        Ok(read)
    }
}

fn dimensions(tensor: &TensorProto) -> Result<Vec<usize>, String> {
    let read = |&dim: &i64| usize::try_from(dim).map_err(|_| format!("dimension {dim} is negative"));
    tensor.dims.iter().map(read).collect()
}

fn element_size(kind: i32) -> Result<usize, String> {
    match kind {
        data_type::FLOAT | data_type::INT32 => Ok(4),
        data_type::INT64 | data_type::DOUBLE => Ok(8),
        data_type::FLOAT16 | data_type::BFLOAT16 => Ok(2),
        data_type::UINT8 | data_type::BOOL => Ok(1),
        other => Err(format!(
            "element type {other} is not a number that can be read here"
        )),
    }
}

fn from_bytes(kind: i32, bytes: &[u8]) -> Result<Values, String> {
    let size = element_size(kind)?;
    if !bytes.len().is_multiple_of(size) {
        return Err(format!(
            "{} bytes do not divide into elements of {size}",
            bytes.len()
        ));
    }
    Ok(match kind {
        data_type::FLOAT => Values::Float(numbers(bytes, f32::from_le_bytes)),
        data_type::DOUBLE => Values::Float(numbers(bytes, |raw| f64::from_le_bytes(raw) as f32)),
        data_type::FLOAT16 => Values::Float(numbers(bytes, |raw| f16::from_le_bytes(raw).to_f32())),
        data_type::BFLOAT16 => Values::Float(numbers(bytes, |raw| bf16::from_le_bytes(raw).to_f32())),
        data_type::INT32 => Values::Int(numbers(bytes, |raw| i64::from(i32::from_le_bytes(raw)))),
        data_type::INT64 => Values::Int(numbers(bytes, i64::from_le_bytes)),
        _ => Values::Int(bytes.iter().map(|&byte| i64::from(byte)).collect()),
    })
}

/// Little-endian elements of `N` bytes.
fn numbers<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&raw| read(raw)).collect()
}

/// Values kept as protobuf numbers; half floats lie as bits in `int32_data`.
fn from_fields(tensor: &TensorProto) -> Result<Values, String> {
    let bits = |read: fn(u16) -> f32| {
        tensor
            .int32_data
            .iter()
            .map(|&value| read(value as u16))
            .collect()
    };
    Ok(match tensor.data_type() {
        data_type::FLOAT => Values::Float(tensor.float_data.clone()),
        data_type::DOUBLE => Values::Float(tensor.double_data.iter().map(|&value| value as f32).collect()),
        data_type::FLOAT16 => Values::Float(bits(|value| f16::from_bits(value).to_f32())),
        data_type::BFLOAT16 => Values::Float(bits(|value| bf16::from_bits(value).to_f32())),
        data_type::INT64 => Values::Int(tensor.int64_data.clone()),
        data_type::INT32 | data_type::UINT8 | data_type::BOOL => {
            Values::Int(tensor.int32_data.iter().map(|&value| i64::from(value)).collect())
        }
        other => {
            return Err(format!(
                "element type {other} is not a number that can be read here"
            ));
        }
    })
}

/// `length` bytes of the file that `entries` name (`location`, `offset`, `length`).
fn external(entries: &[StringStringEntryProto], dir: &Path, length: usize) -> Result<Vec<u8>, String> {
    let entry = |key: &str| {
        entries
            .iter()
            .find(|entry| entry.key() == key)
            .map(StringStringEntryProto::value)
    };
    let location = entry("location").ok_or("its external data has no location")?;
    let relative = Path::new(location);
    if !relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Err(format!(
            "its external data `{location}` is not in the model's folder"
        ));
    }
    let number = |key: &str| match entry(key) {
        Some(text) => text
            .parse::<u64>()
            .map(Some)
            .map_err(|_| format!("{key} of its external data is `{text}`")),
        None => Ok(None),
    };
    if let Some(declared) = number("length")?
        && declared != length as u64
    {
        return Err(format!(
            "its dimensions need {length} bytes, its external data has {declared}"
        ));
    }
    let failed = |error: std::io::Error| format!("external data {location}: {error}");
    let mut file = File::open(dir.join(relative)).map_err(failed)?;
    let offset = number("offset")?.unwrap_or(0);
    let available = file.metadata().map_err(failed)?.len();
    if offset
        .checked_add(length as u64)
        .is_none_or(|end| end > available)
    {
        return Err(format!(
            "external data {location} has {available} bytes; {length} are wanted from {offset} on"
        ));
    }
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(kind: i32, dims: &[i64]) -> TensorProto {
        TensorProto {
            dims: dims.to_vec(),
            data_type: Some(kind),
            ..TensorProto::default()
        }
    }

    fn entry(key: &str, value: &str) -> StringStringEntryProto {
        StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        }
    }

    fn read(tensor: &TensorProto) -> Result<Tensor, String> {
        Tensor::read(tensor, Path::new("."))
    }

    #[test]
    fn every_way_of_writing_the_same_floats_reads_the_same() {
        let expected = Tensor::floats(&[2], vec![1.5, -2.0]);
        let raw = |kind: i32, bytes: Vec<u8>| TensorProto {
            raw_data: Some(bytes),
            ..tensor(kind, &[2])
        };
        let all = |parts: [&[u8]; 2]| parts.concat();
        let written = [
            TensorProto {
                float_data: vec![1.5, -2.0],
                ..tensor(data_type::FLOAT, &[2])
            },
            TensorProto {
                double_data: vec![1.5, -2.0],
                ..tensor(data_type::DOUBLE, &[2])
            },
            TensorProto {
                int32_data: vec![0x3e00, 0xc000],
                ..tensor(data_type::FLOAT16, &[2])
            },
            TensorProto {
                int32_data: vec![0x3fc0, 0xc000],
                ..tensor(data_type::BFLOAT16, &[2])
            },
            raw(
                data_type::FLOAT,
                all([&1.5_f32.to_le_bytes(), &(-2.0_f32).to_le_bytes()]),
            ),
            raw(
                data_type::DOUBLE,
                all([&1.5_f64.to_le_bytes(), &(-2.0_f64).to_le_bytes()]),
            ),
            raw(data_type::FLOAT16, vec![0x00, 0x3e, 0x00, 0xc0]),
            raw(data_type::BFLOAT16, vec![0xc0, 0x3f, 0x00, 0xc0]),
        ];
        for tensor in written {
            assert_eq!(read(&tensor).unwrap(), expected, "{tensor:?}");
        }
    }

    #[test]
    fn integers_of_every_size_read_the_same() {
        let expected = Tensor::ints(&[2], vec![1, 0]);
        let written = [
            TensorProto {
                int64_data: vec![1, 0],
                ..tensor(data_type::INT64, &[2])
            },
            TensorProto {
                int32_data: vec![1, 0],
                ..tensor(data_type::INT32, &[2])
            },
            TensorProto {
                raw_data: Some(vec![1, 0]),
                ..tensor(data_type::BOOL, &[2])
            },
            TensorProto {
                raw_data: Some(vec![1, 0, 0, 0, 0, 0, 0, 0]),
                ..tensor(data_type::INT32, &[2])
            },
        ];
        for tensor in written {
            assert_eq!(read(&tensor).unwrap(), expected, "{tensor:?}");
        }
    }

    #[test]
    fn external_data_is_read_at_its_offset() {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = [0.0_f32, 1.0, 2.0, 3.0]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        std::fs::write(dir.path().join("weights"), bytes).unwrap();
        let at = |location: &str, offset: &str, length: &str| TensorProto {
            data_location: Some(EXTERNAL),
            external_data: vec![
                entry("location", location),
                entry("offset", offset),
                entry("length", length),
            ],
            ..tensor(data_type::FLOAT, &[2])
        };
        let read = Tensor::read(&at("weights", "4", "8"), dir.path()).unwrap();
        assert_eq!(read, Tensor::floats(&[2], vec![1.0, 2.0]));
        for (tensor, word) in [
            (at("weights", "12", "8"), "16 bytes"),
            (at("weights", "18446744073709551615", "8"), "16 bytes"),
            (at("weights", "4", "12"), "12"),
            (at("weights", "x", "8"), "offset"),
            (at("absent", "0", "8"), "absent"),
            (at("../weights", "0", "8"), "folder"),
            (at("/etc/passwd", "0", "8"), "folder"),
        ] {
            let reason = Tensor::read(&tensor, dir.path()).unwrap_err();
            assert!(reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for (tensor, word) in [
            (
                TensorProto {
                    float_data: vec![1.0],
                    ..tensor(data_type::FLOAT, &[2])
                },
                "2 elements",
            ),
            (
                TensorProto {
                    raw_data: Some(vec![0; 7]),
                    ..tensor(data_type::FLOAT, &[2])
                },
                "7 bytes",
            ),
            (tensor(data_type::FLOAT, &[-1]), "negative"),
            (tensor(data_type::FLOAT, &[i64::MAX, i64::MAX]), "memory"),
            (tensor(8, &[1]), "element type 8"),
        ] {
            let reason = read(&tensor).unwrap_err();
            assert!(reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn a_matrix_is_transposed() {
        let matrix = Tensor::floats(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let expected = Tensor::floats(&[3, 2], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(matrix.transposed().unwrap(), expected);
    }
}
