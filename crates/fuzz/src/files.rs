//! A store's files that something has damaged: large values are themselves or refused, and nothing else goes down with
//! them. Bytes say where the damage is: each six are a place, a byte and what is done with it.

use kitaru_core::event::{Completed, Created, EntryPoint};
use kitaru_core::{Body, ExecutionId, Value};
use kitaru_store::{ExecutionFilter, Options, Page, Store, StoreError, Synchronous, WaitFilter};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

const ID: &str = "01a22af0-5aca-75d4-9989-41aaeee40c05";

/// A store that is whole.
struct Base {
    folder: TempDir,
    large: Vec<Value>,
    texts: Vec<String>,
}

fn open(home: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let options = Options { synchronous: Synchronous::Normal, ..Options::default() };
    kitaru_store::open(&home.join("kitaru.db").display().to_string(), home, &options)
}

/// Texts of which one compresses well, one does not, and one stands in rows.
fn texts() -> Vec<String> {
    let mut state = 7_u64;
    let mut letter = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + (state >> 33) as u8 % 90)
    };
    let noise: String = (0..150_000).map(|_| letter()).filter(|one| !matches!(one, '"' | '\\')).collect();
    vec![format!("\"{noise}\""), format!("\"{}\"", "all the same ".repeat(20_000)), format!("\"{}\"", &noise[..9_000])]
}

/// `None`: it could not be made.
fn base() -> Option<&'static Base> {
    static BASE: OnceLock<Option<Base>> = OnceLock::new();
    BASE.get_or_init(|| made().ok()).as_ref()
}

fn made() -> Result<Base, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let store = open(folder.path())?;
    let mut events = vec![Body::Created(Box::new(Created {
        flow: "f".to_owned(),
        inputs: Value::of(&())?,
        entry: EntryPoint::default(),
        code: None,
        parent: None,
        fork: None,
        key: None,
        detached: false,
        pool: None,
        pause_before: Vec::new(),
        deadline: None,
        tags: Vec::new(),
    }))];
    for text in texts() {
        let result = Value::json(text)?;
        events.push(Body::Completed(Completed { result, volatile: None, reused: Vec::new() }));
    }
    let id = ExecutionId::new(ID);
    store.create(&id, 1, events, None)?;
    let large = store.load(&id, 1, 0)?.into_iter().filter_map(|event| match event.body {
        Body::Completed(done) => Some(done.result),
        _ => None,
    });
    let large = large.collect();
    Ok(Base { folder, large, texts: texts() })
}

/// A copy of the whole store, with one of its files damaged as the bytes say.
fn damaged(base: &Base, bytes: &[u8], is_it: impl Fn(&Path) -> bool) -> std::io::Result<TempDir> {
    let home = tempfile::tempdir()?;
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        std::fs::create_dir_all(home.path().join(&below))?;
        for entry in std::fs::read_dir(base.folder.path().join(&below))? {
            let (entry, to) = (entry?, below.clone());
            let to = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(to);
                continue;
            }
            let mut content = std::fs::read(entry.path())?;
            if is_it(&to) {
                damage(&mut content, bytes);
            }
            std::fs::write(home.path().join(to), content)?;
        }
    }
    Ok(home)
}

fn damage(content: &mut Vec<u8>, bytes: &[u8]) {
    for edit in bytes.chunks_exact(6) {
        let place = u32::from_le_bytes([edit[0], edit[1], edit[2], edit[3]]) as usize % content.len().max(1);
        match edit[5] % 4 {
            0 => content.truncate(place),
            1 => content[place..].iter_mut().take(4096).for_each(|byte| *byte = edit[4]),
            _ => {
                if let Some(byte) = content.get_mut(place) {
                    *byte ^= edit[4];
                }
            }
        }
    }
}

/// Each large value as it was, or an error. Of what has no digest nothing is said here.
fn read(base: &Base, home: &Path) {
    let Ok(store) = open(home) else { return };
    for (value, text) in base.large.iter().zip(&base.texts) {
        assert!(value.inline().is_none(), "a large value is stored apart");
        if let Ok(read) = store.value(&value.reference()) {
            assert!(read == *text, "another value is handed out");
        }
    }
    let id = ExecutionId::new(ID);
    let queries = store.queries();
    let page = Page { limit: 10, offset: 0 };
    drop((store.load(&id, 0, 0), queries.execution(&id), queries.calls(&id), queries.logs(&id, 0, 0)));
    drop((queries.executions(&ExecutionFilter::default(), page), queries.waits(&WaitFilter::default(), page)));
    drop((queries.artifacts(&id), queries.statistics(0), queries.tags(), queries.health(true)));
}

fn run(bytes: &[u8], is_it: impl Fn(&Path) -> bool) {
    let home = base().map(|base| (base, damaged(base, bytes, is_it)));
    assert!(matches!(home, Some((_, Ok(_)))), "there is no store to damage");
    if let Some((base, Ok(home))) = home {
        read(base, home.path());
    }
}

fn edits(samples: &[(u32, u8, u8)]) -> Vec<Vec<u8>> {
    let one = |(place, byte, how): &(u32, u8, u8)| [&place.to_le_bytes()[..], &[*byte, *how]].concat();
    samples.iter().map(one).collect()
}

pub fn packs() -> Vec<Vec<u8>> {
    edits(&[(100, 1, 2), (140_000, 255, 2), (70_000, 0, 0), (0, 0, 1), (3_000, 7, 3)])
}

pub fn pack(bytes: &[u8]) {
    run(bytes, |path| path.extension().is_some_and(|kind| kind == "pack"));
}

pub fn databases() -> Vec<Vec<u8>> {
    edits(&[(0, 1, 2), (24, 255, 2), (4_096, 0, 1), (9_000, 16, 2), (20_000, 3, 3), (8_192, 0, 0)])
}

pub fn database(bytes: &[u8]) {
    run(bytes, |path| path.extension().is_some_and(|kind| kind == "db"));
}
