//! NumPy's `.npy` files (NEP 1), versions 1 to 3: little-endian f2, f4, f8, i4, i8 and u4 in C order, two dimensions.

use anyhow::{Context, bail, ensure};

use super::input::{Table, Values};

const MAGIC: &[u8] = b"\x93NUMPY";

/// What the header says.
struct Header<'a> {
    dtype: &'a str,
    rows: usize,
    columns: usize,
}

/// Reads a whole file.
pub(super) fn parse(bytes: &[u8]) -> anyhow::Result<Table> {
    let (text, data) = split(bytes)?;
    let header = header(text)?;
    let expected = header
        .rows
        .checked_mul(header.columns)
        .context("found a shape that overflows")?;
    let integers = |values: Vec<i64>| Values::Integers(values);
    let values = match header.dtype {
        "<f4" => Values::Floats(items(data, expected, f32::from_le_bytes)?),
        "<f8" => Values::Floats(items(data, expected, |item| f64::from_le_bytes(item) as f32)?),
        "<f2" => Values::Floats(items(data, expected, |item| {
            half_to_single(u16::from_le_bytes(item))
        })?),
        "<i4" => integers(items(data, expected, |item| i32::from_le_bytes(item).into())?),
        "<u4" => integers(items(data, expected, |item| u32::from_le_bytes(item).into())?),
        "<i8" => integers(items(data, expected, i64::from_le_bytes)?),
        other => bail!(
            "found dtype {other:?}, expected little-endian f2, f4, f8, i4, i8 or u4; convert with astype"
        ),
    };
    Ok(Table {
        columns: header.columns,
        values,
    })
}

/// The header's text and what follows it.
fn split(bytes: &[u8]) -> anyhow::Result<(&str, &[u8])> {
    let rest = bytes
        .strip_prefix(MAGIC)
        .context("found another start, expected an .npy file (\\x93NUMPY)")?;
    let (&[version, _minor], rest) = rest
        .split_first_chunk()
        .context("found no version (truncated?)")?;
    let (len, rest) = match version {
        1 => rest
            .split_first_chunk()
            .map(|(len, rest)| (u16::from_le_bytes(*len).into(), rest)),
        2 | 3 => rest
            .split_first_chunk()
            .map(|(len, rest)| (u32::from_le_bytes(*len) as usize, rest)),
        other => bail!("found .npy version {other}, expected 1, 2 or 3"),
    }
    .context("found no header length (truncated?)")?;
    let (text, data) = rest
        .split_at_checked(len)
        .context("found part of a header (truncated?)")?;
    Ok((
        std::str::from_utf8(text).context("found a header that is not UTF-8")?,
        data,
    ))
}

/// The header is the text of a Python dictionary with three keys.
fn header(text: &str) -> anyhow::Result<Header<'_>> {
    let after = |key: &str| {
        let (_, rest) = text
            .split_once(&format!("'{key}':"))
            .with_context(|| format!("found no {key:?} in the header"))?;
        Ok::<_, anyhow::Error>(rest.trim_start())
    };
    let dtype = after("descr")?
        .strip_prefix('\'')
        .and_then(|rest| rest.split_once('\''));
    let (dtype, _) = dtype.context("found a structured dtype, expected a plain one such as '<f4'")?;
    ensure!(
        !after("fortran_order")?.starts_with("True"),
        "found Fortran order, expected C order; np.ascontiguousarray helps"
    );
    let shape = after("shape")?
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'));
    let (shape, _) = shape.context("found no shape in the header")?;
    let sizes = shape
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty())
        .map(str::parse);
    let sizes: Vec<usize> = sizes
        .collect::<Result<_, _>>()
        .with_context(|| format!("found shape ({shape})"))?;
    let &[rows, columns] = &sizes[..] else {
        bail!("found shape ({shape}), expected two dimensions (rows, values)");
    };
    Ok(Header { dtype, rows, columns })
}

/// Exactly `expected` items of `N` bytes.
fn items<const N: usize, T>(
    data: &[u8],
    expected: usize,
    convert: impl Fn([u8; N]) -> T,
) -> anyhow::Result<Vec<T>> {
    let (items, rest) = data.as_chunks::<N>();
    let whole = rest.is_empty() && items.len() == expected;
    ensure!(
        whole,
        "found {} bytes of data, expected {} (truncated?)",
        data.len(),
        expected.saturating_mul(N)
    );
    Ok(items.iter().map(|item| convert(*item)).collect())
}

/// IEEE 754 binary16 to binary32.
fn half_to_single(half: u16) -> f32 {
    let (sign, exponent, fraction) = (half >> 15, half >> 10 & 0x1f, f32::from(half & 0x3ff));
    let magnitude = match exponent {
        0 => fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2.0_f32.powi(i32::from(exponent) - 15),
    };
    if sign == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = [MAGIC, &[version, 0]].concat();
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        [&bytes, header.as_bytes(), data].concat()
    }

    fn of(dtype: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        file(
            1,
            &format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}   \n"),
            data,
        )
    }

    #[test]
    fn types_and_versions_are_read() {
        let floats = |values: &[f32]| Table {
            columns: 1,
            values: Values::Floats(values.to_vec()),
        };
        assert_eq!(
            parse(&of("<f4", "(1, 1)", &1.5_f32.to_le_bytes())).unwrap(),
            floats(&[1.5])
        );
        assert_eq!(
            parse(&of("<f8", "(1,1)", &0.25_f64.to_le_bytes())).unwrap(),
            floats(&[0.25])
        );
        assert_eq!(
            parse(&of("<f2", "(2, 1)", &[0x00, 0x3c, 0x01, 0x80])).unwrap(),
            floats(&[1.0, -(2.0_f32.powi(-24))])
        );
        let integers = Table {
            columns: 2,
            values: Values::Integers(vec![-1, 7]),
        };
        assert_eq!(
            parse(&of("<i4", "(1, 2)", &[255, 255, 255, 255, 7, 0, 0, 0])).unwrap(),
            integers
        );
        assert_eq!(parse(&of("<f4", "(0, 1)", &[])).unwrap(), floats(&[]));
        for version in [2, 3] {
            let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1)}";
            assert_eq!(
                parse(&file(version, header, &2_f32.to_le_bytes())).unwrap(),
                floats(&[2.0])
            );
        }
    }

    #[test]
    fn halves_are_exact() {
        let known = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x7c00, f32::INFINITY),
        ];
        known
            .iter()
            .for_each(|&(half, single)| assert_eq!(half_to_single(half), single));
        assert!(half_to_single(0x7e00).is_nan());
    }

    #[test]
    fn unusable_files_say_why() {
        let error = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        let good = of("<f4", "(1, 1)", &1.5_f32.to_le_bytes());
        for len in 0..good.len() {
            assert!(parse(&good[..len]).is_err(), "cut to {len}");
        }
        assert!(error(&good[..good.len() - 1]).contains("found 3 bytes of data, expected 4"));
        assert!(error(b"PK").contains("expected an .npy file"));
        assert!(error(&of(">f4", "(1, 1)", &[0; 4])).contains("found dtype \">f4\""));
        assert!(error(&of("<f4", "(4,)", &[0; 16])).contains("expected two dimensions"));
        assert!(error(&of("<f4", "(99999999999, 99999999999)", &[])).contains("overflows"));
        assert!(
            error(&file(
                1,
                "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1)}",
                &[]
            ))
            .contains("Fortran")
        );
        assert!(error(&file(9, "", &[])).contains("version 9"));
    }
}
