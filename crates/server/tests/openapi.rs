//! The OpenAPI document is the one in `docs/openapi.json`, so that a change of the API is seen where it is made.
//!
//! `KITARU_UPDATE=1` writes it anew. That answers are as the document says is tested in `tests/server`.

use std::path::Path;

#[test]
fn the_document_is_the_committed_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let text = serde_json::to_string_pretty(&kitaru_server::document().unwrap()).unwrap() + "\n";
    if std::env::var_os("KITARU_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == text, "docs/openapi.json is another: KITARU_UPDATE=1 cargo test -p kitaru-server");
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document = kitaru_server::document().unwrap();
    let text = document.to_string();
    let mut found = 0;
    for part in text.split("\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "#{pointer}");
        found += 1;
    }
    assert!(found > 20);
    let names = document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let mut names: Vec<_> = names.map(|one| one["operationId"].as_str().unwrap().to_owned()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "a name is there twice");
}
