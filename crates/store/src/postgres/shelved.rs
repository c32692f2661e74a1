//! Parts of values whose bytes lie on a shelf: putting them there before their rows are committed, fetching them, and
//! removing what no row names any more.
//!
//! A row names its bytes by a name that was put once (`crate::shelf`). So whoever removes rows, or finds that it did not
//! need to put, removes exactly those names. What a crash leaves without a row is found by its age. Not here: the shelves
//! themselves, and the rows (`chunks`, `collect`, `reseal`).

use super::conn::Conn;
use super::fault::{self, Fault};
use super::param::{Columns, Param};
use super::{Postgres, chunks};
use crate::error::StoreError;
use crate::seal::Sealing;
use crate::shelf::{self, Address, Shelved};
use crate::store::Result;
use crate::values::{Chunk, Part, Place};
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Parts with fewer bytes stay in their rows: what is new in a conversation is smaller, and a request for each would take
/// longer than the row does. What is large is cut into parts that are larger (`Values::cut_into_few`).
pub const LARGE: usize = 8 << 10;
/// What lies there for so long and is in no row was left by a crash.
const OLD: Duration = Duration::from_secs(24 * 3600);
/// What was put so long ago is not referred to any more, but put anew: whoever removes what is old never meets it.
const LATE: Duration = Duration::from_secs(6 * 3600);
/// A value that is moved about so often while it is read is not there.
const LOOKS: usize = 20;

/// Where the chunks of a write lie.
pub struct Placed {
    /// In the order of the chunks; `None`: in its row, or known.
    pub names: Vec<Option<String>>,
    begun: SystemTime,
}

impl Placed {
    fn all(&self) -> Vec<String> {
        self.names.iter().flatten().cloned().collect()
    }

    fn is_late(&self) -> bool {
        // A clock that was set back says nothing.
        !self.names.iter().all(Option::is_none) && self.begun.elapsed().map_or(true, |age| age > LATE)
    }
}

/// The record of where the shelf is.
struct Kept {
    address: String,
    id: String,
    ready: bool,
}

fn recorded(db: &Conn) -> fault::Result<Option<Kept>> {
    let Some(row) = db.find("SELECT address, id, ready FROM shelf", &[])? else { return Ok(None) };
    Ok(Some(Kept { address: row.text(0)?, id: row.text(1)?, ready: row.flag(2)? }))
}

/// To be called in a transaction that removes names from rows: they may only go from the shelf when no crash of the
/// database brings the rows back.
pub(super) fn must_stay_done(db: &Conn) -> fault::Result<()> {
    let text =
        "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'";
    db.query(text, &[]).map(|_| ())
}

impl Postgres {
    /// Has large values put at that address from now on, or refuses it. `looks`: nothing is begun.
    pub(super) fn begin_shelving(&self, wanted: Option<&Address>, looks: bool) -> Result<()> {
        let found = self.read(recorded)?;
        let Some(wanted) = wanted else {
            return found.filter(|kept| kept.ready).map_or(Ok(()), |kept| self.shelve_at(&kept).map(|_| ()));
        };
        let shown = wanted.shown();
        match found {
            Some(kept) if kept.ready && kept.address == shown => return self.shelve_at(&kept).map(|_| ()),
            Some(kept) if kept.ready => return Err(self.other_blobs(kept.address, shown)),
            _ if looks => return Ok(()),
            _ => {}
        }
        if found.is_none() {
            // Nothing is written down of a place that is somebody else's, or is not there.
            let id = format!("{}{}", shelf::random()?, shelf::random()?);
            if Shelved::new(wanted, id.clone())?.owner()?.is_some() {
                let why = "it has large values of another store: each store has a place of its own".to_owned();
                return Err(StoreError::Blobs { address: shown, why });
            }
            let text = "INSERT INTO shelf (one, address, id, ready) VALUES (1, $1, $2, false) ON CONFLICT DO NOTHING";
            self.again(|db| db.execute(text, &[shown.as_str().into(), id.as_str().into()]))?;
        } else {
            // Somebody was cut short there before anything was put.
            let text = "UPDATE shelf SET address = $1 WHERE NOT ready";
            self.again(|db| db.execute(text, &[shown.as_str().into()]))?;
        }
        // Whoever was faster has decided.
        let Some(kept) = self.read(recorded)? else { return Err(crate::wire::odd()) };
        if kept.address != shown {
            return Err(self.other_blobs(kept.address, shown));
        }
        self.shelve_at(&kept)?.begin()?;
        let text = "UPDATE shelf SET ready = true WHERE address = $1";
        self.again(|db| db.execute(text, &[shown.as_str().into()]))?;
        match self.read(recorded)? {
            Some(kept) if kept.ready && kept.address == shown => Ok(()),
            Some(kept) => Err(self.other_blobs(kept.address, shown)),
            None => Err(crate::wire::odd()),
        }
    }

