//! Probes, metrics, the API document and the pages.

use crate::support::{Server, alike, shared_shop, temp_dir};
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn a_server_with_everything_is_live_and_ready() {
    let (server, _) = shared_shop();
    for path in ["/livez", "/readyz"] {
        let answer = server.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"), "{path}");
    }
}

#[test]
fn a_server_with_nothing_is_live_but_not_ready() {
    let data = temp_dir();
    let server = Server::start(data.path());
    assert_eq!(server.get("/livez").status, 200);
    let problem = server.get("/readyz").problem(503);
    assert!(
        problem["detail"].as_str().unwrap().contains("alike build"),
        "{problem}"
    );
    assert_eq!(server.get("/v1/collections").json(), json!({"collections": []}));
    let problem = server.search("shop", &json!({"text": "x"})).problem(404);
    assert_eq!(problem["field"], "collection");
}

#[test]
fn a_busy_port_is_named() {
    let (server, data) = shared_shop();
    let data = data.to_str().unwrap();
    alike(["serve", "--data", data, "--listen", server.address()])
        .failed_naming(&[server.address(), "cannot listen"]);
}

#[test]
fn bad_settings_are_named() {
    let (_, data) = shared_shop();
    let data = data.to_str().unwrap();
    alike(["serve", "--data", data, "--listen", "nowhere"]).failed_naming(&["--listen"]);
    alike(["serve", "--listen", "127.0.0.1:0"]).failed_naming(&["--data"]);
    alike(["serve", "--data", "/does/not/exist", "--listen", "127.0.0.1:0"])
        .failed_naming(&["/does/not/exist"]);
    alike(["serve", "--data", data, "--config", "/does/not/exist.toml"])
        .failed_naming(&["/does/not/exist.toml"]);
}

#[test]
fn metrics_are_there_and_move() {
    let (server, _) = shared_shop();
    let requests = "alike_http_requests_total{method=\"POST\",route=\"/v1/collections/{collection}/search\",status=\"200\"}";
    let series = [
        requests,
        "alike_http_request_duration_seconds_count{method=\"POST\",route=\"/v1/collections/{collection}/search\"}",
        "alike_encode_duration_seconds_count",
        "alike_search_duration_seconds_count{collection=\"shop\"}",
    ];
    server.search("shop", &json!({"text": "a first one"})).ids();
    let before = series.map(|series| server.metric(series).unwrap_or_else(|| panic!("no {series}")));
    server.search("shop", &json!({"text": "one more"})).ids();
    for (series, before) in series.into_iter().zip(before) {
        assert!(
            server.metric(series) >= Some(before + 1.0),
            "{series} does not move"
        );
    }
    let text = server.get("/metrics");
    assert!(
        text.content_type.starts_with("text/plain; version=0.0.4"),
        "{}",
        text.content_type
    );
    let text = text.text();
    let searches: f64 = text
        .lines()
        .filter(|line| line.starts_with("alike_searches_total{collection=\"shop\""))
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum();
    assert!(searches >= 2.0, "{searches}");
    let snapshot = server.snapshot("shop");
    for needle in [
        "alike_collection_items{collection=\"shop\"} 40",
        "alike_collection_items{collection=\"points\"} 50",
        "alike_snapshot_info{collection=\"shop\",model=\"all-minilm-l6-v2",
        &format!("snapshot=\"{snapshot}\"}} 1"),
        "alike_snapshot_recall{collection=\"shop\"} ",
        "alike_snapshot_bytes{collection=\"shop\"} ",
        "alike_snapshot_published_timestamp_seconds{collection=\"shop\"} ",
        "alike_snapshot_opens_total{collection=\"shop\",outcome=\"ok\"} 1",
        "alike_snapshot_opens_total{collection=\"shop\",outcome=\"refused\"} 0",
        "alike_build_info{version=\"",
        "# TYPE alike_http_request_duration_seconds histogram",
        "# TYPE alike_search_duration_seconds histogram",
        "# TYPE alike_encode_duration_seconds histogram",
        "alike_http_requests_in_flight ",
        "process_resident_memory_bytes ",
        "process_cpu_seconds_total ",
        "process_open_fds ",
    ] {
        assert!(text.contains(needle), "no {needle:?} in\n{text}");
    }
}

#[test]
fn probing_does_not_grow_the_metrics() {
    let (server, _) = shared_shop();
    for at in 0..20 {
        server.get(&format!("/no/such/route/{at}")).problem(404);
    }
    let text = server.get("/metrics").text();
    assert!(
        text.contains("route=\"none\",status=\"404\"") && !text.contains("/no/such"),
        "{text}"
    );
}

