//! The plan itself: first what becomes of each call by itself, then what that means for the calls around and after it.

use super::feeds::Feeds;
use super::place::{self, Place};
use super::{Fate, Had, Line, Plan, PlanError, Source, SourceCall, Spec, Sum, Why};
use crate::event::{CallKind, Reuse, Usage};
use crate::fork::same_code;
use crate::ids::{Millis, Seq};
use crate::path;
use crate::selector::Found;
use std::collections::HashSet;

/// What becomes of a call by itself.
#[derive(Clone, Debug, PartialEq)]
enum Own {
    /// Its record can be served.
    Kept,
    /// The same, but whether its code is unchanged was not read.
    Unread,
    Put,
    Asked,
    Runs(Why),
}

/// Which outcomes are kept.
#[derive(Clone, Debug)]
enum Cut {
    All,
    Nothing,
    /// Those that were there before each of these calls was begun.
    Before(Vec<usize>),
}

/// Plans a replay of `source`.
pub fn plan(source: &Source, spec: &Spec) -> Result<Plan, PlanError> {
    let mut notes = Vec::new();
    let from = spec.from.as_ref().map(|one| place::call(source, one, &mut notes)).transpose()?;
    let places: Vec<Place> =
        spec.overrides.iter().map(|text| place::find(source, text, &mut notes)).collect::<Result<_, _>>()?;
    let asked = asked(source, spec, &mut notes)?;
    let reuse = spec.reuse.unwrap_or(Reuse::Frontier);
    if from.is_none() && places.is_empty() && asked.is_empty() && reuse == Reuse::Frontier && !spec.keep_recorded {
        return Err(PlanError::Nothing { failed: source.failure().is_some() });
    }
    apart(source, spec, &places, &asked)?;
    let desk = Desk { source, spec, from, places: &places, asked: &asked, reuse };
    let cut = desk.cut()?;
    let own = desk.own(&cut);
    let fates = desk.fates(&own);
    let kept = desk.kept(&own, &cut);
    let lines: Vec<Line> = desk.lines(fates);
    let sum = |is: fn(&Fate) -> bool| desk.sum(&lines, is);
    Ok(Plan {
        upto: source.upto,
        kept,
        reuse,
        from: desk.frontier(&cut).map(|at| source.calls[at].key.clone()),
        saved: sum(|fate| *fate == Fate::Reused),
        runs: sum(|fate| matches!(fate, Fate::Runs(_))),
        may_run: sum(|fate| matches!(fate, Fate::MayRun(_))),
        asked: asked.iter().map(|at| source.calls[*at].key.clone()).collect(),
        lines,
        places,
        notes,
    })
}

