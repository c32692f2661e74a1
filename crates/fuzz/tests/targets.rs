//! Each target on its samples, and on samples that are damaged at random: the same ones each time; more with
//! `KITARU_FUZZ_ROUNDS`.

use kitaru_fuzz::TARGETS;

/// The next number of a small generator (Knuth's, of MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }

    /// A sample with one to eight changes, of kinds that decoders are known to fall over.
    fn damaged(&mut self, samples: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = samples[self.below(samples.len())].clone();
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len() + 1);
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.below(256) as u8),
                2 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                3 if at < bytes.len() => {
                    let end = at + self.below(bytes.len() - at) + 1;
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
                4 if at < bytes.len() => {
                    let end = at + self.below((bytes.len() - at).min(20)) + 1;
                    bytes.drain(at..end);
                }
                5 => {
                    let words: [&[u8]; 8] = [
                        b"99999999999999999999",
                        b"-1",
                        b"\xff\xfe",
                        "\u{202e}".as_bytes(),
                        b"null",
                        b"[[[[",
                        b"1e999",
                        b"\0",
                    ];
                    bytes.splice(at..at, words[self.below(8)].iter().copied());
                }
                _ => {
                    let other = &samples[self.below(samples.len())];
                    let from = self.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
            }
        }
        bytes
    }
}

#[test]
fn nothing_that_is_damaged_gets_past_a_decoder() {
    let rounds: usize = std::env::var("KITARU_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(400);
    for target in TARGETS {
        let samples = (target.samples)();
        for sample in &samples {
            (target.run)(sample);
        }
        let mut random = Random(42);
        // Each round of a file is a store of its own.
        let rounds = if matches!(target.name, "pack" | "database") { rounds / 8 } else { rounds };
        for round in 0..rounds {
            let bytes = random.damaged(&samples);
            let done = std::panic::catch_unwind(|| (target.run)(&bytes));
            assert!(done.is_ok(), "{} falls over in round {round}: {:?}", target.name, String::from_utf8_lossy(&bytes));
        }
    }
}
