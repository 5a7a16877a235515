//! How results are said: a table of ratios, one of what each costs, and JSON lines for a file. It decides nothing.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{Table, presets};

use crate::rounds::{Outcome, Spread, Verdict};

/// Both tables.
pub(crate) fn say(results: &[Outcome]) -> String {
    format!("\n{}\n\n{}\n", ratios(results), costs(results))
}

/// Writes one line for each subject.
pub(crate) fn write_json(path: &Path, results: &[Outcome]) -> Result<()> {
    let named = || format!("write {}", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(named)?);
    for result in results {
        writeln!(file, "{}", result.to_json()).with_context(named)?;
    }
    file.flush().with_context(named)
}

fn ratios(results: &[Outcome]) -> String {
    let mut table = table(&["work", "subject", "ceiling", "ratio min/median/max", "goal", "met"]);
    for result in results {
        let ratio = result.ratio();
        let (goal, met) = judge(result.goal, Some(ratio), "×");
        let ceiling = result.ceiling.join(" + ");
        table.add_row([result.work, result.subject, &ceiling, &three(ratio, 2), &goal, met]);
        for (name, ratio) in result.ratios_beside() {
            let (goal, met) = judge(None, Some(ratio), "×");
            table.add_row([result.work, result.subject, name, &three(ratio, 2), &goal, met]);
        }
    }
    trimmed(&table)
}

fn costs(results: &[Outcome]) -> String {
    let mut table = table(&["work", "what", "p50 µs min/median/max", "CPU µs", "fsyncs", "goal", "met"]);
    for result in results {
        let fsyncs = result.fsyncs();
        let counted = fsyncs.map_or_else(|| "n/a".to_owned(), |fsyncs| format!("{:.2}", fsyncs.median));
        let cpu = format!("{:.0}", result.cpu().median);
        let (goal, met) = judge(result.most_fsyncs, fsyncs, "fsyncs");
        for (at, (name, time)) in result.times().enumerate() {
            let time = three(time, 0);
            match at {
                0 => table.add_row([result.work, name, &time, &cpu, &counted, &goal, met]),
                _ => table.add_row([result.work, name, &time]),
            };
        }
    }
    trimmed(&table)
}

/// A goal and what it came to; a figure without one may be noisy all the same.
fn judge(goal: Option<f64>, found: Option<Spread>, unit: &str) -> (String, &'static str) {
    let said = goal.map_or_else(|| "-".to_owned(), |goal| format!("≤ {goal} {unit}"));
    let met = match (found.map(|found| found.meets(goal.unwrap_or(f64::INFINITY))), goal) {
        (None, _) => "n/a",
        (Some(Verdict::Noisy), _) => "noisy",
        (Some(_), None) => "-",
        (Some(Verdict::Met), Some(_)) => "yes",
        (Some(Verdict::Missed), Some(_)) => "no",
    };
    (said, met)
}

fn three(spread: Spread, digits: usize) -> String {
    let Spread { min, median, max } = spread;
    format!("{min:.digits$} / {median:.digits$} / {max:.digits$}")
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn trimmed(table: &Table) -> String {
    let lines = table.to_string();
    lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_said_in_one_word() {
        let steady = |median| Some(Spread { min: median, median, max: median });
        let noisy = Some(Spread { min: 1.0, median: 1.2, max: 2.5 });
        let check = |goal, found, expected: (&str, &str)| {
            let (said, met) = judge(goal, found, "×");
            assert_eq!((said.as_str(), met), expected, "{found:?}");
        };
        check(Some(1.5), steady(1.5), ("≤ 1.5 ×", "yes"));
        check(Some(1.5), steady(1.6), ("≤ 1.5 ×", "no"));
        check(Some(1.5), noisy, ("≤ 1.5 ×", "noisy"));
        check(Some(2.0), None, ("≤ 2 ×", "n/a"));
        check(None, steady(9.0), ("-", "-"));
        check(None, noisy, ("-", "noisy"));
    }
}
