//! What a call truly is, whatever the matcher makes of it: the machine and the models agree on this.
//!
//! Not here: anything of core's but the digest that is used as a hash.

use super::model::Mark;
use super::program::{Call, Given, Step};
use kitaru_core::{Digest, ScopeId};
use std::collections::BTreeMap;

pub fn hash(text: &str) -> u64 {
    u64::from_le_bytes(Digest::of(text.as_bytes()).0[..8].try_into().unwrap())
}

/// What a flow runs in.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// What the flow is given.
    pub input: u64,
    /// The version of the code of each checkpoint, by name; 0 where it is not there.
    pub versions: BTreeMap<u64, u64>,
    /// Whether somebody mended what fails until then.
    pub mended: bool,
    /// Whether bodies see nothing but their own inputs: else what stands around them flows into them unseen.
    pub closed: bool,
}

/// What stands around a piece of code.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around {
    /// The last result.
    pub last: u64,
    /// The loop's index.
    pub index: u64,
    /// What the flow was given.
    pub flow: u64,
}

/// Where steps run: the scope as the matcher knows it, and the path that it truly is.
#[derive(Clone)]
pub struct Frame {
    pub scope: ScopeId,
    pub path: String,
    pub around: Around,
    pub chain: u64,
    pub acc: u64,
    counts: BTreeMap<String, u32>,
}

impl Frame {
    pub fn new(scope: ScopeId, path: String, around: Around) -> Self {
        Self { scope, path, around, chain: 0, acc: 0, counts: BTreeMap::new() }
    }

    pub fn number(&mut self, what: &str) -> u32 {
        let number = self.counts.entry(what.to_owned()).or_insert(0);
        *number += 1;
        *number
    }

    pub fn took(&mut self, value: u64) {
        self.around.last = value;
        self.acc = hash(&format!("{} {value}", self.acc));
    }
}

/// A call that is made.
#[derive(Clone, Debug)]
pub struct Made {
    pub name: String,
    pub mark: Mark,
    /// The how-manyth of its name in its frame.
    pub nth: u32,
    /// What it is given, where that can be told.
    pub input: Option<String>,
    /// The path of its body. Nothing tells which object it is given.
    pub body_path: String,
}

impl Made {
    /// What stands around its body, which is given `input`.
    pub fn inside(&self, around: Around, input: &str, conditions: &Conditions) -> Around {
        if !conditions.closed {
            return around;
        }
        let own = hash(&format!("{} {input}", self.name));
        Around { last: own, index: own % 3, flow: own }
    }
}

/// The call that the frame makes next.
pub fn make(frame: &mut Frame, call: &Call) -> Made {
    let name = format!("f{}", call.name);
    let input = match call.given {
        Given::Const(value) => Some(value.to_string()),
        Given::Last => Some(frame.around.last.to_string()),
        Given::Index => Some(format!("i{}", frame.around.index)),
        Given::Flow => Some(format!("flow {}", frame.around.flow)),
        Given::Nothing | Given::Opaque(_) => None,
    };
    // An object is made of what stands around it, and nothing tells.
    let object = |which: u64| if frame.around.flow == 0 { which } else { which + 10 * frame.around.flow };
    // What the matcher can know of it, and what it truly is.
    let (known, truly) = match (&input, call.given) {
        (Some(input), _) => (format!("{name}({input})"), format!("{name}({input})")),
        (None, Given::Opaque(which)) => {
            (format!("{name}(?)@{:x}", frame.chain), format!("{name}(object {})@{:x}", object(which), frame.chain))
        }
        _ => (format!("{name}()@{:x}", frame.chain), format!("{name}()@{:x}", frame.chain)),
    };
    let loose = match (&input, call.given) {
        (None, Given::Opaque(which)) => Some(format!("{name}(object {})", object(which))),
        (None, _) => Some(format!("{name}()")),
        _ => None,
    };
    let number = frame.number(&known);
    let nth = frame.number(&format!("any {name}"));
    let loose = loose.unwrap_or_else(|| format!("{truly}~{number}"));
    frame.chain = hash(&format!("{}/{known}~{number}", frame.path));
    let what = format!("{truly}~{number}");
    let mark = Mark { path: frame.path.clone(), what: what.clone(), loose, chain: frame.chain, acc: 0 };
    let body_path = format!("{}/{known}~{number}", frame.path);
    Made { name, mark, nth, input, body_path }
}

/// The wait that the frame asks next.
pub fn ask(frame: &mut Frame, name: u64) -> (String, Mark) {
    let name = format!("w{name}");
    let number = frame.number(&name);
    let what = format!("{name}~{number}");
    frame.chain = hash(&format!("{}/{what}", frame.path));
    let mark = Mark { path: frame.path.clone(), what: what.clone(), loose: what, chain: frame.chain, acc: 0 };
    (name, mark)
}

/// What a call returns whose body saw `acc`, was of that version and was given what somebody put in the place of its
/// input.
pub fn returned(mark: &Mark, acc: u64, version: u64, instead: Option<&str>) -> Mark {
    let acc = match (version, instead) {
        (0, None) => acc,
        (version, instead) => hash(&format!("{acc} version {version} given {instead:?}")),
    };
    Mark { acc, ..mark.clone() }
}

/// The digest of a checkpoint's code, with all that its body calls.
pub fn code(call: &Call, conditions: &Conditions) -> String {
    let mut text = String::new();
    code_of(call, conditions, &mut text);
    format!("made:{:x}", hash(&text))
}

fn code_of(call: &Call, conditions: &Conditions, text: &mut String) {
    let version = conditions.versions.get(&call.name).copied().unwrap_or(0);
    text.push_str(&format!("f{} version {version} {:?} {};", call.name, call.fails, call.volatile));
    code_of_steps(&call.body, conditions, text);
}

fn code_of_steps(steps: &[Step], conditions: &Conditions, text: &mut String) {
    for step in steps {
        text.push('(');
        match step {
            Step::Call(call) => {
                text.push_str(&format!("{:?}", call.given));
                code_of(call, conditions, text);
            }
            Step::Loop(times, inner) => {
                text.push_str(&format!("loop {times}"));
                code_of_steps(inner, conditions, text);
            }
            Step::If(yes, no) => {
                code_of_steps(yes, conditions, text);
                text.push_str("else");
                code_of_steps(no, conditions, text);
            }
            Step::Try(inner) => {
                text.push_str("try");
                code_of_steps(inner, conditions, text);
            }
            Step::Gather(all) | Step::Race(all) => {
                text.push_str(if matches!(step, Step::Race(_)) { "race" } else { "gather" });
                all.iter().for_each(|branch| code_of_steps(&branch.steps, conditions, text));
            }
            Step::AsCompleted(all, then) => {
                all.iter().for_each(|branch| code_of_steps(&branch.steps, conditions, text));
                code_of_steps(then, conditions, text);
            }
            Step::Wait(name) => text.push_str(&format!("wait {name}")),
            Step::Read => text.push_str("read"),
        }
        text.push(')');
    }
}
