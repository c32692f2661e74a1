//! Tokens: made, listed, revoked, and recognised when somebody shows one.
//!
//! Not here: where they are shown (`kitaru_server`), and what a secret looks like (`secrets`).

use super::secrets::{self, Secret};
use super::{ManageError, Result};
use kitaru_core::Millis;
use kitaru_store::{Access, Store, TokenRow};

/// What a token begins with.
const KIND: &str = "ktr";

/// That a token was used is noted so often at the most.
const COARSE: Millis = 5 * 60_000;

/// What somebody may do. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Look.
    Read,
    /// Answer what is asked.
    Answer,
    /// Start, resume, replay, pause, cancel.
    Operate,
    /// Delete, and say who may do what.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Answer, Self::Operate, Self::Admin];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Answer => "answer",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// The scope of a word.
    pub fn parse(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == word);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            ManageError::new("usage", format!("there is no scope {word:?}"), Some(format!("it is one of {known}")))
        })
    }
}

/// Why a text that was shown lets nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no token of this store: which part is wrong is nobody's business.
    Unknown,
    /// Its time has passed.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Refused {
    /// For whoever showed it.
    pub fn says(self) -> &'static str {
        match self {
            Self::Unknown => "that is no token of this server",
            Self::Expired => "that token has expired",
            Self::Revoked => "that token was revoked",
        }
    }
}

pub(super) fn access(store: &dyn Store) -> Result<&dyn Access> {
    store.access().ok_or_else(|| {
        let message = "this store is reached through a server, which keeps tokens, links and the log of changes itself";
        let hint = "run the command where the server's store is".to_owned();
        ManageError::new("usage", message, Some(hint))
    })
}

/// Makes a token. Its secret is in what is returned, and nowhere else. `lasts`: for how long; `None`: until it is revoked.
pub fn create_token(
    store: &dyn Store,
    name: &str,
    scope: Scope,
    lasts: Option<Millis>,
    by: &str,
    now: Millis,
) -> Result<(TokenRow, Secret)> {
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|one| one.is_ascii_alphanumeric() || b"._@-".contains(&one));
    if !is_name {
        let message = "a token's name has letters, digits and . _ @ - in it, 64 at the most";
        return Err(ManageError::new("usage", message, None));
    }
    // What journals say of who did something without a token must not be what somebody with one is called.
    if ["cli", "http", "inline", "kitaru", "mcp", "python", "timeout"].contains(&name.to_ascii_lowercase().as_str()) {
        return Err(ManageError::new("usage", format!("{name} means somebody without a token"), None));
    }
    if lasts.is_some_and(|lasts| lasts <= 0) {
        return Err(ManageError::new("usage", "a token that has expired already lets nobody in", None));
    }
    let (id, secret) = secrets::make(KIND)?;
    let row = TokenRow {
        id,
        name: name.to_owned(),
        scope: scope.as_str().to_owned(),
        digest: secrets::digest(secret.reveal()),
        by: by.to_owned(),
        created_at: now,
        expires_at: lasts.map(|lasts| now.saturating_add(lasts)),
        revoked_at: None,
        used_at: None,
    };
    access(store)?.add_token(&row)?;
    Ok((row, secret))
}

/// All that ever were, newest first.
pub fn tokens(store: &dyn Store) -> Result<Vec<TokenRow>> {
    Ok(access(store)?.tokens()?)
}

/// Ends a token. One that was ended before stays as it is.
pub fn revoke_token(store: &dyn Store, id: &str, now: Millis) -> Result<TokenRow> {
    let access = access(store)?;
    // Whoever has only the token knows it by that.
    let id = secrets::public(KIND, id).unwrap_or(id);
    access.revoke_token(id, now)?;
    access.token(id)?.ok_or_else(|| {
        let shown: String = id.chars().take(20).collect();
        let hint = "kitaru tokens list".to_owned();
        ManageError::new("unknown-token", format!("there is no token {shown:?}"), Some(hint))
    })
}

/// Whether a token lets somebody in at that time.
pub fn is_live(row: &TokenRow, now: Millis) -> std::result::Result<(), Refused> {
    if row.revoked_at.is_some() {
        return Err(Refused::Revoked);
    }
    if row.expires_at.is_some_and(|end| now >= end) {
        return Err(Refused::Expired);
    }
    Ok(())
}

/// Whose a text is that was shown as a token.
pub fn recognise(store: &dyn Store, text: &str, now: Millis) -> Result<std::result::Result<TokenRow, Refused>> {
    let Some(id) = secrets::public(KIND, text) else { return Ok(Err(Refused::Unknown)) };
    let Some(row) = access(store)?.token(id)? else { return Ok(Err(Refused::Unknown)) };
    if !secrets::is_of(text, &row.digest) {
        return Ok(Err(Refused::Unknown));
    }
    // Only who has the secret is told more.
    Ok(is_live(&row, now).map(|()| row))
}

/// Notes that a token is in use, if that was not noted lately.
pub fn note_use(store: &dyn Store, row: &TokenRow, now: Millis) -> Result<()> {
    let lately = row.used_at.is_some_and(|used| (0..COARSE).contains(&now.saturating_sub(used)));
    if !lately {
        access(store)?.token_used(&row.id, now)?;
    }
    Ok(())
}

/// A time span as it is typed: `90s`, `15m`, `24h`, `30d`.
pub fn span_of(text: &str) -> Result<Millis> {
    let wrong = || ManageError::new("usage", format!("{text:?} is no time span: 90s, 15m, 24h, 30d"), None);
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let each: Millis = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return Err(wrong()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let is_number = !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|one| one.is_ascii_digit());
    let count: Millis = digits.parse().ok().filter(|_| is_number).ok_or_else(wrong)?;
    Ok(count.saturating_mul(each))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_what_people_type() {
        let of = |text: &str| span_of(text).ok();
        assert_eq!((of("90s"), of("15m")), (Some(90_000), Some(900_000)));
        assert_eq!((of("24h"), of("30d")), (Some(86_400_000), Some(2_592_000_000)));
        for wrong in ["", "d", "30", "-1d", "+1d", "1.5h", "1w", "9999999d", "٣d", "1d ", "é"] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn scopes_are_ordered_and_known_by_their_words() {
        assert!(Scope::ALL.is_sorted());
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()).ok(), Some(scope));
        }
        assert!(Scope::parse("Admin").is_err() && Scope::parse("").is_err());
    }
}
