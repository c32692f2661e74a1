//! Rows that somebody changed who can write to the file and has no key: each is noticed, and nothing wrong is handed out.

use super::Home;
use super::fill::{fill, told};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn database(home: &Home) -> rusqlite::Connection {
    rusqlite::Connection::open(home.address()).unwrap()
}

/// A store, changed by those statements while nobody has it open; what it tells then.
fn changed(statements: &str) -> Result<String, String> {
    let home = Home::made();
    let ids = fill(home.sealed().as_ref());
    let count = database(&home).execute_batch(statements);
    count.unwrap();
    let store = home.open_with(Some(home.file())).map_err(|error| error.code().to_owned())?;
    // Whatever is asked first that is wrong.
    let asked = catch_unwind(AssertUnwindSafe(|| told(store.as_ref(), &ids)));
    asked.map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn what_was_moved_to_another_place_is_noticed() {
    let whole = changed("").unwrap();
    for statements in [
        // An event in the place of another of its execution, and of another execution's.
        "UPDATE journal SET payload = (SELECT payload FROM journal AS o WHERE o.place = journal.place + 1) WHERE place = (1 << 32 | 4)",
        "UPDATE journal SET payload = (SELECT payload FROM journal AS o WHERE o.place = (2 << 32 | 3)) WHERE place = (1 << 32 | 3)",
        "UPDATE executions SET inputs = (SELECT inputs FROM executions AS o WHERE o.n = 2) WHERE n = 1",
        "UPDATE executions SET result = inputs WHERE n = 1",
        "UPDATE executions SET error = result WHERE n = 1",
        "UPDATE waits SET answer = data WHERE key = 'w'",
        "UPDATE waits SET question = (SELECT question FROM waits AS o WHERE o.key = 'open') WHERE key = 'w'",
        "UPDATE waits SET data = (SELECT data FROM waits AS o WHERE o.key = 'open') WHERE key = 'w'",
        "UPDATE logs SET text = (SELECT text FROM logs AS o WHERE o.line = 2) WHERE line = 1",
        "UPDATE logs SET line = 9 WHERE line = 1",
        "UPDATE breakpoints SET before = 'other'",
        "UPDATE audit SET given = before",
        "UPDATE audit SET by = 'somebody else'",
        "UPDATE links SET id = 'other'; UPDATE links SET id = 'link', key = 'x', question = substr(question, 1, 40)",
        "UPDATE artifacts SET name = 'other'",
        "UPDATE codes SET parts = (SELECT payload FROM journal LIMIT 1)",
        // Parts of values, and values made of others' parts.
        "UPDATE chunks SET data = (SELECT data FROM chunks AS o WHERE o.id = 2) WHERE id = 1",
        "UPDATE blobs SET chunks = (SELECT chunks FROM blobs AS o WHERE o.digest <> blobs.digest)",
        "UPDATE chunks SET len = len - 1",
    ] {
        match changed(statements) {
            Ok(told) => assert_eq!(told, whole, "{statements} is read as it was, or not at all"),
            Err(why) => assert!(why.contains("Damaged"), "{statements}: {why}"),
        }
        if !statements.contains("UPDATE links") && !statements.contains("line = 9") {
            assert!(changed(statements).is_err(), "{statements}");
        }
    }
}

#[test]
fn what_was_cut_changed_or_replaced_by_something_plain_is_noticed() {
    for (table, column) in [
        ("journal", "payload"),
        ("executions", "inputs"),
        ("executions", "code"),
        ("waits", "question"),
        ("waits", "schema"),
        ("artifacts", "value"),
        ("logs", "text"),
        ("breakpoints", "condition"),
        ("codes", "parts"),
        ("audit", "given"),
        ("links", "question"),
        ("chunks", "data"),
    ] {
        for how in [
            format!("substr({column}, 1, length({column}) - 1)"),
            format!("substr({column}, 1, 30)"),
            // A bit of the nonce, the text, the tag.
            format!(
                "CAST(substr({column}, 1, 12) || (CASE WHEN substr({column}, 13, 1) = x'00' THEN x'01' ELSE x'00' END) || substr({column}, 14) AS BLOB)"
            ),
            format!(
                "CAST(substr({column}, 1, length({column}) - 1) || (CASE WHEN substr({column}, -1) = x'00' THEN x'01' ELSE x'00' END) AS BLOB)"
            ),
            "'\"plain\"'".to_owned(),
            "x''".to_owned(),
        ] {
            let told = changed(&format!("UPDATE {table} SET {column} = {how} WHERE {column} IS NOT NULL"));
            let why = told.err().unwrap_or_else(|| panic!("{table}.{column} = {how} is read"));
            assert!(why.contains("Damaged") || why.contains("Sealed"), "{table}.{column} = {how}: {why}");
        }
    }
}

#[test]
fn a_record_of_keys_that_was_changed_or_removed_opens_nothing() {
    for statements in [
        "UPDATE sealing SET state = x'0102'",
        "UPDATE sealing SET keys = 'x'",
        "UPDATE sealing SET keys = keys || ' ' || keys",
    ] {
        assert_eq!(changed(statements).unwrap_err(), "store-damaged", "{statements}");
    }
    // Without one the store is taken for a plain one that is to be sealed, and what is in it opens with no key.
    assert!(changed("DELETE FROM sealing").unwrap_err().contains("Damaged"));
}
