//! Plans of random replays: what a plan says is reused, runs, is put in place or asked again comes true, and what may run
//! is told apart from that.
//!
//! Not here: the replays themselves ([`super::replays`]).

use super::begin::How;
use super::model::{Model, Name};
use super::nature::{Conditions, code};
use super::program::{Call, Step};
use super::standing::Standing;
use kitaru_core::event::{CallKind, Created, Reuse};
use kitaru_core::plan::{Fate, Line, Plan, PlanError, Source, Spec, plan};
use kitaru_core::records::Records;
use kitaru_core::selector::Selector;
use kitaru_core::table::Table;
use kitaru_core::{Body, Event, Seq};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Plans such a replay of the execution of that journal, as the management does. `failed`: the records that it failed
/// by.
pub fn planned(
    how: How,
    journal: &[Event],
    chosen: Option<&Standing>,
    failed: &[Seq],
    codes: &HashMap<String, Option<String>>,
) -> Result<Plan, PlanError> {
    let (mut records, mut table) = (Records::default(), Table::default());
    for event in journal {
        records.fold(event.seq, event.at, &event.body);
        table.fold(event.seq, event.at, &event.body);
    }
    let mut source = Source::of(&records, &table);
    source.failed_by = failed.iter().copied().collect();
    source.inputs = journal.iter().rev().find_map(|event| match &event.body {
        Body::Created(created) => Some(Created::clone(created).inputs),
        _ => None,
    });
    let key = chosen.map(|one| one.head.key.clone()).unwrap_or_default();
    let overrides = match how {
        How::From | How::Unchanged => Vec::new(),
        How::Inputs | How::UnchangedInputs => vec![format!("{key}.inputs.x")],
        How::Output | How::UnchangedOutput => vec![format!("{key}.output")],
        How::Answer | How::UnchangedAnswer => vec![format!("waits.{key}")],
        How::Flow | How::Recorded => vec!["flow.x".to_owned()],
    };
    let spec = Spec {
        from: (how == How::From).then(|| Selector::parse(&key)).transpose().expect("a key is a selector"),
        reuse: how.is_strict().then_some(Reuse::Unchanged),
        keep_recorded: how == How::Recorded,
        overrides,
        codes: Some(codes.clone()),
        ..Spec::default()
    };
    plan(&source, &spec)
}

/// What became of a plan's lines in a replay. `names`: what each call of the source truly is, by key, and its record.
/// `left`: it has not come to its end. Returns how many lines there were of each kind that is certain, and how many may
/// have run.
pub fn comes_true(
    lines: &[Line],
    names: &BTreeMap<String, (Name, Seq)>,
    model: &Model,
    (source, own): (&[Event], &[Event]),
    left: bool,
) -> Result<(u64, u64), String> {
    let served_in = |(path, what): &Name| {
        let body = format!("{path}/{what}");
        let around = |(outer, call): &&Name| {
            let outer = format!("{outer}/{call}");
            body == outer || body.starts_with(&format!("{outer}/"))
        };
        model.took.iter().any(|one| around(&one))
    };
    let asked: BTreeSet<&str> = own
        .iter()
        .filter_map(|event| match &event.body {
            Body::WaitOpened(opened) => Some(opened.call.key.as_str()),
            _ => None,
        })
        .collect();
    let tried_anew = tried_anew(own);
    let (mut certain, mut may) = (0, 0);
    let base = base(source);
    for line in lines {
        let Some((name, record)) = names.get(&line.key) else { continue };
        // What somebody put in place goes to whatever stands there.
        let adopted = model.adopted.values().any(|(key, _)| *key == line.key);
        let (made, served) = (model.made.contains(name), served_in(name) || adopted);
        if *record <= base
            && !made
            && (!is_told(source) && !model.took.contains(name) && !adopted || is_in_anew(name, names, base))
        {
            continue;
        }
        let came_true = match (&line.fate, line.kind) {
            (Fate::MayRun(_), _) => {
                may += 1;
                continue;
            }
            (Fate::AskedAgain, _) => left || asked.contains(line.key.as_str()),
            (Fate::Reused, _) if made => served && tried_anew.contains(record),
            (Fate::Reused, CallKind::Wait) if asked.contains(line.key.as_str()) => tried_anew.contains(record),
            (Fate::Reused | Fate::Supplied, _) => !made && (left || served),
            (Fate::Skipped | Fate::Unasked, _) => !made,
            (Fate::Runs(_), CallKind::Checkpoint) => left || made,
            (Fate::Runs(_), _) => true,
        };
        certain += 1;
        if !came_true {
            let what = if made { "runs" } else { "does not run" };
            let what = if served { format!("{what} and is served") } else { what.to_owned() };
            return Err(format!("{} is planned {:?}, and {what}", line.key, line.fate));
        }
    }
    Ok((certain, may))
}

