//! When a call was begun, in whatever execution of a chain of replays: what was there before cannot have had anything of
//! it.
//!
//! Not here: what became of the call ([`crate::records`]).

use crate::ids::Seq;

/// When a call was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begun {
    first: Seq,
    /// From where a replay that had let go of the call began, to where the call was made anew; 0: it was not, so far.
    absent: Vec<(Seq, Seq)>,
}

impl Begun {
    /// Begun at `seq`; 0: nothing of it is written.
    pub fn at(seq: Seq) -> Self {
        Self { first: seq, absent: Vec::new() }
    }

    /// Sequence of the event that first named the call, however often it was made anew since; 0 while nothing of it is
    /// written.
    pub fn first(&self) -> Seq {
        self.first
    }

    /// Where it was begun without having been there before: first, and in each replay that had let go of it.
    pub fn anew(&self) -> impl Iterator<Item = Seq> + '_ {
        std::iter::once(self.first).chain(self.absent.iter().map(|(_, until)| *until)).filter(|seq| *seq != 0)
    }

    /// The call is begun, once more perhaps.
    pub(crate) fn begin(&mut self, seq: Seq) {
        if self.first == 0 {
            self.first = seq;
        }
        if let Some((_, until)) = self.absent.last_mut().filter(|(_, until)| *until == 0) {
            *until = seq;
        }
    }

    /// A replay of what was written up to `upto` lets go of the call: it is not there until it is begun anew.
    pub(crate) fn let_go(&mut self, upto: Seq) {
        if self.first != 0 && self.absent.last().is_none_or(|(_, until)| *until != 0) {
            self.absent.push((upto, 0));
        }
    }

    /// Whether the call was not there yet when that was written: before it was first begun, and in a replay that had let
    /// go of it, before it was begun there.
    pub fn is_after(&self, seq: Seq) -> bool {
        seq < self.first || self.absent.iter().any(|(from, until)| *from < seq && seq < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_replay_made_before_a_call_is_before_it() {
        let mut call = Begun::at(5);
        assert!(call.is_after(4) && !call.is_after(5) && !call.is_after(9));
        call.let_go(10);
        assert!(!call.is_after(12), "nobody knows yet whether it comes before");
        call.let_go(11);
        call.begin(14);
        assert!(call.is_after(12) && !call.is_after(9) && !call.is_after(14) && !call.is_after(20));
        call.begin(18);
        assert!(!call.is_after(16), "it was there, and is made anew in the same execution");
        assert_eq!(call.first(), 5);
    }
}
