//! Releases: a log a flow, to whose end one of several that write at once puts its entry.

use super::{Fixture, code, fresh};
use kitaru_core::release::{Act, Release};

pub fn release(flow: &str, n: u64, tag: &str) -> Release {
    let act = Act::Tagged { tag: tag.to_owned(), version: "v1".to_owned() };
    Release { flow: flow.to_owned(), n, at: 7, by: "somebody".to_owned(), act }
}

pub fn releases_stand_in_order_and_never_change(with: &Fixture) {
    let (one, other) = (fresh().to_string(), fresh().to_string());
    for n in [1, 2, 10] {
        with.store.release(release(&one, n, "prod")).unwrap();
    }
    with.store.release(release(&other, 1, "prod")).unwrap();
    assert_eq!(code(with.store.release(release(&one, 2, "canary"))), "conflict");
    let again = with.again();
    let found = again.queries().releases(Some(&one)).unwrap();
    assert_eq!(found, [release(&one, 1, "prod"), release(&one, 2, "prod"), release(&one, 10, "prod")]);
    let all = again.queries().releases(None).unwrap();
    let ours: Vec<_> = all.iter().filter(|release| [&one, &other].contains(&&release.flow)).collect();
    assert_eq!(ours.len(), 4);
    assert!(all.is_sorted_by_key(|release| (release.flow.clone(), release.n)));
    assert_eq!(again.queries().releases(Some("nobody's")).unwrap(), []);
}

pub fn of_several_that_release_at_once_one_has_the_place(with: &Fixture) {
    let flow = fresh().to_string();
    let won: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..6)
            .map(|at| {
                let flow = &flow;
                scope.spawn(move || usize::from(with.store.release(release(flow, 1, &format!("t{at}"))).is_ok()))
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!((won, with.store.queries().releases(Some(&flow)).unwrap().len()), (1, 1));
}
