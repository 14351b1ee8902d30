//! Texts on which a variant is compared with the plain graph: many kinds, scripts and lengths.

/// Texts of one line each.
const SHORT: [&str; 40] = [
    "",
    "red running shoes",
    "USB-C charger 65 W",
    "?",
    "a",
    "iPhone 15 Pro Max case, clear, MagSafe",
    "women's waterproof hiking boots size 8 wide",
    "How do I reset my router?",
    "The weather is lovely today.",
    "He drove to the stadium.",
    "Attention is all you need",
    "Quantum error correction with surface codes at low overhead",
    "We prove that every finite group of odd order is solvable.",
    "SELECT name FROM items WHERE price < 10 ORDER BY name;",
    "fn main() { println!(\"{}\", 1 + 1); }",
    "https://example.org/a/b?c=d&e=f#g",
    "4711 0815 3.14159 -40 °C 1e-9 50 % $12.99",
    "Crème brûlée, jalapeño, smörgåsbord, naïve façade",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "Le petit chat dort sur le canapé rouge près de la fenêtre.",
    "¿Dónde está la biblioteca más cercana?",
    "O comboio parte às sete e meia da manhã.",
    "Una giornata di pioggia in montagna",
    "Быстрая коричневая лиса перепрыгивает через ленивую собаку",
    "Η γρήγορη καφέ αλεπού πηδάει πάνω από τον σκύλο",
    "الطقس جميل اليوم في المدينة القديمة",
    "השועל החום המהיר קופץ מעל הכלב העצלן",
    "तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है",
    "敏捷的棕色狐狸跳过了懒狗",
    "東京で一番おいしいラーメン屋はどこですか",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다",
    "สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ",
    "Con cáo nâu nhanh nhẹn nhảy qua con chó lười",
    "🙂 👍🏽 🚀 emoji only, nearly",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "the the the the the the the the the the",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "not bad at all, would not buy again, though not because of the price",
    "Stainless steel water kettle, 1.7 l, with temperature control and a filter; boils dry? switches off.",
    "A waterproof jacket for two days of rain in the mountains, not too warm, with pockets that a map fits into.",
];

/// How many lines the longer texts have; the longest are cut at the model's limit.
const LINES: [usize; 6] = [2, 3, 6, 12, 24, 80];
/// Longer texts of each length.
const OF_EACH: usize = 4;

/// All texts: each line alone, then lines joined.
pub(super) fn texts() -> Vec<String> {
    let lines = SHORT.iter().map(|&line| line.to_owned());
    let joined = LINES.iter().flat_map(|&count| {
        (0..OF_EACH).map(move |which| {
            let from = SHORT.iter().cycle().skip(1 + which * 11);
            from.take(count).copied().collect::<Vec<_>>().join(" ")
        })
    });
    lines.chain(joined).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_many_different_texts_from_empty_to_long() {
        let texts = texts();
        let different: std::collections::HashSet<_> = texts.iter().collect();
        assert_eq!((texts.len(), different.len()), (64, 64));
        assert!(texts.iter().any(String::is_empty));
        assert!(texts.iter().any(|text| text.len() > 3000));
    }
}