/// Records up to here are those that the source, which is a replay, began with.
fn base(source: &[Event]) -> Seq {
    let begun = source.iter().rposition(|event| matches!(event.body, Body::Created(_))).unwrap_or(0);
    let taken = source[begun..].iter().position(|event| matches!(event.body, Body::Taken(_)));
    taken.map_or(source.len(), |taken| begun + taken) as Seq
}

/// Whether a pass of the source has come to the flow's end. Else nobody knows which of the records that it keeps it would
/// have asked for; its own plan told what may become of them.
fn is_told(source: &[Event]) -> bool {
    let is_end = |event: &Event| matches!(event.body, Body::Completed(_) | Body::Failed(_));
    source[base(source) as usize..].iter().any(is_end)
}

/// Whether that call stands in one that was made anew in the source: nobody knows which of the records below it that had
/// asked for.
fn is_in_anew((path, _): &Name, names: &BTreeMap<String, (Name, Seq)>, base: Seq) -> bool {
    names.values().filter(|(_, record)| *record > base).any(|((outer, call), _)| {
        let body = format!("{outer}/{call}");
        *path == body || path.starts_with(&format!("{body}/"))
    })
}

/// The records that a new try of the body around them let go of, which had failed by itself. They were served to the try
/// before; no plan knows which bodies fail.
fn tried_anew(own: &[Event]) -> BTreeSet<Seq> {
    let dropped = own.iter().filter_map(|event| match &event.body {
        Body::CallsDropped(dropped) if dropped.why == "retry" => Some(dropped.records.iter().copied()),
        _ => None,
    });
    dropped.flatten().collect()
}

/// Gives calls that do the same the same name, and others another: as code has it.
pub fn name_by_code(flow: &mut [Step]) -> u64 {
    let mut known: Vec<String> = Vec::new();
    each_call(flow, &mut |call: &mut Call| {
        let does = format!("{:?} {} {} {:?}", call.fails, call.once, call.volatile, call.body);
        let at = known.iter().position(|one| *one == does).unwrap_or_else(|| {
            known.push(does);
            known.len() - 1
        });
        call.name = at as u64;
    });
    known.len() as u64
}

/// The code of every checkpoint, by name.
pub fn codes(flow: &[Step], conditions: &Conditions) -> HashMap<String, Option<String>> {
    let mut found = HashMap::new();
    each_call(&mut flow.to_vec(), &mut |call: &mut Call| {
        found.insert(format!("f{}", call.name), Some(code(call, conditions)));
    });
    found
}

/// What a call's body makes comes before the call.
fn each_call(steps: &mut [Step], each: &mut dyn FnMut(&mut Call)) {
    for step in steps {
        match step {
            Step::Call(call) => {
                each_call(&mut call.body, each);
                each(call);
            }
            Step::Loop(_, inner) | Step::Try(inner) => each_call(inner, each),
            Step::If(yes, no) => {
                each_call(yes, each);
                each_call(no, each);
            }
            Step::Gather(all) | Step::Race(all) => all.iter_mut().for_each(|one| each_call(&mut one.steps, each)),
            Step::AsCompleted(all, then) => {
                all.iter_mut().for_each(|one| each_call(&mut one.steps, each));
                each_call(then, each);
            }
            Step::Wait(_) | Step::Read => {}
        }
    }
}
