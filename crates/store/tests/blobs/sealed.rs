//! A sealed store: what leaves for the place of large values is sealed, and is sealed anew there.

use super::{Cluster, SECRET, files, folder, must_read, opened, run, text, write};
use kitaru_store::{Reached, Resealed};
use std::path::Path;

fn has(folder: &Path, text: &str) -> usize {
    let holds = |bytes: Vec<u8>| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    files(folder).into_iter().filter(|one| holds(std::fs::read(one).unwrap())).count()
}

#[test]
fn only_sealed_bytes_lie_there_and_keys_change_with_them() {
    let (cluster, (home, blobs), keys) = (Cluster::quick(), folder(), tempfile::tempdir().unwrap());
    let file = keys.path().join("keys");
    kitaru_store::keys::make(&file, "2026-11-30").unwrap();
    let address = cluster.address("sealed");
    let all = [text(1, 700_000), text(2, 900_000)];
    write(opened(&address, Some(&blobs), None).unwrap().as_ref(), &all);
    assert_eq!(has(home.path(), SECRET), 2);
    let plain = files(home.path());
    let store = opened(&address, Some(&blobs), Some(file.clone())).unwrap();
    let more = [text(3, 700_000)];
    write(store.as_ref(), &more);
    assert_eq!(has(home.path(), SECRET), 2);
    for round in 0..2 {
        let before = files(home.path());
        let ring = store.keyring().unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = opened(&address, Some(""), Some(file.clone())).unwrap();
            let done = &done;
            let reads = scope.spawn(move || {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    must_read(reader.as_ref(), &[text(1, 700_000), text(2, 900_000), text(3, 700_000)]);
                }
            });
            let mut reached = Reached::default();
            while ring.reseal(&mut reached).unwrap() != Resealed::All {}
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            reads.join().unwrap();
        });
        assert_eq!(ring.left().unwrap(), 0);
        let after = files(home.path());
        assert_eq!(after.len(), before.len());
        // Of the plain ones nothing is left; by another key each has another name.
        assert!(plain.iter().all(|one| !after.contains(one)) && has(home.path(), SECRET) == 0);
        assert!(round == 0 || before.iter().all(|one| !after.contains(one)));
        must_read(store.as_ref(), &all);
        must_read(store.as_ref(), &more);
        kitaru_store::keys::make(&file, "2026-12-01").unwrap();
        ring.change().unwrap();
    }
    assert!(run(&cluster, "sealed", "SELECT id FROM chunks WHERE place IS NULL AND stored >= 9000").is_empty());
}
