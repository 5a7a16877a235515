//! How results are said: tables for people, JSON for programs, both on standard output. What is printed to a terminal
//! is made harmless first: a name may hold escape sequences.

use std::io::{IsTerminal, Write};

use anyhow::Result;
use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, Width, presets};
use serde::Serialize;
use strongroom_secrets::{Items, Timestamp};

/// Prints a line. A reader that went away is an error here, where `println!` would panic.
pub(crate) fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Prints a value of a documented shape as JSON, indented, with a final newline.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    print_escaped(&serde_json::to_string_pretty(value)?)?;
    say("")
}

/// Prints JSON with what could harm a terminal as `\uXXXX`: the same JSON, for in JSON such characters stand in strings
/// alone, and every one of them has such an escape.
pub(crate) fn print_escaped(json: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let mut rest = json;
    while let Some((at, found)) = rest.char_indices().find(|(_, c)| *c != '\n' && is_harmful(*c)) {
        write!(out, "{}\\u{:04x}", &rest[..at], u32::from(found))?;
        rest = &rest[at + found.len_utf8()..];
    }
    out.write_all(rest.as_bytes())?;
    Ok(())
}

/// Prints a list in our own form, all of it: `{"items": […]}`.
pub(crate) fn print_items<T: Serialize>(items: Vec<T>) -> Result<()> {
    print_json(&Items { items, next_page_token: None })
}

/// Prints a table: as wide as the terminal, or as wide as it needs to be where there is none.
pub(crate) fn print_table(header: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().map(|text| text.to_uppercase()));
    if let Some(width) = terminal_width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    let is_text = |at: &usize| rows.iter().any(|row| row.get(*at).is_some_and(|text| text.contains(' ')));
    let texts: Vec<usize> = (0..header.len()).filter(is_text).collect();
    for row in rows {
        table.add_row(row.iter().map(|text| printable(text)));
    }
    let last = header.len().saturating_sub(1);
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((u16::from(at > 0), u16::from(at < last)));
        // Text is broken between words, and keeps room for some. What has none is an id, a time or a number: in two
        // pieces nobody could copy it.
        column.set_constraint(if texts.contains(&at) {
            ColumnConstraint::LowerBoundary(Width::Fixed(20))
        } else {
            ColumnConstraint::ContentWidth
        });
    }
    print_lines(&table)
}

