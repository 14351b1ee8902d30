//! Hashes that are the same in every process and version: checkpoints keep them.

const WORD: u64 = 0x9E37_79B9_7F4A_7C15;
const OTHER: u64 = 0xD6E8_FEB8_6659_FD93;

/// Two numbers as one.
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ WORD) * u128::from(b.rotate_left(32) ^ OTHER);
    (product as u64) ^ ((product >> 64) as u64)
}

/// What a text is hashed as; the same text in another role is another number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// An event's own id.
    Event = 1,
    /// A user.
    User = 2,
    /// A visit.
    Session = 3,
    /// A basket.
    Basket = 4,
    /// An item.
    Item = 5,
    /// A type of event.
    Kind = 6,
    /// A segment.
    Segment = 7,
    /// What a user did on one day, where no visit is named.
    Day = 8,
    /// What a user bought on one day, where no basket is named.
    DayBasket = 9,
}

/// A text as a number.
pub(super) fn hash(role: Role, text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut state = mix(role as u64, text.len() as u64);
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(mix(state, u64::from_le_bytes(last)), OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn hashes_never_change() {
        let found = [
            hash(Role::User, ""),
            hash(Role::User, "u1"),
            hash(Role::Item, "B07CVR21VN"),
            mix(1, 2),
        ];
        assert_eq!(
            found, EXPECTED,
            "checkpoints that are there would no longer be understood: {found:x?}"
        );
    }

    #[test]
    fn texts_and_roles_differ() {
        let texts: Vec<String> = (0..50_000).map(|n| format!("{n}")).collect();
        let roles = [Role::User, Role::Session];
        let all: HashSet<u64> = roles
            .into_iter()
            .flat_map(|role| texts.iter().map(move |text| hash(role, text)))
            .collect();
        assert_eq!(all.len(), 100_000);
        let padded: HashSet<u64> = ["a", "a\0", "a\0\0", "\0a", "aaaaaaaa", "aaaaaaaa\0"]
            .into_iter()
            .map(|text| hash(Role::User, text))
            .collect();
        assert_eq!(padded.len(), 6);
        let low: HashSet<u64> = all.iter().map(|hash| hash & 0xFFFF).collect();
        assert!(low.len() > 50_000, "{} of 65,536 low halves", low.len());
    }

    const EXPECTED: [u64; 4] = [
        0x5CC7_1C6F_5AF6_D84F,
        0x7331_BE5F_633E_3E5F,
        0x244D_7406_BB28_8275,
        0xF064_7A58_5180_D7B0,
    ];
}
