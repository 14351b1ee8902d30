use super::*;
use crate::catalog::Row;
use crate::learn::Basket;
use crate::schema::Schema;
use crate::snapshot::{BuildFacts, Collection, Made, Store, Verify};
use alike_indexes::{BuildSettings, Kind};
use serde_json::json;

fn schema() -> Schema {
    serde_json::from_value(json!({"id": "id", "vector": "v"})).unwrap()
}

/// Baskets of neighbors on a circle of 30 items.
fn baskets(items: usize, number: &dyn Fn(&str) -> Option<u32>) -> Interactions {
    assert_eq!((items, number("i999")), (30, None));
    let basket = |at: i64| Basket {
        time: at,
        items: [at % 30, (at + 1) % 30]
            .map(|item| number(&format!("i{item}")).unwrap())
            .to_vec(),
    };
    Interactions {
        items,
        baskets: (0..900).map(basket).collect(),
        now: 900,
        ..Interactions::default()
    }
}

fn published(gather: Gather<'_>, learns: bool) -> (tempfile::TempDir, Collection, String) {
    let folder = tempfile::tempdir().unwrap();
    let collection = Store::create(folder.path()).unwrap().collection("c").unwrap();
    let schema = schema();
    let mut writer = SnapshotWriter::new(&collection, &schema).unwrap();
    for at in 0..30 {
        let fields = json!({"id": format!("i{at}"), "v": [at, 1]});
        let row = Row {
            line: 1,
            fields: fields.as_object().unwrap().clone(),
        };
        let item = schema.item(row).unwrap();
        writer.push(&item, item.vector.as_ref().unwrap()).unwrap();
    }
    let settings = BuildSettings::new(Kind::Flat, Metric::Cosine);
    writer.build_index(&settings, &|_| ()).unwrap();
    assert_eq!(writer.learn(gather, &(), Some(1)).unwrap(), learns);
    let made = Made {
        schema,
        document_fields: vec!["id".to_owned(), "v".to_owned()],
        model: None,
        metric: Metric::Cosine,
        dimension: 2,
        index: Kind::Flat,
    };
    let manifest = Manifest::new("c", made, BuildFacts::default());
    let id = writer.finish(&collection, manifest).unwrap();
    (folder, collection, id)
}

#[test]
fn what_was_learned_comes_back_with_the_snapshot() {
    let (_folder, collection, id) = published(&baskets, true);
    let snapshot = collection.open(&id, Verify::Full).unwrap();
    let model = snapshot.learned().unwrap();
    let row = |id: &str| snapshot.row_of(id).unwrap().0;
    let mut beside: Vec<u32> = model
        .together((&[row("i7")], &[]), 900, 2, None)
        .iter()
        .map(|found| found.0)
        .collect();
    beside.sort_unstable();
    assert_eq!(beside, [row("i6"), row("i8")]);
}

#[test]
fn too_few_events_teach_nothing() {
    let (_folder, collection, id) = published(&|_, _| Interactions::default(), false);
    assert!(collection.open(&id, Verify::Full).unwrap().learned().is_none());
}

#[test]
fn a_damaged_model_is_refused_by_name() {
    for verify in [Verify::Quick, Verify::Full] {
        let (_folder, collection, id) = published(&baskets, true);
        let path = collection.open(&id, Verify::Full).unwrap().dir().join(MODEL_FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] ^= 1;
        // Published files are read-only: replaced, as a bad disk would.
        unlock(path.parent().unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let error = collection.open(&id, verify).err().unwrap().to_string();
        assert!(error.contains(MODEL_FILE) && error.contains("damaged"), "{error}");
    }
}

fn unlock(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}
