//! Finding and listing. Lists are asked for by a name of their own: a backend may hold other tests' executions.

use super::events::{created, ended, ended_as, head, started, taken, value, wait_opened};
use super::{Fixture, T, code, fresh};
use kitaru_core::event::{CallKind, Outcome, Parent, Suspended};
use kitaru_core::rows::{CallStatus, Status};
use kitaru_core::{Body, ExecutionId};
use kitaru_store::{ExecutionFilter, Guard, Page, StoreError, WaitFilter};

pub const ALL: Page = Page { limit: 100_000, offset: 0 };

pub fn executions_are_found_by_beginning_and_end(with: &Fixture) {
    let make = |text: &str| {
        with.store.create(&ExecutionId::new(text), T, vec![created("found")], None).unwrap();
    };
    for text in ["f00d-1111-aaaa", "f00d-2222-bbbb", "f00d-2222-bbbb-cccc", "beef-f00d"] {
        make(text);
    }
    let find = |text: &str| with.store.queries().find(text);
    assert_eq!(find("f00d-1").unwrap().as_str(), "f00d-1111-aaaa");
    assert_eq!(find("1-aaaa").unwrap().as_str(), "f00d-1111-aaaa");
    assert_eq!(find("F00D-1111").unwrap().as_str(), "f00d-1111-aaaa");
    assert_eq!(find("f00d-2222-bbbb").unwrap().as_str(), "f00d-2222-bbbb", "the exact one comes first");
    let Err(StoreError::Ambiguous { text, found }) = find("f00d") else { panic!("it is ambiguous") };
    assert_eq!((text.as_str(), found.len()), ("f00d", 4), "beginnings and ends both count");
    for n in 0..20 {
        make(&format!("cafe-{n:04}"));
    }
    let Err(StoreError::Ambiguous { found, .. }) = find("cafe") else { panic!("it is ambiguous") };
    assert!((2..10).contains(&found.len()), "some are named, not all");
    for text in ["", "%", "f00d%", "_00d", "é", "f00d'--", "nothing-like-it"] {
        assert_eq!(code(find(text)), "unknown-execution", "{text:?}");
    }
}

pub fn filters_choose_and_pages_begin_with_the_newest(with: &Fixture) {
    let flow = fresh().to_string();
    let parent = fresh();
    let ids: Vec<ExecutionId> = (0..30)
        .map(|n| {
            let id = fresh();
            let mut first = created(&flow);
            if let Body::Created(created) = &mut first {
                created.tags = if n % 10 == 0 { vec!["tenth".to_owned(), "x".to_owned()] } else { Vec::new() };
                created.parent = (n < 5).then(|| Parent { id: parent.clone(), key: format!("child#{n}") });
            }
            let claim = with.claim();
            let events = vec![first, taken(&claim.owner)];
            with.store.create(&id, T - n, events, Some(claim)).unwrap();
            let body = match n % 3 {
                0 => super::events::completed(),
                1 => Body::Suspended(Suspended {
                    waits: vec![],
                    wake_at: Some(T + n),
                    sleeping: n % 2 == 0,
                    awaits: vec![],
                    reused: vec![],
                }),
                _ => started("long"),
            };
            with.store.append(&id, T, 1, vec![body]).unwrap();
            id
        })
        .collect();
    let list = |filter: ExecutionFilter, page| -> Vec<usize> {
        let filter = ExecutionFilter { flow: Some(flow.clone()), ..filter };
        let rows = with.store.queries().executions(&filter, page).unwrap();
        for row in &rows {
            assert_eq!(row, &with.store.queries().execution(&row.id).unwrap());
        }
        rows.iter().map(|row| ids.iter().position(|id| *id == row.id).unwrap()).collect()
    };
    let newest = |choose: &dyn Fn(usize) -> bool| (0..30).rev().filter(|n| choose(*n)).collect::<Vec<_>>();
    let any = ExecutionFilter::default;
    assert_eq!(list(any(), ALL), newest(&|_| true));
    assert_eq!(list(any(), Page { limit: 7, offset: 0 }), newest(&|n| n > 22));
    assert_eq!(list(any(), Page { limit: 7, offset: 7 }), newest(&|n| n > 15 && n < 23));
    assert_eq!(list(any(), Page { limit: 7, offset: 28 }), [1, 0]);
    assert_eq!(list(any(), Page { limit: 7, offset: 30 }), [0usize; 0]);
    let status = |status: &[Status]| ExecutionFilter { status: status.to_vec(), ..any() };
    assert_eq!(list(status(&[Status::Completed]), ALL), newest(&|n| n % 3 == 0));
    let parked = [Status::Waiting, Status::Sleeping];
    assert_eq!(list(status(&parked), Page { limit: 3, offset: 1 }), newest(&|n| n % 3 == 1)[1..4]);
    assert_eq!(list(status(&[Status::Cancelled]), ALL), [0usize; 0]);
    assert_eq!(list(ExecutionFilter { open: true, ..any() }, ALL), newest(&|n| n % 3 != 0));
    let open = ExecutionFilter { open: true, ..status(&[Status::Completed]) };
    assert_eq!(list(open, ALL), [0usize; 0], "what is completed is not open");
    assert_eq!(list(ExecutionFilter { tag: Some("tenth".to_owned()), ..any() }, ALL), [20, 10, 0]);
    assert_eq!(list(ExecutionFilter { tag: Some("ten".to_owned()), ..any() }, ALL), [0usize; 0]);
    assert_eq!(list(ExecutionFilter { parent: Some(parent), ..any() }, ALL), [4, 3, 2, 1, 0]);
    assert_eq!(list(ExecutionFilter { due_by: Some(T + 10), ..any() }, ALL), [10, 7, 4, 1]);
}

