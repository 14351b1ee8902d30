//! A small invented shop whose neighbors are plain to see.

use serde_json::{Value, json};

/// The flags that declare the shop's fields.
pub(crate) const SHOP_SCHEMA: [&str; 6] = [
    "--id",
    "id",
    "--embed",
    "title,brand",
    "--filter",
    "price,category,brand,rating,color,in_stock,created,sizes",
];

/// id, title, brand, category, price, colors, rating, in stock, created, sizes
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    f64,
    &'static [&'static str],
    f64,
    bool,
    &'static str,
    &'static [f64],
);

#[rustfmt::skip]
const ROWS: [Row; 40] = [
    ("KIT-1", "Stainless steel thermos flask for hot drinks", "Norvig", "Kitchen", 24.5, &["silver"], 4.7, true, "2026-01-05", &[]),
    ("KIT-2", "Insulated travel mug that keeps coffee warm", "Norvig", "Kitchen", 19.0, &["black", "red"], 4.6, true, "2026-02-11", &[]),
    ("KIT-3", "French press coffee maker", "Tamura", "Kitchen", 32.0, &["black"], 4.4, true, "2026-03-01", &[]),
    ("KIT-4", "Espresso machine with milk frother", "Tamura", "Kitchen", 189.0, &["silver", "black"], 4.5, false, "2026-03-02", &[]),
    ("KIT-5", "Cast iron frying pan", "Oldfield", "Kitchen", 41.0, &["black"], 4.8, true, "2025-11-20", &[]),
    ("KIT-6", "Chef's knife with wooden handle", "Oldfield", "Kitchen", 58.0, &[], 4.9, true, "2025-12-24", &[]),
    ("KIT-7", "Electric kettle with temperature control", "Tamura", "Kitchen", 49.9, &["white"], 4.2, true, "2026-04-09", &[]),
    ("KIT-8", "Bamboo cutting board", "Oldfield", "Kitchen", 17.5, &["brown"], 4.3, false, "2026-04-10", &[]),
    ("SHO-1", "Red running shoes for women", "Velo", "Shoes", 89.0, &["red"], 4.5, true, "2026-05-01", &[36.0, 37.0, 38.0]),
    ("SHO-2", "Trail running shoes for men", "Velo", "Shoes", 109.0, &["green", "black"], 4.6, true, "2026-05-02", &[41.0, 42.0, 43.5]),
    ("SHO-3", "Waterproof hiking boots", "Karst", "Shoes", 149.0, &["brown"], 4.7, true, "2026-01-15", &[40.0, 41.0, 42.0]),
    ("SHO-4", "White leather sneakers", "Velo", "Shoes", 75.0, &["white"], 4.1, false, "2026-02-15", &[38.0, 39.0]),
    ("SHO-5", "Summer sandals", "Karst", "Shoes", 35.0, &["brown", "blue"], 3.9, true, "2026-06-20", &[37.0]),
    ("SHO-6", "Warm winter slippers of felt", "Karst", "Shoes", 29.0, &["grey"], 4.4, true, "2025-10-01", &[39.0, 40.0]),
    ("ELE-1", "Wireless noise cancelling headphones", "Sonar", "Electronics", 199.0, &["black", "white"], 4.6, true, "2026-03-15", &[]),
    ("ELE-2", "Bluetooth earbuds with charging case", "Sonar", "Electronics", 79.0, &["white"], 4.3, true, "2026-03-16", &[]),
    ("ELE-3", "Portable speaker for the beach", "Sonar", "Electronics", 59.0, &["blue", "red"], 4.2, false, "2026-06-01", &[]),
    ("ELE-4", "Mechanical keyboard for programmers", "Qwert", "Electronics", 129.0, &["black"], 4.8, true, "2026-01-30", &[]),
    ("ELE-5", "Ergonomic wireless mouse", "Qwert", "Electronics", 49.0, &["black"], 4.4, true, "2026-02-01", &[]),
    ("ELE-6", "27 inch computer monitor", "Qwert", "Electronics", 299.0, &["black"], 4.5, true, "2026-02-02", &[]),
    ("ELE-7", "Smartphone charger cable", "Qwert", "Electronics", 12.0, &["white"], 4.0, true, "2026-02-03", &[]),
    ("GAR-1", "Pruning shears for roses", "Oldfield", "Garden", 27.0, &["red"], 4.7, true, "2026-03-20", &[]),
    ("GAR-2", "Garden hose with spray nozzle", "Verde", "Garden", 38.0, &["green"], 4.1, true, "2026-04-01", &[20.0]),
    ("GAR-3", "Ceramic flower pot", "Verde", "Garden", 14.0, &["brown", "white"], 4.3, true, "2026-04-02", &[12.0, 18.0]),
    ("GAR-4", "Tomato seeds for the vegetable patch", "Verde", "Garden", 3.5, &[], 4.6, true, "2026-01-10", &[]),
    ("GAR-5", "Electric lawn mower", "Verde", "Garden", 219.0, &["green"], 4.2, false, "2026-05-05", &[]),
    ("GAR-6", "Bird feeder for small birds", "Verde", "Garden", 22.0, &["green"], 4.5, true, "2025-09-09", &[]),
    ("BOO-1", "A history of the Roman empire", "Stack", "Books", 21.0, &[], 4.4, true, "2025-08-01", &[]),
    ("BOO-2", "Introduction to astronomy and the planets", "Stack", "Books", 33.0, &[], 4.6, true, "2025-08-02", &[]),
    ("BOO-3", "Italian cookbook with pasta recipes", "Stack", "Books", 26.0, &[], 4.7, true, "2025-08-03", &[]),
    ("BOO-4", "Detective novel set in London", "Stack", "Books", 11.0, &[], 4.0, false, "2025-08-04", &[]),
    ("BOO-5", "Picture book about a little bear for children", "Stack", "Books", 15.0, &[], 4.8, true, "2025-08-05", &[]),
    ("TOY-1", "Wooden train set for toddlers", "Klotz", "Toys", 44.0, &["red", "blue"], 4.8, true, "2025-12-01", &[]),
    ("TOY-2", "Plush teddy bear", "Klotz", "Toys", 18.0, &["brown"], 4.9, true, "2025-12-02", &[]),
    ("TOY-3", "Jigsaw puzzle of a mountain lake", "Klotz", "Toys", 16.0, &["blue"], 4.3, true, "2025-12-03", &[]),
    ("TOY-4", "Chess board with carved pieces", "Klotz", "Toys", 52.0, &["brown"], 4.7, false, "2025-12-04", &[]),
    ("SPO-1", "Yoga mat with carrying strap", "Velo", "Sport", 31.0, &["blue"], 4.5, true, "2026-01-02", &[]),
    ("SPO-2", "Adjustable dumbbells for strength training", "Velo", "Sport", 139.0, &["black"], 4.4, true, "2026-01-03", &[]),
    ("SPO-3", "Two person camping tent", "Karst", "Sport", 179.0, &["green"], 4.6, true, "2026-04-20", &[]),
    ("Zelt/Größe 42 % «ü»", "Down sleeping bag for cold nights", "Karst", "Sport", 119.0, &["blue"], 4.5, true, "2026-04-21", &[]),
];

/// The shop's rows as JSON documents.
pub(crate) fn shop_rows() -> Vec<Value> {
    let row = |&(id, title, brand, category, price, color, rating, in_stock, created, sizes): &Row| {
        json!({
            "id": id, "title": title, "brand": brand, "category": category, "price": price, "color": color,
            "rating": rating, "in_stock": in_stock, "created": created, "sizes": sizes,
        })
    };
    ROWS.iter().map(row).collect()
}

/// The shop as JSON lines.
pub(crate) fn shop_jsonl() -> String {
    shop_rows().iter().map(|row| format!("{row}\n")).collect()
}
