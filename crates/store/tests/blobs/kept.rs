//! Where large values are: begun once, kept in the database, and the same for all. Not here: what goes wrong there.

use super::bucket::{Bucket, SECRET as PASSWORD};
use super::{Cluster, files, folder, must_read, opened, prose, run, text, write};
use kitaru_store::Options;
use std::path::Path;

#[test]
fn where_large_values_are_is_kept_and_the_same_for_all() {
    let (bucket, cluster) = (Bucket::started(), Cluster::quick());
    what_is_large_lies_in_the_folder(&cluster);
    what_is_large_lies_in_the_bucket(&cluster, &bucket);
    a_place_is_of_one_store(&cluster);
    a_copy_has_a_place_of_its_own(&cluster);
}

fn what_is_large_lies_in_the_folder(cluster: &Cluster) {
    let (home, blobs) = folder();
    let address = cluster.address("folder");
    // What was written before stays where it is.
    let early = [text(1, 700_000)];
    write(opened(&address, Some(""), None).unwrap().as_ref(), &early);
    let store = opened(&address, Some(&blobs), None).unwrap();
    let all = [text(2, 700_000), text(3, 5_000), text(2, 700_000), prose(9, 900_000)];
    write(store.as_ref(), &all);
    let lying = files(home.path());
    assert!(lying.len() > 10);
    assert!(run(cluster, "folder", "SELECT id FROM chunks WHERE zstd AND place IS NOT NULL").len() > 4);
    let placed = run(cluster, "folder", "SELECT place FROM chunks WHERE data IS NULL ORDER BY place");
    let names: Vec<&str> = lying.iter().map(|one| one.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, placed);
    assert!(run(cluster, "folder", "SELECT id FROM chunks WHERE data IS NOT NULL").len() > 4);
    must_read(store.as_ref(), &all);
    // Whoever is not told where they are finds them, also one that opened the store before.
    let other = opened(&address, Some(""), None).unwrap();
    must_read(other.as_ref(), &all);
    must_read(other.as_ref(), &early);
    let health = other.queries().health(true).unwrap();
    assert!(health.contains(&("blobs".to_owned(), blobs.clone())), "{health:?}");
    assert!(health.contains(&("value_check".to_owned(), "ok".to_owned())), "{health:?}");
    let (_elsewhere, second) = folder();
    let refused = opened(&address, Some(&second), None).err().unwrap();
    assert_eq!(refused.code(), "other-blobs");
    assert!(refused.to_string().contains(&blobs) && refused.to_string().contains(&second), "{refused}");
}

fn what_is_large_lies_in_the_bucket(cluster: &Cluster, bucket: &Bucket) {
    let (address, blobs) = (cluster.address("bucket"), bucket.fresh());
    let store = opened(&address, Some(&blobs), None).unwrap();
    let all = [text(4, 900_000), text(5, 700_000)];
    write(store.as_ref(), &all);
    assert!(bucket.names().len() > 8);
    must_read(opened(&address, Some(""), None).unwrap().as_ref(), &all);
    assert!(!run(cluster, "bucket", "SELECT shelf::text FROM shelf").join("").contains(PASSWORD));
    let unused = store.upkeep().unwrap().collect(None).unwrap();
    assert_eq!((unused.values, unused.chunks), (0, 0));
    must_read(store.as_ref(), &all);
}

fn a_place_is_of_one_store(cluster: &Cluster) {
    let (home, blobs) = folder();
    drop(opened(&cluster.address("one"), Some(&blobs), None).unwrap());
    let refused = opened(&cluster.address("two"), Some(&blobs), None).err().unwrap();
    assert_eq!(refused.code(), "blobs");
    // Nothing was begun by it.
    let (_home, free) = folder();
    drop(opened(&cluster.address("two"), Some(&free), None).unwrap());
    let missing = home.path().join("missing").display().to_string();
    // One that only looks begins nothing.
    let looks = Options { blobs: Some(missing.clone()), stays_plain: true, ..Options::default() };
    drop(kitaru_store::open(&cluster.address("three"), Path::new("/nowhere"), &looks).unwrap());
    assert_eq!(opened(&cluster.address("three"), Some(&missing), None).err().unwrap().code(), "blobs");
    drop(opened(&cluster.address("three"), Some(""), None).unwrap());
    for file in [home.path().join("kitaru.db").display().to_string(), "memory:".to_owned()] {
        let options = Options { blobs: Some(blobs.clone()), ..Options::default() };
        let refused = kitaru_store::open(&file, home.path(), &options).err().unwrap();
        assert!(refused.code() == "usage" && refused.to_string().contains("KITARU_BLOBS"), "{refused}");
    }
}

fn a_copy_has_a_place_of_its_own(cluster: &Cluster) {
    let ((_one, from), (home, to)) = (folder(), folder());
    let source = opened(&cluster.address("source"), Some(&from), None).unwrap();
    let all = [text(6, 700_000), text(7, 900_000)];
    // A store is copied when nothing runs in it.
    write(source.as_ref(), &all);
    run(cluster, "source", "UPDATE executions SET owner = NULL, status = 'interrupted'");
    let target = opened(&cluster.address("target"), Some(&to), None).unwrap();
    let later = super::now() + 1_000_000;
    kitaru_store::copy(source.as_ref(), target.as_ref(), later).unwrap();
    assert!(files(home.path()).len() > 8);
    must_read(target.as_ref(), &all);
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("back.db").display().to_string();
    let back = kitaru_store::open(&path, file.path(), &Options { blobs: Some(String::new()), ..Options::default() });
    let back = back.unwrap();
    kitaru_store::copy(target.as_ref(), back.as_ref(), later).unwrap();
    must_read(back.as_ref(), &all);
}
