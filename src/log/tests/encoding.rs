use super::*;
use crate::log::MAX_RECORD_BYTES;
use crate::log::encoding::{MIN_RECORD_BYTES, Malformed, Records, encode};
use crate::log::frame::SegmentHeader;
use crate::log::frame::{FRAME_HEADER_BYTES, encode_frame, seal};
use proptest::prelude::*;

fn bytes_of(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    records
        .iter()
        .for_each(|record| encode(record, &mut bytes).unwrap());
    bytes
}

/// Decodes until something is wrong.
fn decode_all(payload: &[u8]) -> (Vec<Record>, Option<Malformed>) {
    let mut reader = Records::new(payload);
    let mut records = Vec::new();
    while reader.at() < payload.len() {
        match reader.decode() {
            Ok(record) => records.push(record),
            Err(malformed) => return (records, Some(malformed)),
        }
    }
    (records, None)
}

fn text() -> impl Strategy<Value = Box<str>> {
    prop_oneof![".{0,40}", "[a-z]{0,600}"].prop_map(Into::into)
}

fn origin() -> impl Strategy<Value = Option<Origin>> {
    let origin = any::<([u8; 16], [u8; 16], [u8; 16])>().prop_map(|(model, variant, text)| Origin {
        model,
        variant,
        text: TextDigest(text),
    });
    proptest::option::of(origin)
}

fn record() -> impl Strategy<Value = Record> {
    // NaN is not equal to itself; its bits are compared in a test of their own.
    let vector = proptest::collection::vec(
        any::<f32>().prop_filter("a number", |number| !number.is_nan()),
        0..50,
    );
    let upsert = (text(), text(), vector, origin()).prop_map(|(id, document, vector, origin)| {
        Record::Upsert(StoredItem {
            id,
            document,
            vector: vector.into(),
            origin,
        })
    });
    let call = (text(), any::<[u8; 16]>(), any::<i64>(), text()).prop_map(|(key, body, at_ms, answer)| {
        Record::Call(CallNote {
            key,
            body,
            at_ms,
            answer,
        })
    });
    prop_oneof![
        upsert,
        (text(), text()).prop_map(|(id, document)| Record::Update { id, document }),
        text().prop_map(|id| Record::Delete { id }),
        call,
        text().prop_map(Record::Event),
    ]
}

proptest! {
    #[test]
    fn records_come_back(records in proptest::collection::vec(record(), 0..8)) {
        let bytes = bytes_of(&records);
        prop_assert_eq!(bytes.len(), records.iter().map(Record::encoded_len).sum::<usize>());
        prop_assert_eq!(decode_all(&bytes), (records, None));
    }

    #[test]
    fn changed_bytes_are_refused_or_other_records(
        records in proptest::collection::vec(record(), 1..4),
        changes in proptest::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = bytes_of(&records);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let (decoded, _) = decode_all(&bytes);
        prop_assert!(bytes.starts_with(&bytes_of(&decoded)), "one encoding per record");
        bytes.truncate(length.index(bytes.len()));
        let (decoded, malformed) = decode_all(&bytes);
        let taken: usize = decoded.iter().map(Record::encoded_len).sum();
        prop_assert_eq!(malformed.map_or(bytes.len(), |malformed| malformed.at), taken);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (decoded, malformed) = decode_all(&bytes);
        prop_assert!(malformed.is_some() || bytes_of(&decoded) == bytes);
    }
}

#[test]
fn floats_keep_their_bits() {
    let vector = [
        f32::NAN,
        f32::from_bits(0xFF80_0001),
        -0.0,
        f32::INFINITY,
        f32::from_bits(1),
    ];
    let (decoded, _) = decode_all(&bytes_of(&[upsert("a", &vector)]));
    let Some(Record::Upsert(item)) = decoded.first() else {
        panic!("{decoded:?}")
    };
    let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&item.vector), bits(&vector));
}

#[test]
fn wrong_lengths_ask_for_no_memory() {
    let whole = bytes_of(&[upsert("a", &[1.0; 4])]);
    // The record's length, the id's, the document's, the vector's.
    for at in [0, 8, 12, 16] {
        for length in [u32::MAX, 1 << 30, MAX_RECORD_BYTES as u32 + 1, whole.len() as u32] {
            let mut bytes = whole.clone();
            bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
            let (decoded, malformed) = decode_all(&bytes);
            assert_eq!(decoded, [], "{length} at {at}");
            assert_eq!(malformed.unwrap().at, 0);
        }
    }
}

#[test]
fn every_part_of_a_record_has_one_meaning() {
    let whole = bytes_of(&[delete("a")]);
    for (at, value, found) in [
        (4, 6, "unknown kind"),
        (4, 0, "unknown kind"),
        (5, 1, "unknown flags"),
        (6, 1, "unknown flags"),
        (8, 0, "behind its end"),
        (12, 0xFF, "UTF-8"),
    ] {
        let mut bytes = whole.clone();
        bytes[at] = value;
        let (_, malformed) = decode_all(&bytes);
        assert!(
            malformed.as_ref().is_some_and(|why| why.found.contains(found)),
            "{malformed:?}: {found}"
        );
    }
    assert_eq!(MIN_RECORD_BYTES, 8);
}

/// Made by hand from the tables in the module's documentation.
#[test]
fn an_event_is_as_documented() {
    let bytes = bytes_of(&[Record::Event("{}".into())]);
    assert_eq!(bytes, [10, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, b'{', b'}']);
    assert_eq!(decode_all(&bytes), (vec![Record::Event("{}".into())], None));
}

#[test]
fn frames_that_cannot_be_are_refused() {
    use crate::log::frame::FrameHeader;
    let mark = SegmentHeader::new(1).mark;
    let sealed = |first: u64, count: usize| {
        let mut frame = Vec::new();
        encode_frame(&[delete("a")], &mut frame).unwrap();
        seal(&mut frame, first, count, mark);
        let header = frame.first_chunk::<FRAME_HEADER_BYTES>().copied().unwrap();
        FrameHeader::parse(&header, mark)
    };
    assert_eq!(
        sealed(7, 1).map(|header| (header.first, header.last())),
        Some((7, 7))
    );
    // No records; more than fit into its bytes; positions that do not exist.
    assert_eq!(
        (sealed(7, 0), sealed(7, 2), sealed(u64::MAX, 1)),
        (None, None, None)
    );
}
