//! Tokens, links and the log of changes: kept, found, ended, and listed in pages.

use super::{Fixture, T, fresh};
use kitaru_store::{Access, ActFilter, ActRow, LinkRow, TokenRow};

fn access(with: &Fixture) -> &dyn Access {
    with.store.access().expect("it keeps them")
}

fn token(id: &str) -> TokenRow {
    TokenRow {
        id: id.to_owned(),
        name: "ci".to_owned(),
        scope: "read".to_owned(),
        digest: [7; 32],
        by: "cli".to_owned(),
        created_at: T,
        expires_at: Some(T + 10),
        revoked_at: None,
        used_at: None,
    }
}

pub fn a_token_is_found_until_it_is_revoked_and_listed_afterwards(with: &Fixture) {
    let (access, id) = (access(with), fresh().to_string());
    let before = with.store.version().unwrap();
    access.add_token(&token(&id)).unwrap();
    assert_ne!(with.store.version().unwrap(), before, "who serves must notice");
    assert_eq!(access.token(&id).unwrap(), Some(token(&id)));
    assert_eq!(access.token("nobody").unwrap(), None);
    assert!(access.add_token(&token(&id)).is_err(), "one of that name is there");
    access.token_used(&id, T + 3).unwrap();
    let other = with.again();
    assert!(other.access().unwrap().revoke_token(&id, T + 5).unwrap());
    assert!(!access.revoke_token(&id, T + 6).unwrap(), "it was ended before");
    assert!(!access.revoke_token("nobody", T).unwrap());
    let ended = TokenRow { revoked_at: Some(T + 5), used_at: Some(T + 3), ..token(&id) };
    assert_eq!(access.token(&id).unwrap(), Some(ended.clone()));
    assert!(access.tokens().unwrap().contains(&ended));
}

pub fn a_link_is_kept_until_long_after_its_end(with: &Fixture) {
    let access = access(with);
    let link = |created_at: i64| LinkRow {
        id: fresh().to_string(),
        digest: [1; 32],
        execution_id: fresh(),
        key: "go#2".to_owned(),
        question: [2; 32],
        by: "cli".to_owned(),
        created_at,
        expires_at: created_at + 1000,
        used_at: None,
    };
    let first = link(T);
    access.add_link(&first).unwrap();
    assert_eq!(access.link(&first.id).unwrap(), Some(first.clone()));
    access.link_used(&first.id, T + 5).unwrap();
    access.link_used(&first.id, T + 9).unwrap();
    assert_eq!(access.link(&first.id).unwrap(), Some(LinkRow { used_at: Some(T + 5), ..first.clone() }));
    access.add_link(&link(T + 86_400_000)).unwrap();
    assert!(access.link(&first.id).unwrap().is_some());
    access.add_link(&link(T + 32 * 86_400_000)).unwrap();
    assert_eq!(access.link(&first.id).unwrap(), None);
}

pub fn a_change_is_on_record_before_it_is_made(with: &Fixture) {
    let (access, name) = (access(with), fresh().to_string());
    let act = |at: i64, token: Option<&str>| ActRow {
        at,
        by: name.clone(),
        token: token.map(str::to_owned),
        from: "http 10.0.0.7".to_owned(),
        act: "answerWait".to_owned(),
        target: Some("x".to_owned()),
        given: "{}".to_owned(),
        before: Some("{\"status\":\"waiting\"}".to_owned()),
        ..ActRow::default()
    };
    let key = format!("token of {name}");
    let ids: Vec<u64> = [(T, None), (T + 1, Some(key.as_str())), (T + 2, None)]
        .into_iter()
        .map(|(at, token)| access.begin_act(&act(at, token)).unwrap())
        .collect();
    assert!(ids.is_sorted() && ids[0] < ids[2]);
    let of = |filter: ActFilter| {
        let found = access.acts(&ActFilter { limit: filter.limit.max(2), ..filter }).unwrap();
        found.iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let by = Some(name.clone());
    let found = access.acts(&ActFilter { by: by.clone(), limit: 1, ..ActFilter::default() }).unwrap();
    assert_eq!(found, [ActRow { id: ids[2], ..act(T + 2, None) }], "nobody has said what came of it");
    access.end_act(ids[2], T + 7, Some("{\"status\":\"running\"}"), "done").unwrap();
    access.end_act(ids[2], T + 8, None, "conflict").unwrap();
    let found = access.acts(&ActFilter { by: by.clone(), limit: 1, ..ActFilter::default() }).unwrap();
    assert_eq!((found[0].outcome.as_deref(), found[0].ended_at), (Some("done"), Some(T + 7)), "said once");
    assert_eq!(of(ActFilter { by: by.clone(), ..ActFilter::default() }), [ids[2], ids[1]]);
    assert_eq!(of(ActFilter { by: by.clone(), before: Some(ids[1]), ..ActFilter::default() }), [ids[0]]);
    assert_eq!(of(ActFilter { by: by.clone(), since: Some(T + 2), ..ActFilter::default() }), [ids[2]]);
    assert_eq!(of(ActFilter { by: Some(key), ..ActFilter::default() }), [ids[1]]);
    assert!(of(ActFilter { since: Some(T), limit: 1000, ..ActFilter::default() }).ends_with(&[ids[2], ids[1], ids[0]]));
}
