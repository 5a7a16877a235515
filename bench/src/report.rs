//! How results are said: a table of ratios, one of what each costs, and JSON lines for a file. It decides nothing.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{Table, presets};

use crate::rounds::{Goal, Outcome, Spread, Verdict};

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
        let goal = goal(result.goal, result.unit);
        let met = result.verdict().map_or_else(|| unjudged(ratio), word);
        let ceiling = result.ceiling.join(" + ");
        table.add_row([result.work, result.subject, &ceiling, &three(ratio, 2), &goal, met]);
        for (name, ratio) in result.ratios_beside() {
            table.add_row([result.work, result.subject, name, &three(ratio, 2), "-", unjudged(ratio)]);
        }
    }
    trimmed(&table)
}

fn costs(results: &[Outcome]) -> String {
    let mut table = table(&["work", "what", "min/median/max", "", "CPU µs", "fsyncs", "goal", "met"]);
    for result in results {
        let fsyncs = result.fsyncs();
        let counted = fsyncs.map_or_else(|| "n/a".to_owned(), |fsyncs| format!("{:.3}", fsyncs.median));
        let cpu = result.cpu().map_or_else(|| "-".to_owned(), |cpu| format!("{:.1}", cpu.median));
        let goal = result.most_fsyncs.map_or_else(|| "-".to_owned(), |most| format!("≤ {most} fsyncs"));
        let met = judge_fsyncs(result.most_fsyncs, fsyncs);
        for (at, (name, figure)) in result.figures().enumerate() {
            let figure = three(figure, 1);
            match at {
                0 => table.add_row([result.work, name, &figure, result.unit, &cpu, &counted, &goal, met]),
                _ => table.add_row([result.work, name, &figure, result.unit]),
            };
        }
    }
    trimmed(&table)
}

fn goal(goal: Option<Goal>, unit: &str) -> String {
    match goal {
        None => "-".to_owned(),
        Some(Goal::Times(most)) => format!("≤ {most} ×"),
        Some(Goal::Share(least)) => format!("≥ {least}"),
        Some(Goal::Figure(most)) => format!("≤ {most} {unit}"),
    }
}

fn judge_fsyncs(most: Option<f64>, found: Option<Spread>) -> &'static str {
    match (found, most) {
        (None, None) => "-",
        (None, Some(_)) => "n/a",
        (Some(found), None) => unjudged(found),
        (Some(found), Some(most)) => word(found.keeps_below(most)),
    }
}

/// A figure without a goal may be noisy all the same.
fn unjudged(found: Spread) -> &'static str {
    if found.is_noisy() { "noisy" } else { "-" }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Noisy => "noisy",
        Verdict::Met => "yes",
        Verdict::Missed => "no",
    }
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
    fn a_goal_is_said_with_its_direction() {
        let check = |said: Option<Goal>, expected: &str| assert_eq!(goal(said, "MiB"), expected);
        check(None, "-");
        check(Some(Goal::Times(1.5)), "≤ 1.5 ×");
        check(Some(Goal::Share(0.55)), "≥ 0.55");
        check(Some(Goal::Figure(24.0)), "≤ 24 MiB");
    }

    #[test]
    fn a_verdict_is_said_in_one_word() {
        let steady = |median| Some(Spread { min: median, median, max: median });
        let noisy = Some(Spread { min: 1.0, median: 1.2, max: 2.5 });
        let check = |most, found, expected: &str| {
            assert_eq!(judge_fsyncs(most, found), expected, "{found:?}");
        };
        check(Some(1.5), steady(1.5), "yes");
        check(Some(1.5), steady(1.6), "no");
        check(Some(1.5), noisy, "noisy");
        check(Some(2.0), None, "n/a");
        check(None, None, "-");
        check(None, steady(9.0), "-");
        check(None, noisy, "noisy");
    }
}