    fn other_blobs(&self, kept: String, given: String) -> StoreError {
        StoreError::OtherBlobs { path: self.path.clone(), kept, given }
    }

    fn shelve_at(&self, kept: &Kept) -> Result<Arc<Shelved>> {
        if let Some(known) = self.shelf.get() {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(Shelved::new(&Address::parse(&kept.address)?, kept.id.clone())?);
        self.values.cut_into_few();
        Ok(Arc::clone(self.shelf.get_or_init(|| made)))
    }

    /// Where large values are, as far as this process knows.
    pub(super) fn blobs_told(&self) -> Result<String> {
        let shown = self.read(recorded)?.filter(|kept| kept.ready).map(|kept| kept.address);
        Ok(shown.unwrap_or_else(|| "in the database".to_owned()))
    }

    /// The shelf that a row speaks of: somebody may have begun it since this process opened the store.
    fn must_have_shelf(&self) -> Result<Arc<Shelved>> {
        if let Some(known) = self.shelf.get() {
            return Ok(Arc::clone(known));
        }
        match self.read(recorded)? {
            Some(kept) => self.shelve_at(&kept),
            None => {
                let why = "a part of a value lies elsewhere, and no record says where".to_owned();
                Err(StoreError::Damaged { path: self.path.clone(), why })
            }
        }
    }

    /// Puts the large ones of these chunks on the shelf, if there is one.
    pub(super) fn place(&self, all: &[&Chunk]) -> Result<Placed> {
        let mut placed = Placed { names: vec![None; all.len()], begun: SystemTime::now() };
        let Some(shelf) = self.shelf.get() else { return Ok(placed) };
        let mut bytes: Vec<(String, &[u8])> = Vec::new();
        for (chunk, place) in all.iter().zip(&mut placed.names) {
            if let Place::Row(data) = &chunk.place
                && data.len() >= self.shelved_from
            {
                let name = shelf::name(&chunk.digest)?;
                bytes.push((name.clone(), data.as_slice()));
                *place = Some(name);
            }
        }
        shelf.put(&bytes)?;
        Ok(placed)
    }

    /// Stores new parts of values, by these keys.
    pub(super) fn put_chunks(&self, all: &[&Chunk], seal: &Sealing<'_>) -> Result<()> {
        loop {
            let (placed, tries) = (self.place(all)?, Cell::new(0));
            let put = self.again(|db| {
                if placed.is_late() {
                    return Err(Fault::Refused(StoreError::Collected));
                }
                tries.set(tries.get() + 1);
                chunks::insert(db, all, &placed.names, self.space, &seal.names())
            });
            let unused = match &put {
                Err(StoreError::Collected) if placed.is_late() => continue,
                Err(_) => return put.map(|_| ()),
                Ok(Some(unused)) => unused.clone(),
                Ok(None) => placed.all(),
            };
            // What was sent twice may still come once more: what it names is left for later.
            if let (1, Some(shelf)) = (tries.get(), self.shelf.get()) {
                // As is what cannot be removed now.
                drop(shelf.delete(&unused));
            }
            return match put {
                Ok(None) => {
                    let how = "with other keys than before".to_owned();
                    Err(StoreError::Sealed { path: self.path.clone(), how })
                }
                _ => Ok(()),
            };
        }
    }

    /// Fetches what the parts of values lack. Returns the names that are not there.
    fn fetch(&self, parts: &mut [Option<Part>]) -> Result<Vec<String>> {
        let mut lacking: Vec<&mut Part> =
            parts.iter_mut().flatten().filter(|part| part.data.is_none() && part.place.is_some()).collect();
        if lacking.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<(String, u64)> =
            lacking.iter().map(|part| (part.place.clone().unwrap_or_default(), part.stored)).collect();
        let shelf = self.must_have_shelf()?;
        let mut gone = Vec::new();
        for ((part, (name, bytes)), found) in lacking.iter_mut().zip(&wanted).zip(shelf.get(&wanted)?) {
            match found {
                Some(data) if data.len() as u64 == *bytes => part.data = Some(data),
                Some(data) => {
                    let why = format!("{name} at {} has {} bytes and not {bytes}", shelf.shown, data.len());
                    return Err(StoreError::Damaged { path: self.path.clone(), why });
                }
                None => gone.push(name.clone()),
            }
        }
        Ok(gone)
    }

    /// Parts of values as their rows tell of them, each with its bytes. What is not on the shelf may have been moved or
    /// removed with its row since that was read: the rows are looked at once more.
    pub(super) fn whole(&self, look: impl Fn(&Conn) -> fault::Result<Vec<Option<Part>>>) -> Result<Vec<Option<Part>>> {
        let mut missing: HashSet<String> = HashSet::new();
        for _ in 0..LOOKS {
            let mut parts = self.read(&look)?;
            let gone = self.fetch(&mut parts)?;
            if gone.is_empty() {
                return Ok(parts);
            }
            if let Some(name) = gone.iter().find(|name| missing.contains(*name)) {
                return Err(self.not_there(name)?);
            }
            missing.extend(gone);
        }
        Err(StoreError::Busy(format!("{}: a value is moved all the time", self.path)))
    }

    fn not_there(&self, name: &str) -> Result<StoreError> {
        let why = format!("a part of a value is not where it was put: {name} at {}", self.must_have_shelf()?.shown);
        Ok(StoreError::Damaged { path: self.path.clone(), why })
    }

    /// Removes names whose rows are gone for good.
    pub(super) fn unshelve(&self, names: &[String]) -> Result<()> {
        if names.is_empty() { Ok(()) } else { self.must_have_shelf()?.delete(names) }
    }

    /// Removes what lies on the shelf for long and is in no row. How many, and what they took.
    pub(super) fn remove_left(&self) -> Result<(u64, u64)> {
        let Some(shelf) = self.shelf.get() else { return Ok((0, 0)) };
        let (mut count, mut bytes, mut after) = (0, 0, String::new());
        while let Some((last, mut found)) = shelf.list(&after)? {
            found.retain(|one| one.age > OLD);
            let names: Vec<String> = found.iter().map(|one| one.name.clone()).collect();
            // By the digests that they begin with, which have an index.
            let text = "SELECT c.place FROM unnest($1::text[]) AS one(name)
                JOIN chunks AS c ON c.digest = decode(left(one.name, 64), 'hex') WHERE c.place = one.name";
            let used = self.read(|db| {
                let rows = db.query(text, &[Param::Texts(names.clone())])?;
                rows.iter().map(|row| row.text(0)).collect::<fault::Result<HashSet<String>>>()
            })?;
            found.retain(|one| !used.contains(&one.name));
            let left: Vec<String> = found.iter().map(|one| one.name.clone()).collect();
            shelf.delete(&left)?;
            count += found.len() as u64;
            bytes += found.iter().map(|one| one.bytes).sum::<u64>();
            after = last;
        }
        Ok((count, bytes))
    }

    /// Bytes for a statement in a transaction. A shelf that is away for longer than the database lets a transaction stand
    /// still undoes it, and it is tried again as a whole.
    pub(super) fn bytes_of_parts(&self, all: &[(String, u64)]) -> fault::Result<Vec<Vec<u8>>> {
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.must_have_shelf()?.get(all)?;
        let one = |(found, (name, bytes)): (Option<Vec<u8>>, &(String, u64))| match found {
            Some(data) if data.len() as u64 == *bytes => Ok(data),
            _ => Err(Fault::Refused(self.not_there(name)?)),
        };
        found.into_iter().zip(all).map(one).collect()
    }

    /// Puts bytes that a statement of a transaction is about to name.
    pub(super) fn place_parts(&self, all: &[(String, Vec<u8>)]) -> fault::Result<()> {
        if all.is_empty() {
            return Ok(());
        }
        let all: Vec<(String, &[u8])> = all.iter().map(|(name, data)| (name.clone(), data.as_slice())).collect();
        Ok(self.must_have_shelf()?.put(&all)?)
    }
}