pub fn waits_are_listed_oldest_first_without_sleeps(with: &Fixture) {
    let (first, second) = (with.start("asks"), with.start("asks"));
    let open = |id, at, key, kind| with.store.append(id, at, 1, vec![wait_opened(key, kind)]).unwrap();
    open(&second, T + 1, "b", CallKind::Wait);
    open(&first, T + 2, "nap", CallKind::Sleep);
    open(&first, T + 3, "c", CallKind::Wait);
    open(&first, T + 4, "a", CallKind::Wait);
    with.store.post(&first, T + 5, Guard::WaitOpen("c".to_owned()), vec![super::events::answered("c")]).unwrap();
    let list = |execution: Option<&ExecutionId>, open| -> Vec<(ExecutionId, String)> {
        let filter = WaitFilter { execution: execution.cloned(), open };
        let rows = with.store.queries().waits(&filter, ALL).unwrap();
        let ours = rows.into_iter().filter(|row| row.execution_id == first || row.execution_id == second);
        ours.map(|row| (row.execution_id, row.key)).collect()
    };
    let row = |id: &ExecutionId, key: &str| (id.clone(), key.to_owned());
    assert_eq!(list(None, true), [row(&second, "b"), row(&first, "a")]);
    assert_eq!(list(Some(&first), true), [row(&first, "a")]);
    assert_eq!(list(Some(&first), false), [row(&first, "c"), row(&first, "a")]);
    assert_eq!(list(Some(&fresh()), false), []);
    let filter = WaitFilter { execution: Some(first.clone()), open: false };
    let answered = &with.store.queries().waits(&filter, Page { limit: 1, offset: 0 }).unwrap()[0];
    assert_eq!((answered.status.as_str(), answered.answered_by.as_deref()), ("answered", Some("cli")));
    assert_eq!(answered.schema, Some(serde_json::json!({"type": "boolean"})));
}

pub fn calls_are_listed_in_the_order_of_their_records_without_readings(with: &Fixture) {
    let id = with.start("calls");
    let reading = ended_as(head("now", CallKind::Reading), Outcome::Returned { result: value("1") });
    let failed = ended_as(head("c", CallKind::Checkpoint), Outcome::Cancelled);
    with.store
        .append(&id, T, 1, vec![started("z"), reading, ended("a", value("1")), ended("b", value("2")), failed])
        .unwrap();
    let calls = with.store.queries().calls(&id).unwrap();
    let found: Vec<_> = calls.iter().map(|call| (call.key.as_str(), call.seq, call.status)).collect();
    let done = CallStatus::Completed;
    let expected = [("z", 3, CallStatus::Running), ("a", 5, done), ("b", 6, done), ("c", 7, CallStatus::Cancelled)];
    assert_eq!(found, expected);
    let counts = with.store.queries().call_counts(&id).unwrap();
    assert_eq!(counts, [(CallStatus::Cancelled, 1), (done, 2), (CallStatus::Running, 1)]);
}