fn print_lines(table: &Table) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for line in table.to_string().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A column of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// What is of no use in part: a time, a number, a word of ours.
    Whole(&'static str),
    /// What others named, and may have named at length: it is cut where there is no room for it.
    Cut(&'static str),
}

impl Column {
    fn title(self) -> String {
        let (Self::Whole(title) | Self::Cut(title)) = self;
        title.to_uppercase()
    }
}

/// The most columns of a list on a terminal.
const LIST_WIDTH: u16 = 80;

/// Prints a list, each row on one line: on a terminal in so many columns at most; elsewhere in as many as it needs,
/// because what reads it there needs all of it.
pub(crate) fn print_list(columns: &[Column], rows: Vec<Vec<String>>) -> Result<()> {
    print_lines(&list(columns, rows, terminal_width().map(|width| width.min(LIST_WIDTH))))
}

fn list(columns: &[Column], rows: Vec<Vec<String>>, width: Option<u16>) -> Table {
    let on_one_line = |cells: Vec<String>| {
        let mut row = Row::from(cells);
        row.max_height(1);
        row
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(on_one_line(columns.iter().map(|column| column.title()).collect()));
    // A cell is cut where its room ends, and not at the last blank before: none of them has this.
    table.set_delimiter('\0');
    for row in rows {
        table.add_row(on_one_line(row.iter().map(|text| printable(text)).collect()));
    }
    let contents = table.column_max_content_widths();
    let widths = width.map(|width| fit(contents, columns, width));
    let last = columns.len().saturating_sub(1);
    for (at, column) in table.column_iter_mut().enumerate() {
        let padding = (u16::from(at > 0), u16::from(at < last));
        column.set_padding(padding);
        if let Some(widths) = &widths {
            column
                .set_constraint(ColumnConstraint::Absolute(Width::Fixed(widths[at] + padding.0 + padding.1)));
        }
    }
    table
}

/// How wide the columns are where all of them and what is between them fit into a width: of those that may be cut, the
/// widest gives way first.
fn fit(mut widths: Vec<u16>, columns: &[Column], width: u16) -> Vec<u16> {
    let between = 2 * columns.len().saturating_sub(1);
    loop {
        let total = between + widths.iter().map(|width| usize::from(*width)).sum::<usize>();
        let may_be_cut = |at: &usize| matches!(columns[*at], Column::Cut(_)) && widths[*at] > 1;
        let widest = (0..columns.len()).filter(may_be_cut).max_by_key(|at| widths[*at]);
        match widest {
            Some(widest) if total > usize::from(width) => widths[widest] -= 1,
            _ => return widths,
        }
    }
}

/// Prints labelled facts, one a line; what is empty is no fact.
pub(crate) fn print_facts(facts: &[(&str, String)]) -> Result<()> {
    write_facts(&mut std::io::stdout().lock(), facts)
}

/// The same, to anywhere.
pub(crate) fn write_facts(out: &mut impl Write, facts: &[(&str, String)]) -> Result<()> {
    let width = facts.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
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

/// A moment as people read it in a table: whole seconds.
pub(crate) fn to_the_second(time: Timestamp) -> String {
    let micros = time.as_micros();
    Timestamp::from_micros(micros - micros.rem_euclid(1_000_000)).to_string()
}

/// Escapes what could harm a terminal or its reader.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if is_harmful(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// What could move a cursor, ring, colour, reorder a text, or stand in it unseen.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2064}'
                | '\u{2066}'..='\u{206f}'
                | '\u{feff}'
        )
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@+,%".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_escape_sequence_reaches_a_terminal() {
        assert_eq!(printable("a\x1b[31mb\u{202e}\nü"), "a\\u{1b}[31mb\\u{202e}\\u{a}ü");
        for unseen in "\u{61c}\u{200b}\u{2028}\u{2060}\u{2064}\u{206f}\u{feff}\u{9b}".chars() {
            assert!(printable(&unseen.to_string()).is_ascii(), "{unseen:?}");
        }
        assert_eq!(printable("é\u{2065}\u{2010}漢"), "é\u{2065}\u{2010}漢");
    }

    #[track_caller]
    fn check_list(width: Option<u16>, rows: &[[&str; 3]], expected: &[&str]) {
        let columns = [Column::Whole("seq"), Column::Cut("name"), Column::Cut("for")];
        let rows = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        let table = list(&columns, rows, width).to_string();
        assert_eq!(table.lines().map(str::trim_end).collect::<Vec<_>>(), expected, "{width:?}");
    }

    #[test]
    fn a_list_fits_into_its_width_and_the_widest_column_gives_way_first() {
        let rows = [["1", "a name of 22 letters!!", "routing/db"], ["100000", "b", "all"]];
        let whole = [
            "SEQ     NAME                    FOR",
            "1       a name of 22 letters!!  routing/db",
            "100000  b                       all",
        ];
        check_list(None, &rows, &whole);
        check_list(Some(80), &rows, &whole);
        check_list(Some(42), &rows, &whole);
        check_list(
            Some(41),
            &rows,
            &[
                "SEQ     NAME                   FOR",
                "1       a name of 22 letters…  routing/db",
                "100000  b                      all",
            ],
        );
        check_list(
            Some(28),
            &rows,
            &["SEQ     NAME       FOR", "1       a name o…  routing/…", "100000  b          all"],
        );
        // Narrower than what is never cut.
        check_list(Some(5), &rows, &["SEQ     …  …", "1       …  …", "100000  b  …"]);
    }

    #[test]
    fn a_name_is_cut_by_what_it_takes_on_a_terminal_and_not_within_a_character() {
        check_list(
            Some(20),
            &[
                ["1", "漢字漢字漢字", "x"],
                ["2", "e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}", "x"],
            ],
            &[
                "SEQ  NAME        FOR",
                "1    漢字漢字…   x",
                "2    e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}   x",
            ],
        );
        // What is harmful is made harmless first, and then it is cut.
        check_list(Some(17), &[["1", "a\u{1b}[31mb", "x"]], &["SEQ  NAME     FOR", "1    a\\u{1b…  x"]);
    }

    #[test]
    fn a_moment_is_said_to_the_second() {
        let check = |micros, expected| assert_eq!(to_the_second(Timestamp::from_micros(micros)), expected);
        check(0, "1970-01-01T00:00:00Z");
        check(1_999_999, "1970-01-01T00:00:01Z");
        check(-1, "1969-12-31T23:59:59Z");
    }

    #[test]
    fn a_printed_command_can_be_typed() {
        assert_eq!(quoted("a/b-c.key"), "a/b-c.key");
        assert_eq!(quoted("my folder"), "'my folder'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
