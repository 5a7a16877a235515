//! Replaces values by `***` in a stream of bytes, however the stream is cut. It knows values as they are and with other
//! line ends, no encodings of them; and it guards against accidents, not against a program that means to leak.

use zeroize::Zeroizing;

/// What stands in the place of a value. Of one length for all, so that it tells nothing about any.
const STARS: &[u8] = b"***";

/// A shorter value would be found in ordinary words, and masking it would only show where it is.
const SHORTEST: usize = 6;

/// A value made of one or two different bytes (`000000`, `------`) is found in ordinary output as well.
const FEWEST_BYTES: usize = 3;

/// The most bytes of input that are taken in at once.
const PORTION: usize = 64 * 1024;

/// The texts to look for. Wiped when dropped; never shown.
pub(crate) struct Patterns {
    // Invariant: a pattern lies in the list of its first byte and has at least SHORTEST bytes
    // (`short_and_dull_values_are_not_masked`).
    by_first_byte: [Vec<Zeroizing<Vec<u8>>>; 256],
    longest: usize,
}

impl Patterns {
    pub(crate) fn new() -> Self {
        Self { by_first_byte: std::array::from_fn(|_| Vec::new()), longest: 0 }
    }

    /// Takes a value in, without the line end that editors append and programs drop. False when it is too short or
    /// too dull to be looked for.
    pub(crate) fn add(&mut self, value: &str) -> bool {
        let text = value.strip_suffix('\n').map_or(value, |text| text.strip_suffix('\r').unwrap_or(text));
        let text = text.as_bytes();
        if text.len() < SHORTEST || has_few_bytes(text) {
            return false;
        }
        let mut exact = Zeroizing::new(Vec::with_capacity(text.len()));
        exact.extend_from_slice(text);
        self.insert(exact);
        // Text mode reads `\r\n` as `\n`, and a terminal writes `\n` as `\r\n`.
        self.insert(with_line_ends(text, b"\n"));
        self.insert(with_line_ends(text, b"\r\n"));
        true
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.longest == 0
    }

    fn insert(&mut self, pattern: Zeroizing<Vec<u8>>) {
        let Some(first) = pattern.first() else { return };
        let list = &mut self.by_first_byte[usize::from(*first)];
        if !list.contains(&pattern) {
            self.longest = self.longest.max(pattern.len());
            list.push(pattern);
        }
    }

    /// What begins at the first byte of `rest`.
    fn look(&self, rest: &[u8]) -> Found {
        let mut found = Found { length: 0, may_grow: false };
        let Some(first) = rest.first() else { return found };
        for pattern in &self.by_first_byte[usize::from(*first)] {
            if rest.starts_with(pattern) {
                found.length = found.length.max(pattern.len());
            } else if pattern.starts_with(rest) {
                found.may_grow = true;
            }
        }
        found
    }
}

struct Found {
    /// Of the longest pattern that is there in full; 0 for none.
    length: usize,
    /// All that is left could be the beginning of a pattern.
    may_grow: bool,
}

/// One stream being masked.
pub(crate) struct Masker<'a> {
    patterns: &'a Patterns,
    // Invariant: never grows, so that no outgrown copy stays behind in memory: what is held is shorter than the longest
    // pattern, and a portion is added to it (`push`).
    held: Zeroizing<Vec<u8>>,
    /// How many of the bytes to come belong to a pattern already found.
    covered: usize,
    /// The byte before was masked, so the stars are there already.
    starred: bool,
}

impl<'a> Masker<'a> {
    pub(crate) fn new(patterns: &'a Patterns) -> Self {
        let held = Zeroizing::new(Vec::with_capacity(patterns.longest + PORTION));
        Self { patterns, held, covered: 0, starred: false }
    }

    /// Takes input in and appends what can be said of it by now.
    pub(crate) fn push(&mut self, input: &[u8], output: &mut Vec<u8>) {
        for portion in input.chunks(PORTION) {
            self.held.extend_from_slice(portion);
            self.settle(false, output);
        }
    }

    /// The stream has ended: what was held back is no value.
    pub(crate) fn finish(&mut self, output: &mut Vec<u8>) {
        self.settle(true, output);
    }

    /// Decides byte by byte whether some pattern covers it, up to the first place where that depends on what follows.
    /// A byte is masked if any pattern covers it, so overlapping values and values within values leave nothing.
    fn settle(&mut self, at_end: bool, output: &mut Vec<u8>) {
        let mut at = 0;
        while at < self.held.len() {
            let found = self.patterns.look(&self.held[at..]);
            if found.may_grow && !at_end {
                break;
            }
            self.covered = self.covered.max(found.length);
            if self.covered == 0 {
                output.push(self.held[at]);
                self.starred = false;
            } else {
                if !self.starred {
                    output.extend_from_slice(STARS);
                }
                self.starred = true;
                self.covered -= 1;
            }
            at += 1;
        }
        self.held.copy_within(at.., 0);
        let left = self.held.len() - at;
        self.held.truncate(left);
    }
}

fn has_few_bytes(text: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in text {
        seen[usize::from(*byte)] = true;
    }
    seen.into_iter().filter(|seen| *seen).count() < FEWEST_BYTES
}