/// Every method and route of the service.
const ROUTES: [&str; 49] = [
    "delete /v1/collections/{collection}",
    "delete /v1/collections/{collection}/items/{id}",
    "delete /v1/collections/{collection}/placements/{placement}",
    "delete /v1/experiments/{experiment}",
    "delete /v1/jobs/{id}",
    "get /health",
    "get /info",
    "get /livez",
    "get /metrics",
    "get /readyz",
    "get /v1/collections",
    "get /v1/collections/{collection}",
    "get /v1/collections/{collection}/items/{id}",
    "get /v1/collections/{collection}/placements",
    "get /v1/collections/{collection}/placements/{placement}",
    "get /v1/collections/{collection}/recommend/{placement}",
    "get /v1/collections/{collection}/snapshots",
    "get /v1/collections/{collection}/trending",
    "get /v1/experiments",
    "get /v1/experiments/{experiment}",
    "get /v1/jobs",
    "get /v1/jobs/{id}",
    "get /v1/models",
    "get /v1/models/{model}",
    "patch /v1/collections/{collection}",
    "patch /v1/collections/{collection}/items",
    "patch /v1/collections/{collection}/items/{id}",
    "post /decode",
    "post /embed",
    "post /rerank",
    "post /similarity",
    "post /tokenize",
    "post /v1/collections/{collection}/items",
    "post /v1/collections/{collection}/items/count",
    "post /v1/collections/{collection}/items/delete",
    "post /v1/collections/{collection}/items/get",
    "post /v1/collections/{collection}/items/scroll",
    "post /v1/collections/{collection}/recommend",
    "post /v1/collections/{collection}/search",
    "post /v1/collections/{collection}/snapshots",
    "post /v1/collections/{collection}/snapshots/gc",
    "post /v1/collections/{collection}/snapshots/rollback",
    "post /v1/collections/{collection}/snapshots/{id}/promote",
    "post /v1/collections/{collection}/snapshots/{id}/verify",
    "post /v1/embeddings",
    "post /v1/events",
    "put /v1/collections/{collection}",
    "put /v1/collections/{collection}/placements/{placement}",
    "put /v1/experiments/{experiment}",
];

#[test]
fn the_api_document_has_every_route() {
    let (server, _) = shared_shop();
    let document = server.get("/openapi.json").json();
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{}",
        document["openapi"]
    );
    let found: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods
                .as_object()
                .unwrap()
                .keys()
                .map(move |method| format!("{method} {path}"))
        })
        .collect();
    assert_eq!(found, ROUTES.map(str::to_owned).into());
    let text = document.to_string();
    for reference in text
        .split("\"$ref\":\"#")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
    {
        assert!(
            document.pointer(reference).is_some(),
            "dangling reference {reference}"
        );
    }
    assert!(text.contains("application/problem+json"));
    for (path, schema) in [
        ("/v1/embeddings", "EmbeddingsBody"),
        ("/embed", "EmbedBody"),
        ("/rerank", "RerankBody"),
    ] {
        let example = &document["components"]["schemas"][schema]["example"];
        assert!(example.is_object(), "{path} has no example");
        assert_ne!(
            server.post(path, example).status,
            422,
            "the example of {path} is understood"
        );
    }
}

#[test]
fn the_pages_need_no_other_host() {
    let (server, _) = shared_shop();
    for path in ["/", "/docs", "/docs/"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(
            answer.content_type.starts_with("text/html"),
            "{path}: {}",
            answer.content_type
        );
        let text = answer.text().to_lowercase();
        assert!(text.contains("<html"), "{path}: {text}");
        for loads in [
            "src=\"http",
            "src='http",
            "src=\"//",
            "href=\"http",
            "href=\"//",
            "url(http",
            "@import",
            "fetch(\"http",
        ] {
            assert!(
                !text.contains(loads),
                "{path} loads from another host ({loads}): {text}"
            );
        }
    }
    for line in server
        .get("/docs/")
        .text()
        .split('"')
        .filter(|part| part.ends_with(".js") || part.ends_with(".css"))
    {
        let path = format!("/docs/{}", line.trim_start_matches("./"));
        assert_eq!(server.get(&path).status, 200, "{path}");
    }
}

#[test]
fn a_request_id_comes_back() {
    let (server, _) = shared_shop();
    let agent = ureq::Agent::new_with_defaults();
    let trending = "/v1/collections/shop/trending";
    // The second answer of a list is one that is kept.
    for path in ["/livez", trending, trending] {
        let request = ureq::http::Request::get(format!("http://{}{path}", server.address()));
        let request = request.header("x-request-id", "r-17").body(()).unwrap();
        let response = agent.run(request).unwrap();
        assert_eq!(response.headers()["x-request-id"], "r-17", "{path}");
    }
}
