//! Rust text as the walls read it: code without comments, and without its tests. Deliberately no parser: rustfmt keeps
//! the text regular enough, and a wall is worth nothing when nobody can read it.

/// The numbered lines of code, without comments.
pub(super) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines());
    lines.filter_map(|(number, line)| {
        let code = line.split_once(" // ").map_or(line, |(code, _)| code);
        (!code.trim_start().starts_with("//")).then_some((number, code))
    })
}

/// The text above the tests; they come last in a file.
pub(super) fn without_tests(text: &str) -> &str {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("#[cfg(test)]") && opens_tests(&text[at..]) {
            return &text[..at];
        }
        at += line.len();
    }
    text
}

/// Whether this attribute, and those that follow it, belong to the module `tests`.
fn opens_tests(text: &str) -> bool {
    text.lines()
        .find(|line| !line.starts_with('#') && !line.starts_with(' ') && !line.starts_with(')'))
        .is_some_and(|item| {
            item.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ").starts_with("mod tests")
        })
}

/// Whether a line names this word of the language or of a path, not a part of a longer one.
pub(super) fn names(line: &str, word: &str) -> bool {
    let is_part =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    line.match_indices(word).any(|(at, _)| {
        !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next())
    })
}

/// Whether code reaches this module of `std`, written out or within a group: `use std::{fs, io};`.
pub(super) fn reaches(text: &str, module: &str) -> Option<usize> {
    let mut in_group = false;
    for (number, line) in code(text) {
        in_group |= line.contains("std::{");
        if line.contains(&format!("std::{module}")) && names(line, module) || in_group && names(line, module)
        {
            return Some(number);
        }
        in_group &= !line.contains(';');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_no_code() {
        let text = "//! std::fs\nlet a = 1; // std::fs\n    /// std::fs\nstd::fs::read(path)\n";
        let lines: Vec<usize> =
            code(text).filter(|(_, line)| line.contains("std::fs")).map(|(number, _)| number).collect();
        assert_eq!(lines, [4]);
    }

    #[test]
    fn tests_come_last_and_only_they_are_left_out() {
        let check = |text: &str, expected: &str| assert_eq!(without_tests(text), expected);
        check("a\n#[cfg(test)]\nmod tests {\n}\n", "a\n");
        check("a\n#[cfg(test)]\n#[expect(\n    lint,\n    reason = \"r\"\n)]\nmod tests {\n}\n", "a\n");
        check("a\n#[cfg(test)]\nmod tests;\n", "a\n");
        check("a\n#[cfg(test)]\nfn only_for_tests() {}\nb\n", "a\n#[cfg(test)]\nfn only_for_tests() {}\nb\n");
        check("a\n    #[cfg(test)]\n    seen: u32,\n", "a\n    #[cfg(test)]\n    seen: u32,\n");
    }

    #[test]
    fn a_word_is_whole() {
        let check =
            |line: &str, word: &str, expected: bool| assert_eq!(names(line, word), expected, "{line}");
        check("unsafe { call() }", "unsafe", true);
        check("#[unsafe(no_mangle)]", "unsafe", true);
        check("#![deny(unsafe_code)]", "unsafe", false);
        check("an_unsafe", "unsafe", false);
    }

    #[test]
    fn a_grouped_import_reaches_too() {
        let check = |text: &str, expected: Option<usize>| assert_eq!(reaches(text, "fs"), expected, "{text}");
        check("let text = std::fs::read(path);\n", Some(1));
        check("use std::{collections::BTreeMap, fs};\n", Some(1));
        check("use std::{\n    collections::BTreeMap,\n    fs::File,\n};\n", Some(3));
        check("use std::{fmt, str};\nlet fs = 1;\n", None);
        check("// std::fs\n", None);
    }
}