fn with_line_ends(text: &[u8], line_end: &[u8]) -> Zeroizing<Vec<u8>> {
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    // Room for all of it from the start: a vector that grows leaves copies behind.
    let mut rewritten = Zeroizing::new(Vec::with_capacity(text.len() + lines));
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            rewritten.extend_from_slice(line_end);
        }
        let is_last = number == lines;
        rewritten.extend_from_slice(if is_last { line } else { line.strip_suffix(b"\r").unwrap_or(line) });
    }
    rewritten
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patterns(values: &[&str]) -> Patterns {
        let mut patterns = Patterns::new();
        for value in values {
            patterns.add(value);
        }
        patterns
    }

    fn mask_portions<'p>(patterns: &Patterns, portions: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
        let (mut masker, mut output) = (Masker::new(patterns), Vec::new());
        for portion in portions {
            masker.push(portion, &mut output);
            assert!(masker.held.len() < patterns.longest.max(1), "no more is held than could begin a value");
        }
        masker.finish(&mut output);
        output
    }

    fn check(values: &[&str], input: &str, expected: &str) {
        let patterns = patterns(values);
        let whole = mask_portions(&patterns, [input.as_bytes()]);
        assert_eq!(String::from_utf8_lossy(&whole), expected, "{input:?} as one portion");
        let bytes = mask_portions(&patterns, input.as_bytes().chunks(1));
        assert_eq!(String::from_utf8_lossy(&bytes), expected, "{input:?} byte by byte");
        for cut in 0..=input.len() {
            let (left, right) = input.as_bytes().split_at(cut);
            let halves = mask_portions(&patterns, [left, right]);
            assert_eq!(String::from_utf8_lossy(&halves), expected, "{input:?} cut at {cut}");
        }
    }

    #[test]
    fn values_that_meet_leave_nothing() {
        check(&["hunter2"], "my hunter2!", "my ***!");
        check(&["hunter2"], "hunter2 hunter hunter2", "*** hunter ***");
        check(&["hunter2"], "hunterhunter2", "hunter***");
        check(&["secret", "secret-tail"], "a secret-tail b secret-tai", "a *** b ***-tai");
        check(&["secret-tail", "t-tail"], "secret-tail", "***");
        check(&["abcdef", "defghi"], "abcdefghi abcdeghi", "*** abcdeghi");
        check(&["abcdef", "ghijkl"], "abcdefghijkl", "***");
        check(&["abcabcabd"], "abcabcabcabd", "abc***");
        check(&["abcabc"], "abcabcabcab", "***ab");
        check(&["prefix-long-tail", "fix-lo"], "prefix-long-tale", "pre***ng-tale");
        check(&[], "nothing to hide", "nothing to hide");
    }

    #[test]
    fn a_value_is_found_with_other_line_ends() {
        check(&["line 1\nline 2\n"], "[line 1\nline 2]", "[***]");
        check(&["line 1\nline 2\n"], "[line 1\r\nline 2]", "[***]");
        check(&["line 1\r\nline 2\r\n"], "[line 1\nline 2]", "[***]");
        check(&["line 1\r\nline 2\n"], "[line 1\r\nline 2\r\n]", "[***\r\n]");
        check(&["one\r\ntwo\nthree"], "[one\r\ntwo\nthree]", "[***]");
        check(&["tail\r\r\n"], "tail\r", "tail\r");
        check(&["a tail\r\r\n"], "a tail\r.", "***.");
    }

    #[test]
    fn short_and_dull_values_are_not_masked() {
        let check =
            |value: &str, expected: bool| assert_eq!(Patterns::new().add(value), expected, "{value:?}");
        for value in [
            "",
            "\n",
            "a",
            "true",
            "8080",
            "12345",
            "12345\n",
            "12345\r\n",
            "000000",
            "ababababab",
            "\n\n\n\n\n\n\n",
        ] {
            check(value, false);
        }
        for value in ["123456", "abcabc", "häß1x", "12345\n6"] {
            check(value, true);
        }
    }

    #[test]
    fn what_holds_no_value_passes_byte_for_byte() {
        let patterns = patterns(&["hunter2", "a\nb\nc\nd"]);
        let input: Vec<u8> = (0..=255).cycle().take(200_000).collect();
        assert_eq!(mask_portions(&patterns, [input.as_slice()]), input);
    }

    /// The whole input at once, no cleverness: which bytes does any pattern cover?
    fn mask_naively(patterns: &Patterns, input: &[u8]) -> Vec<u8> {
        let mut covered = vec![false; input.len()];
        for pattern in patterns.by_first_byte.iter().flatten() {
            for at in 0..input.len() {
                if input[at..].starts_with(pattern) {
                    covered[at..at + pattern.len()].fill(true);
                }
            }
        }
        let mut output = Vec::new();
        for at in 0..input.len() {
            if !covered[at] {
                output.push(input[at]);
            } else if at == 0 || !covered[at - 1] {
                output.extend_from_slice(STARS);
            }
        }
        output
    }

    proptest! {
        // Few letters, so that values overlap, repeat and begin one another all the time.
        #[test]
        fn it_agrees_with_the_naive_model(
            values in prop::collection::vec("[abc\n]{6,12}", 0..6),
            pieces in prop::collection::vec(prop_oneof![
                "[abc\r\n*]{0,8}".prop_map(|text| (text, usize::MAX, 0)),
                (any::<prop::sample::Index>(), 0..12usize).prop_map(|(index, keep)| (String::new(), index.index(6), keep)),
            ], 0..24),
            cuts in prop::collection::vec(1..9usize, 1..8),
        ) {
            let patterns = patterns(&values.iter().map(String::as_str).collect::<Vec<_>>());
            let mut input = Vec::new();
            for (text, index, keep) in &pieces {
                let value = values.get(*index).map_or("", String::as_str);
                input.extend_from_slice(text.as_bytes());
                input.extend(value.bytes().take(*keep));
            }
            let expected = mask_naively(&patterns, &input);
            let mut portions = Vec::new();
            let mut rest = input.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (portion, after) = rest.split_at((*cut).min(rest.len()));
                portions.push(portion);
                rest = after;
            }
            prop_assert_eq!(mask_portions(&patterns, portions), expected);
        }
    }
}
