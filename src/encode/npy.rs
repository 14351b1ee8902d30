//! The header of a NumPy array file: format version 1.0 of NumPy's `numpy.lib.format`.

/// Bytes before the first row. The format wants a multiple of 64; this one holds any number of rows, so that the header
/// can be written again when they are counted.
pub(super) const HEADER_BYTES: usize = 128;

/// The header of `rows` × `dimension` little-endian 32-bit floats in row order.
pub(super) fn header(rows: u64, dimension: usize) -> [u8; HEADER_BYTES] {
    const START: &[u8] = b"\x93NUMPY\x01\x00";
    let mut header = [b' '; HEADER_BYTES];
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dimension}), }}");
    let length = (HEADER_BYTES - START.len() - 2) as u16;
    let parts = [START, &length.to_le_bytes(), text.as_bytes()];
    for (to, from) in header.iter_mut().zip(parts.concat()) {
        *to = from;
    }
    header[HEADER_BYTES - 1] = b'\n';
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_what_numpy_writes() {
        let found = header(3, 384);
        let expected = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 384), }";
        assert_eq!(&found[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(std::str::from_utf8(&found[10..]).unwrap().trim_end(), expected);
        assert_eq!(found.last(), Some(&b'\n'));
    }

    #[test]
    fn any_number_of_rows_fits() {
        let found = header(u64::MAX, usize::from(u16::MAX));
        let text = std::str::from_utf8(&found[10..]).unwrap();
        assert!(text.ends_with(" \n") && text.contains("(18446744073709551615, 65535), }"));
    }
}