/// The waits that are to be asked again.
fn asked(source: &Source, spec: &Spec, notes: &mut Vec<String>) -> Result<Vec<usize>, PlanError> {
    let mut found: Vec<usize> =
        spec.ask_again.iter().map(|name| place::wait(source, name, notes)).collect::<Result<_, _>>()?;
    if spec.ask_all {
        let is_wait = |at: &usize| source.calls[*at].kind == CallKind::Wait && source.calls[*at].had != Had::Dropped;
        let all: Vec<usize> = (0..source.calls.len()).filter(is_wait).collect();
        if all.is_empty() {
            return Err(PlanError::NoWait { name: "all".to_owned(), known: Vec::new() });
        }
        found.extend(all);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Refuses changes that undo each other.
fn apart(source: &Source, spec: &Spec, places: &[Place], asked: &[usize]) -> Result<(), PlanError> {
    for (at, place) in places.iter().enumerate() {
        let path = &spec.overrides[at];
        if places[..at].contains(place) {
            return Err(PlanError::refused(path, "it is set twice"));
        }
        if let Place::Inputs { call, .. } = place
            && places.contains(&Place::Output { call: *call })
        {
            let key = &source.calls[*call].key;
            return Err(PlanError::refused(path, format!("{key} does not run where its output is set")));
        }
        if let Place::Answer { call } = place
            && asked.contains(call)
        {
            return Err(PlanError::refused(path, "it is to be asked again"));
        }
    }
    Ok(())
}

struct Desk<'a> {
    source: &'a Source,
    spec: &'a Spec,
    from: Option<Found>,
    places: &'a [Place],
    asked: &'a [usize],
    reuse: Reuse,
}

impl Desk<'_> {
    fn sets_flow(&self) -> bool {
        self.places.iter().any(|place| matches!(place, Place::Flow { .. }))
    }

    /// Calls that somebody changes something of.
    fn touched(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.iter().filter_map(Place::call).chain(self.asked.iter().copied())
    }

    fn call(&self, at: usize) -> &SourceCall {
        &self.source.calls[at]
    }

    fn cut(&self) -> Result<Cut, PlanError> {
        let all = self.reuse == Reuse::Unchanged || self.spec.keep_recorded;
        match self.from {
            Some(Found::Start) => Ok(Cut::Nothing),
            Some(Found::Call(_)) if self.reuse == Reuse::Unchanged => Ok(Cut::All),
            Some(Found::Call(at)) => {
                let is_early = |one: usize| {
                    let (frontier, one) = (&self.call(at).begun, self.call(one));
                    frontier.is_after(one.begun.first()) || frontier.is_after(one.seq)
                };
                let early = |place: &Place| place.call().is_none_or(is_early);
                let path = self.places.iter().position(early).map(|at| self.spec.overrides[at].clone());
                let wait = self.asked.iter().find(|one| is_early(**one));
                let path = path.or_else(|| wait.map(|one| format!("waits.{}", self.call(*one).key)));
                match path.filter(|_| !all) {
                    Some(path) => Err(PlanError::TooLate { from: self.call(at).key.clone(), path }),
                    None => Ok(Cut::Before(vec![at])),
                }
            }
            None if all => Ok(Cut::All),
            None => Ok(self.change()),
        }
    }

    /// What cannot have had anything of what is changed. A call that was made anew stands where it was first made: what
    /// came after it then may have had something of what it returned.
    fn change(&self) -> Cut {
        let touched: Vec<usize> = self.touched().collect();
        match (self.sets_flow(), touched.is_empty()) {
            (true, _) => Cut::Nothing,
            (false, true) => Cut::All,
            (false, false) => Cut::Before(touched),
        }
    }

    /// Whether an outcome of that sequence is kept.
    fn keeps(&self, cut: &Cut, order: Seq) -> bool {
        match cut {
            Cut::All => true,
            Cut::Nothing => false,
            Cut::Before(calls) => calls.iter().all(|at| self.call(*at).begun.is_after(order)),
        }
    }

    /// The call from which everything runs again.
    fn frontier(&self, cut: &Cut) -> Option<usize> {
        match (self.from, cut) {
            (Some(Found::Call(at)), _) => Some(at),
            (None, Cut::Before(calls)) => calls.iter().copied().min_by_key(|at| self.call(*at).begun.first()),
            _ => None,
        }
    }

    /// The calls in whose bodies a call stands, from the inside.
    fn around(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        // No longer than there are calls: a damaged journal must not hang the walk.
        std::iter::successors(self.call(at).within, |at| self.call(*at).within).take(self.source.calls.len())
    }

    fn own(&self, cut: &Cut) -> Vec<Own> {
        let named = match self.from {
            Some(Found::Call(at)) => Some(at),
            _ => None,
        };
        let mut own: Vec<Own> = (0..self.source.calls.len()).map(|at| self.own_of(at, named, cut)).collect();
        // What stands around a call that must be made must be made.
        for at in 0..own.len() {
            let makes = match &own[at] {
                Own::Put => true,
                Own::Asked => self.asked.contains(&at),
                Own::Runs(why) => {
                    matches!(why, Why::Overridden | Why::Frontier | Why::Failed | Why::CodeChanged)
                }
                Own::Kept | Own::Unread => false,
            };
            if makes {
                for around in self.around(at).collect::<Vec<_>>() {
                    if matches!(own[around], Own::Kept | Own::Unread) {
                        own[around] = Own::Runs(Why::Around(self.call(at).key.clone()));
                    }
                }
            }
        }
        own
    }

    fn own_of(&self, at: usize, named: Option<usize>, cut: &Cut) -> Own {
        let call = self.call(at);
        if let Some(place) = self.places.iter().find(|place| place.call() == Some(at)) {
            return if matches!(place, Place::Inputs { .. }) { Own::Runs(Why::Overridden) } else { Own::Put };
        }
        let is_wait = call.kind == CallKind::Wait;
        let after = !self.keeps(cut, call.order) || self.around(at).any(|around| Some(around) == named);
        if self.asked.contains(&at) || (is_wait && (after || call.had == Had::Asked || Some(at) == named)) {
            return Own::Asked;
        }
        let why = match call.had {
            _ if Some(at) == named => Why::Frontier,
            Had::Open | Had::Dropped | Had::Asked => Why::InFlight,
            _ if self.source.failed_by.contains(&call.seq) => Why::Failed,
            _ if after => Why::AfterFrontier,
            Had::Volatile | Had::Raised { rebuilds: false } => Why::Volatile,
            Had::Outcome | Had::Cancelled | Had::Raised { rebuilds: true } => {
                let has_code = matches!(call.kind, CallKind::Checkpoint | CallKind::Child);
                // Nothing tells whether it is still the same call where something before it is changed.
                let untold = has_code && !call.told_apart && !self.keeps(&self.change(), call.order);
                // No code made what somebody put in place.
                let strict = (self.reuse == Reuse::Unchanged || call.strict) && !call.supplied;
                if !has_code || !strict && !untold {
                    return Own::Kept;
                }
                match self.changed(call) {
                    _ if !call.told_apart => Why::NotTold,
                    Some(true) => Why::CodeChanged,
                    Some(false) => return Own::Kept,
                    None if self.spec.codes.is_none() => return Own::Unread,
                    None => Why::CodeUnknown,
                }
            }
        };
        Own::Runs(why)
    }

    /// Whether the code of a call is another than recorded.
    fn changed(&self, call: &SourceCall) -> Option<bool> {
        let now = self.spec.codes.as_ref()?.get(&call.name)?;
        same_code(now.as_deref(), call.code.as_deref()).map(|same| !same)
    }

    /// Whether what a call returns, or does inside, may be other than recorded.
    fn is_cause(&self, at: usize, own: &Own) -> bool {
        match own {
            Own::Kept => false,
            Own::Put | Own::Runs(Why::Overridden) => true,
            Own::Asked => self.asked.contains(&at) || self.reuse == Reuse::Unchanged,
            Own::Runs(Why::CodeChanged | Why::CodeUnknown | Why::NotTold) => true,
            // What it returns by itself takes the place of what somebody put there.
            Own::Unread | Own::Runs(_) => self.reuse == Reuse::Unchanged || self.call(at).supplied,
        }
    }

    fn fates(&self, own: &[Own]) -> Vec<Fate> {
        let calls = &self.source.calls;
        let is_cause = |at: &usize| !calls[*at].unasked && self.is_cause(*at, &own[*at]);
        let causes: Vec<usize> = (0..calls.len()).filter(is_cause).collect();
        // Whatever began after the first of them ended may have had something of it.
        let first = causes.iter().copied().filter(|at| calls[*at].order > 0).min_by_key(|at| calls[*at].ended());
        let root = match (self.sets_flow(), first) {
            (true, _) => self.flow_paths().next(),
            (false, first) => first.map(|at| calls[at].key.clone()),
        };
        let feeds = |cause: usize, at: usize| {
            let cause = &calls[cause];
            let mut begun = calls[at].begun.anew();
            cause.order > 0 && begun.any(|seq| seq > cause.ended() && !cause.begun.is_after(seq))
        };
        let fed = |at: usize| match first {
            _ if self.sets_flow() => root.clone().filter(|_| calls[at].begun.first() > 0),
            Some(first) if feeds(first, at) => root.clone(),
            Some(first) if calls[at].begun.anew().any(|seq| seq > calls[first].ended()) => {
                causes.iter().find(|cause| feeds(**cause, at)).map(|cause| calls[*cause].key.clone())
            }
            _ => None,
        };
        let is_cause: HashSet<usize> = causes.iter().copied().collect();
        let mut fates: Vec<Option<Fate>> = vec![None; calls.len()];
        let mut by_depth: Vec<usize> = (0..calls.len()).collect();
        by_depth.sort_by_key(|at| self.around(*at).count());
        for at in by_depth {
            let within = calls[at].within;
            let around = within.and_then(|within| fates[within].clone());
            let differs =
                within.filter(|within| is_cause.contains(within) && self.differs_inside(*within, &own[*within]));
            fates[at] = Some(match (around, &own[at]) {
                (Some(Fate::Unasked), _) => Fate::Unasked,
                _ if calls[at].unasked && own[at] != Own::Asked => Fate::Unasked,
                (Some(Fate::Reused), _) => Fate::Reused,
                (Some(Fate::Supplied | Fate::Skipped), _) => Fate::Skipped,
                (Some(Fate::MayRun(_)), _) => Fate::MayRun(within.map(|within| calls[within].key.clone())),
                _ if differs.is_some() => Fate::MayRun(differs.map(|within| calls[within].key.clone())),
                (_, own) => match (fed(at), own) {
                    (Some(on), _) => Fate::MayRun(Some(on)),
                    (None, Own::Kept) => Fate::Reused,
                    (None, Own::Unread) => Fate::MayRun(None),
                    (None, Own::Put) => Fate::Supplied,
                    (None, Own::Asked) => Fate::AskedAgain,
                    (None, Own::Runs(why)) => Fate::Runs(why.clone()),
                },
            });
        }
        let mut fates: Vec<Fate> = fates.into_iter().map(|fate| fate.unwrap_or(Fate::Reused)).collect();
        if let Some(root) = root {
            self.name_feeds(&root, &mut fates);
        }
        fates
    }

    /// Whether the body of a call that runs may make other calls than recorded.
    fn differs_inside(&self, at: usize, own: &Own) -> bool {
        match own {
            Own::Runs(Why::Overridden | Why::CodeChanged | Why::CodeUnknown | Why::NotTold) => true,
            Own::Runs(_) => self.changed(self.call(at)) != Some(false),
            Own::Kept | Own::Unread | Own::Put | Own::Asked => false,
        }
    }

    fn flow_paths(&self) -> impl Iterator<Item = String> + '_ {
        self.places.iter().filter_map(|place| match place {
            Place::Flow { path } => Some(format!("flow.{}", path::printed(path))),
            _ => None,
        })
    }

    /// Where a call's inputs hold a value of a call that runs again, or of a changed input, that is what it depends on.
    fn name_feeds(&self, root: &str, fates: &mut [Fate]) {
        let calls = &self.source.calls;
        let mut feeds = Feeds::default();
        for place in self.places {
            if let (Place::Flow { path }, Some(inputs)) = (place, &self.source.inputs) {
                feeds.add_part(inputs, path, &format!("flow.{}", path::printed(path)));
            }
        }
        let mut ends: Vec<usize> = (0..calls.len())
            .filter(|at| calls[*at].order > 0 && !matches!(fates[*at], Fate::Reused | Fate::Unasked))
            .collect();
        ends.sort_by_key(|at| calls[*at].order);
        let mut ends = ends.into_iter().peekable();
        let mut starts: Vec<usize> = (0..calls.len()).collect();
        starts.sort_by_key(|at| calls[*at].seq);
        for at in starts {
            while let Some(ended) = ends.next_if(|ended| calls[*ended].order < calls[at].seq) {
                if let Some(output) = &calls[ended].output {
                    feeds.add(output, &calls[ended].key);
                }
            }
            if let (Fate::MayRun(Some(on)), Some(inputs)) = (&mut fates[at], &calls[at].inputs)
                && on == root
                && let Some(fed) = feeds.find(inputs)
            {
                *on = fed;
            }
        }
    }

    fn lines(&self, fates: Vec<Fate>) -> Vec<Line> {
        let line = |(at, fate): (usize, Fate)| {
            let call = self.call(at);
            let mut usage = call.usage;
            if let Some(child) = &call.child {
                usage.add(&child.usage);
            }
            Line {
                key: call.key.clone(),
                name: call.name.clone(),
                kind: call.kind,
                overridden: self.places.iter().any(|place| place.call() == Some(at)),
                again: call.once && matches!(fate, Fate::Runs(_) | Fate::MayRun(_)),
                changed: self.changed(call),
                took: call.ended_at.map(|ended| (ended - call.started_at).max(0)),
                usage,
                child: call.child.as_ref().map(|child| child.id.clone()),
                fate,
            }
        };
        fates.into_iter().enumerate().map(line).collect()
    }

    /// The kept records as ranges that hold no other record.
    fn kept(&self, own: &[Own], cut: &Cut) -> Vec<(Seq, Seq)> {
        // In what is served nobody would meet what is changed.
        let around: HashSet<usize> = self.touched().flat_map(|at| self.around(at)).collect();
        let is_kept = |at: usize| match &own[at] {
            Own::Kept | Own::Unread => true,
            // Whether they are is known for certain when they are met.
            Own::Runs(why) => matches!(why, Why::CodeChanged | Why::CodeUnknown) && !around.contains(&at),
            Own::Put | Own::Asked => false,
        };
        let calls = self.source.calls.iter().enumerate().map(|(at, call)| (call.seq, is_kept(at)));
        let readings = self.source.readings.iter();
        let readings = readings.map(|(seq, order)| (*seq, self.keeps(cut, *order)));
        let others = self.source.unlisted.iter().map(|seq| (*seq, false));
        let mut records: Vec<(Seq, bool)> = calls.chain(readings).chain(others).collect();
        records.sort_unstable();
        let mut ranges: Vec<(Seq, Seq)> = Vec::new();
        let mut goes_on = false;
        for (seq, kept) in records {
            match ranges.last_mut() {
                Some((_, last)) if kept && goes_on => *last = seq,
                _ if kept => ranges.push((seq, seq)),
                _ => {}
            }
            goes_on = kept;
        }
        ranges
    }

    fn sum(&self, lines: &[Line], is: fn(&Fate) -> bool) -> Sum {
        let mut sum = Sum::default();
        let mut spans: Vec<(Millis, Millis)> = Vec::new();
        let mut usage = Usage::default();
        for (line, call) in lines.iter().zip(&self.source.calls) {
            if is(&line.fate) && matches!(line.kind, CallKind::Checkpoint | CallKind::Child) {
                sum.calls += 1;
                usage.add(&line.usage);
                spans.extend(call.ended_at.map(|ended| (call.started_at, ended)));
            }
        }
        spans.sort_unstable();
        let mut until = Millis::MIN;
        for (began, ended) in spans {
            sum.millis += (ended - began.max(until)).max(0);
            until = until.max(ended);
        }
        sum.usage = usage;
        sum
    }
}
