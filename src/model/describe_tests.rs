use super::*;
use tempfile::TempDir;

/// The files of an ordinary sentence encoder.
fn encoder() -> Vec<(&'static str, String)> {
    let module = |kind: &str, path: &str| {
        format!("{{\"type\": \"sentence_transformers.models.{kind}\", \"path\": \"{path}\"}}")
    };
    let modules = [
        module("Transformer", ""),
        module("Pooling", "1_Pooling"),
        module("Normalize", "2_Normalize"),
    ];
    vec![
        (CONFIG, r#"{"architectures": ["BertModel"], "hidden_size": 8, "max_position_embeddings": 512}"#.to_owned()),
        (MODULES, format!("[{}]", modules.join(","))),
        ("1_Pooling/config.json", r#"{"word_embedding_dimension": 8, "pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false}"#.to_owned()),
        (PROMPTS, r#"{"prompts": {"query": "q: ", "passage": "p: "}}"#.to_owned()),
        (LENGTHS, r#"{"max_seq_length": 128}"#.to_owned()),
    ]
}

fn folder(files: &[(&str, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

fn settings(files: &[(&str, String)], overrides: &Overrides) -> Result<ModelSettings, PullError> {
    let folder = folder(files);
    let described = Described {
        origin: "owner/model",
        folder: folder.path(),
        overrides,
    };
    described.settings("model", "1")
}

fn refusal(files: &[(&str, String)]) -> String {
    settings(files, &Overrides::default()).unwrap_err().to_string()
}

/// The encoder's files with one of them replaced, or left out.
fn with(name: &'static str, content: Option<&str>) -> Vec<(&'static str, String)> {
    let mut files: Vec<_> = encoder().into_iter().filter(|(file, _)| *file != name).collect();
    files.extend(content.map(|content| (name, content.to_owned())));
    files
}

#[test]
fn everything_comes_from_the_files() {
    let found = settings(&encoder(), &Overrides::default()).unwrap();
    assert_eq!((found.dimension, found.max_tokens), (8, 128));
    assert_eq!(
        (found.pooling, found.normalize, found.task),
        (Pooling::Mean, true, Task::Embed)
    );
    assert_eq!(
        (found.query_prefix.as_str(), found.document_prefix.as_str()),
        ("q: ", "p: ")
    );
}

#[test]
fn flags_go_before_files_and_stand_in_for_missing_ones() {
    let overrides = Overrides {
        pooling: Some(Pooling::Cls),
        normalize: Some(false),
        dimension: Some(4),
        max_tokens: Some(32),
        query_prefix: Some("search: ".to_owned()),
        document_prefix: Some(String::new()),
        output: Some("states".to_owned()),
    };
    for files in [encoder(), vec![(CONFIG, "{}".to_owned())]] {
        let found = settings(&files, &overrides).unwrap();
        assert_eq!((found.dimension, found.max_tokens), (4, 32));
        assert_eq!((found.pooling, found.normalize), (Pooling::Cls, false));
        assert_eq!(
            (found.query_prefix.as_str(), found.document_prefix.as_str()),
            ("search: ", "")
        );
        assert_eq!(found.output.as_deref(), Some("states"));
    }
}

#[test]
fn what_no_file_says_is_asked_for_by_file_and_flag() {
    for (file, flag) in [
        (CONFIG, "config.json"),
        (MODULES, "--pooling"),
        ("1_Pooling/config.json", "--pooling"),
        (PROMPTS, "--query-prefix"),
        (LENGTHS, "--max-tokens"),
    ] {
        let message = refusal(&with(file, None));
        assert!(
            message.contains("owner/model") && message.contains(flag),
            "{file}: {message}"
        );
        assert!(
            message.contains(file.rsplit('/').next().unwrap()),
            "{file}: {message}"
        );
    }
    let message = refusal(
        &with(CONFIG, Some("{}"))
            .into_iter()
            .filter(|(file, _)| !file.starts_with("1_"))
            .collect::<Vec<_>>(),
    );
    assert!(message.contains("--pooling"), "{message}");
}

#[test]
fn what_a_bundle_cannot_express_is_refused() {
    let dense = r#"[{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]"#;
    for (file, content, expected) in [
        (MODULES, dense, "Dense"),
        (
            MODULES,
            r#"[{"type": "x.Pooling", "path": "../../etc"}]"#,
            "../../etc",
        ),
        (MODULES, r#"[{"type": "x.Pooling", "path": "/etc"}]"#, "/etc"),
        (MODULES, "{", "modules.json"),
        (
            "1_Pooling/config.json",
            r#"{"pooling_mode_max_tokens": true}"#,
            "max",
        ),
        (
            "1_Pooling/config.json",
            r#"{"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": true}"#,
            "max, mean",
        ),
        (
            "1_Pooling/config.json",
            r#"{"pooling_mode": "lasttoken"}"#,
            "lasttoken",
        ),
        (
            "1_Pooling/config.json",
            r#"{"pooling_mode_cls_token": true, "include_prompt": false}"#,
            "include_prompt",
        ),
        ("1_Pooling/config.json", "[1]", "1_Pooling/config.json"),
        (CONFIG, "not json", "config.json"),
        (PROMPTS, r#"{"prompts": 3}"#, PROMPTS),
        (LENGTHS, r#"{"max_seq_length": -1}"#, LENGTHS),
    ] {
        let message = refusal(&with(file, Some(content)));
        assert!(message.contains(expected), "{file} {content}: {message}");
    }
}

#[test]
fn lengths_of_tokenizer_and_positions_stand_in_together() {
    let mut files = with(LENGTHS, Some("{}"));
    files.push((TOKENIZER_CONFIG, r#"{"model_max_length": 1e30}"#.to_owned()));
    assert_eq!(settings(&files, &Overrides::default()).unwrap().max_tokens, 512);
    files.last_mut().unwrap().1 = r#"{"model_max_length": 64}"#.to_owned();
    assert_eq!(settings(&files, &Overrides::default()).unwrap().max_tokens, 64);
}

#[test]
fn prompts_fall_back_to_the_default_one_and_to_none() {
    let content = r#"{"prompts": {"query": "q: ", "all": "a: "}, "default_prompt_name": "all"}"#;
    let found = settings(&with(PROMPTS, Some(content)), &Overrides::default()).unwrap();
    assert_eq!(
        (found.query_prefix.as_str(), found.document_prefix.as_str()),
        ("q: ", "a: ")
    );
    let found = settings(
        &with(PROMPTS, Some("{\"__version__\": {}}")),
        &Overrides::default(),
    )
    .unwrap();
    assert_eq!(
        (found.query_prefix.as_str(), found.document_prefix.as_str()),
        ("", "")
    );
}

#[test]
fn one_label_makes_a_reranker_and_more_are_refused() {
    let lengths = (TOKENIZER_CONFIG, r#"{"model_max_length": 512}"#.to_owned());
    let config = |labels: &str| {
        let text = format!(
            r#"{{"architectures": ["BertForSequenceClassification"], "max_position_embeddings": 512, {labels}}}"#
        );
        vec![(CONFIG, text), lengths.clone()]
    };
    let found = settings(&config(r#""id2label": {"0": "LABEL_0"}"#), &Overrides::default()).unwrap();
    assert_eq!(
        (found.task, found.dimension, found.max_tokens),
        (Task::Rerank, 1, 512)
    );
    assert_eq!((found.pooling, found.normalize), (Pooling::None, false));
    for (labels, expected) in [
        (r#""id2label": {"0": "no", "1": "yes"}"#, "2 labels"),
        (r#""num_labels": 3"#, "3 labels"),
        (r#""hidden_size": 8"#, "unknown"),
    ] {
        let message = refusal(&config(labels));
        assert!(message.contains(expected), "{message}");
    }
    let overrides = Overrides {
        pooling: Some(Pooling::Mean),
        ..Overrides::default()
    };
    let message = settings(&config(r#""num_labels": 1"#), &overrides)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("--pooling") && message.contains("reranker"),
        "{message}"
    );
}
