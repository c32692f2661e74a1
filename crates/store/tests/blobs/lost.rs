//! What is damaged, gone or away, and what nobody needs any more. Not here: many processes at once (`collect.rs`).

use super::bucket::Bucket;
use super::{Cluster, files, folder, must_read, opened, run, started, text, write};
use super::{ended, now};
use std::time::{Duration, SystemTime};

#[test]
fn a_part_that_is_damaged_gone_or_away_is_never_another_value() {
    // SAFETY: nothing else runs yet.
    unsafe { std::env::set_var("KITARU_PATIENCE", "2") };
    let (mut bucket, cluster) = (Bucket::started(), Cluster::quick());
    what_is_damaged_is_an_error(&cluster);
    a_folder_that_is_away_is_waited_for(&cluster);
    a_bucket_that_is_away_is_waited_for(&cluster, &mut bucket);
    what_is_not_in_use_goes(&cluster);
}

fn what_is_damaged_is_an_error(cluster: &Cluster) {
    let (home, blobs) = folder();
    let store = opened(&cluster.address("damaged"), Some(&blobs), None).unwrap();
    let all = [text(1, 700_000)];
    write(store.as_ref(), &all);
    let one = files(home.path()).into_iter().next().unwrap();
    let good = std::fs::read(&one).unwrap();
    let mut flipped = good.clone();
    flipped[100] ^= 1;
    let longer = [good.as_slice(), b"x"].concat();
    for bad in [&flipped, &good[1..].to_vec(), &longer, &Vec::new()] {
        std::fs::write(&one, bad).unwrap();
        assert_eq!(store.value(&all[0].reference()).unwrap_err().code(), "store-damaged");
    }
    std::fs::remove_file(&one).unwrap();
    let gone = store.value(&all[0].reference()).unwrap_err();
    assert!(gone.code() == "store-damaged" && gone.to_string().contains(&blobs), "{gone}");
    let health = store.queries().health(true).unwrap();
    assert!(!health.contains(&("value_check".to_owned(), "ok".to_owned())), "{health:?}");
    std::fs::write(&one, good).unwrap();
    must_read(store.as_ref(), &all);
    // A name that leads elsewhere is none.
    run(cluster, "damaged", "UPDATE chunks SET place = '../../secret' WHERE place = (SELECT min(place) FROM chunks)");
    assert!(store.value(&all[0].reference()).is_err());
}

fn a_folder_that_is_away_is_waited_for(cluster: &Cluster) {
    let (home, blobs) = folder();
    let store = opened(&cluster.address("away"), Some(&blobs), None).unwrap();
    let all = [text(2, 700_000)];
    write(store.as_ref(), &all);
    let (marker, aside) = (home.path().join("kitaru-shelf"), home.path().join("aside"));
    std::fs::rename(&marker, &aside).unwrap();
    let before = files(home.path());
    let id = started(store.as_ref());
    let told = store.append(&id, now(), 1, vec![ended("late", text(3, 700_000))]).unwrap_err();
    assert_eq!(told.code(), "server-away");
    assert_eq!((store.load(&id, 0, 0).unwrap().len(), files(home.path())), (2, before));
    // What is not mounted is not empty, also to one that comes anew.
    let other = opened(&cluster.address("away"), Some(""), None).unwrap();
    let told = other.value(&all[0].reference()).unwrap_err();
    assert_eq!(told.code(), "blobs");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| store.append(&id, now(), 1, vec![ended("late", text(3, 700_000))]));
        std::thread::sleep(Duration::from_millis(500));
        std::fs::rename(&aside, &marker).unwrap();
        writer.join().unwrap().unwrap();
    });
    assert_eq!(store.load(&id, 0, 0).unwrap().len(), 3);
    must_read(other.as_ref(), &[text(2, 700_000), text(3, 700_000)]);
}

fn a_bucket_that_is_away_is_waited_for(cluster: &Cluster, bucket: &mut Bucket) {
    let blobs = bucket.fresh();
    let store = opened(&cluster.address("gone"), Some(&blobs), None).unwrap();
    let all = [text(4, 700_000)];
    write(store.as_ref(), &all);
    bucket.end();
    let told = store.value(&all[0].reference()).unwrap_err();
    assert_eq!(told.code(), "server-away");
    assert!(!told.to_string().contains("Signature") && !told.to_string().contains(super::bucket::SECRET), "{told}");
    // It keeps nothing: what comes back is a bucket that has lost all.
    bucket.start();
    assert_eq!(store.value(&all[0].reference()).unwrap_err().code(), "store-damaged");
    let other = opened(&cluster.address("gone"), Some(""), None).unwrap();
    assert_eq!(other.value(&all[0].reference()).unwrap_err().code(), "blobs");
}

fn what_is_not_in_use_goes(cluster: &Cluster) {
    let (home, blobs) = folder();
    let address = cluster.address("unused");
    let store = opened(&address, Some(&blobs), None).unwrap();
    let (kept, unused) = ([text(5, 700_000)], [text(6, 700_000)]);
    write(store.as_ref(), &kept);
    let stay = files(home.path());
    write(store.as_ref(), &unused);
    let all = files(home.path());
    run(cluster, "unused", "DELETE FROM journal WHERE n = (SELECT max(n) FROM executions) AND seq > 2");
    // What crashes leave: it was put, and its row never came.
    let made = |name: &str, age: u64| {
        let path = stay[0].parent().unwrap().join(name);
        std::fs::write(&path, "left").unwrap();
        let then = SystemTime::now() - Duration::from_secs(age);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
        path
    };
    let digest = stay[0].file_name().unwrap().to_str().unwrap().split_once('-').unwrap().0.to_owned();
    let old = made(&format!("{digest}-0123456789abcdef"), 25 * 3600);
    let part = made(&format!("{digest}-1123456789abcdef.part"), 25 * 3600);
    let young = made(&format!("{digest}-2123456789abcdef"), 3600);
    let foreign = made("somebody-elses", 25 * 3600);
    for one in &stay {
        let then = SystemTime::now() - Duration::from_secs(48 * 3600);
        std::fs::File::options().write(true).open(one).unwrap().set_modified(then).unwrap();
    }
    let told = store.upkeep().unwrap().collect(Some(&[])).unwrap();
    assert!(told.values == 1 && old.exists());
    let found = store.upkeep().unwrap().collect(None).unwrap();
    // Small parts went with their rows.
    assert!(found.values == 1 && found.chunks as usize >= all.len() - stay.len() + 2, "{found:?}");
    assert!(!old.exists() && !part.exists() && young.exists() && foreign.exists());
    let mut left = [stay.clone(), vec![young, foreign]].concat();
    left.sort();
    assert_eq!(files(home.path()), left);
    must_read(store.as_ref(), &kept);
    // What went is put anew.
    write(store.as_ref(), &unused);
    must_read(opened(&address, Some(""), None).unwrap().as_ref(), &unused);
}
