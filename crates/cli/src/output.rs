//! How results are said: tables for people, JSON for programs, both on standard output. What is printed to a terminal
//! is made harmless first: a name may hold escape sequences.

use std::io::{IsTerminal, Write};

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// Prints a line. A reader that went away is an error here, where `println!` would panic.
pub(crate) fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Prints a value of a documented shape as JSON, indented, with a final newline.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Our own lists: `{"items": […]}`.
#[derive(Debug, Serialize)]
pub(crate) struct Items<T> {
    pub(crate) items: Vec<T>,
}

/// Prints a table: as wide as the terminal, or as wide as it needs to be where there is none.
pub(crate) fn print_table(header: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().map(|text| text.to_uppercase()));
    if let Some(width) = terminal_width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for row in rows {
        table.add_row(row.iter().map(|text| printable(text)));
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    let mut out = std::io::stdout().lock();
    for line in table.to_string().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Prints labelled facts, one a line; what is empty is no fact.
pub(crate) fn print_facts(facts: &[(&str, String)]) -> Result<()> {
    let width = facts.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
    let mut out = std::io::stdout().lock();
    for (label, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        writeln!(out, "{label:width$}  {}", printable(fact))?;
    }
    Ok(())
}

fn terminal_width() -> Option<u16> {
    let out = std::io::stdout();
    let width =
        out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok())?.map(|size| size.ws_col)?;
    Some(if width < 20 { 80 } else { width })
}

/// Escapes what could move a cursor, ring, colour or reorder the text of a terminal.
pub(crate) fn printable(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if harmful(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn no_escape_sequence_reaches_a_terminal() {
        assert_eq!(printable("a\x1b[31mb\u{202e}\nü"), "a\\u{1b}[31mb\\u{202e}\\u{a}ü");
    }
}
