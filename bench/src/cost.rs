//! What noise cannot move: CPU time, and fsyncs counted by strace where it is on PATH. Deliberately without a call that
//! needs `unsafe`, and without a library slipped into the subject.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};

/// The CPU time of this process and of all programs it started and waited for. Theirs comes in ticks of the kernel
/// (10 ms), so it is worth something over many of them only.
pub(crate) fn cpu_time() -> Result<Duration> {
    let ours = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).context("read the CPU clock")?;
    let stat = fs::read_to_string("/proc/self/stat").context("read /proc/self/stat")?;
    let ticks = children_ticks(&stat).context("find the children's time in /proc/self/stat")?;
    let second = rustix::param::clock_ticks_per_second();
    Ok(ours + Duration::from_secs_f64(ticks as f64 / second as f64))
}

/// Fields 16 and 17 of stat, see proc(5). The second is a name, in brackets, and may hold anything.
fn children_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(13).map(str::parse::<u64>);
    Some(ticks.next()?.ok()? + ticks.next()?.ok()?)
}

/// How many fsyncs a program makes; none where strace is missing or may not look. It starts the program: attached to one
/// that is starting others, it can leave one of them stopped for ever.
pub(crate) fn count_fsyncs(program: &Command) -> Result<Option<u64>> {
    let summary = tempfile::NamedTempFile::new().context("make a file for strace")?;
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-e", "trace=fsync,fdatasync", "-o"]).arg(summary.path());
    strace.arg(program.get_program()).args(program.get_args());
    let variables = program.get_envs().filter_map(|(name, value)| Some((name, value?)));
    strace.env_clear().envs(variables);
    strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match strace.status() {
        Ok(status) if status.success() => {
            sum_calls(&fs::read_to_string(summary.path()).context("read what strace counted")?).map(Some)
        }
        // It is not there, or may not look. A program that fails by itself has failed before, with its clock running.
        _ => Ok(None),
    }
}

/// Adds up the calls of a summary (`strace -c`): the fourth column of every line that ends with one of our names.
fn sum_calls(summary: &str) -> Result<u64> {
    let mut calls = 0;
    for line in summary.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        if matches!(columns.last(), Some(&("fsync" | "fdatasync"))) {
            ensure!(columns.len() >= 5, "strace's summary has another shape than this tool knows");
            calls += columns[3].parse::<u64>().context("read a count of strace")?;
        }
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_children_is_found_behind_any_name() {
        let check = |name: &str| {
            let stat = format!("42 ({name}) S 1 42 42 0 -1 4194560 500 900 0 0 7 8 30 12 20 0 1 0 1000");
            assert_eq!(children_ticks(&stat), Some(42), "{name}");
        };
        check("bench");
        check("a) S 1 (b");
        assert_eq!(children_ticks("42 (bench) S 1"), None);
    }

    #[test]
    fn both_kinds_of_fsync_count_and_nothing_else() {
        let check = |summary: &str, expected: u64| {
            assert_eq!(sum_calls(summary).expect("a summary"), expected, "{summary}");
        };
        check("", 0);
        check(
            "% time     seconds  usecs/call     calls    errors syscall\n\
             ------ ----------- ----------- --------- --------- ----------------\n \
             75.00    0.000300          30        10           fdatasync\n \
             25.00    0.000100          50         2         1 fsync\n\
             ------ ----------- ----------- --------- --------- ----------------\n\
             100.00    0.000400          33        12         1 total\n",
            12,
        );
        assert!(sum_calls("12 fsync\n").is_err());
    }

    #[test]
    fn a_program_without_fsync_has_none_and_one_that_fails_has_no_count() {
        let count = |program: &str| count_fsyncs(Command::new(program).env("PATH", "/usr/bin:/bin"));
        assert!(count("true").expect("an answer").is_none_or(|fsyncs| fsyncs == 0));
        assert_eq!(count("false").expect("an answer"), None);
    }

    #[test]
    fn without_strace_nothing_is_counted() {
        let program = &mut Command::new("/bin/true");
        assert_eq!(count_fsyncs(program.env("PATH", "/nowhere")).expect("an answer"), None);
    }

    #[test]
    fn work_costs_cpu_time() {
        let before = cpu_time().expect("a clock");
        let mut hash = 0u64;
        for number in 0..1_000_000u64 {
            hash = std::hint::black_box(hash.rotate_left(5) ^ number);
        }
        assert!(cpu_time().expect("a clock") > before, "{hash}");
    }
}
