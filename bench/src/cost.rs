//! What noise cannot move: CPU time, memory, and fsyncs counted by strace where it is on PATH. Deliberately without a call
//! that needs `unsafe`, and without a library slipped into the subject.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};

/// The CPU time of this process and of all programs it started and waited for. Theirs comes in ticks of the kernel
/// (10 ms), so it is worth something over many of them only.
pub(crate) fn cpu_time() -> Result<Duration> {
    let ours = Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).context("read the CPU clock")?;
    let stat = fs::read_to_string("/proc/self/stat").context("read /proc/self/stat")?;
    let theirs = ticks(&stat, OF_CHILDREN).context("find the children's time in /proc/self/stat")?;
    Ok(ours + theirs)
}

/// The CPU time of another process, with all of its threads, in ticks too.
pub(crate) fn cpu_time_of(process: u32) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    ticks(&stat, ITS_OWN).with_context(|| format!("find the time of the process in {path}"))
}

/// Where the two fields of stat stand, see proc(5), counted from the third.
const ITS_OWN: usize = 11;
const OF_CHILDREN: usize = 13;

/// The second field of stat is a name, in brackets, and may hold anything.
fn ticks(stat: &str, first: usize) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(first).map(str::parse::<u64>);
    let ticks = ticks.next()?.ok()? + ticks.next()?.ok()?;
    let second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_secs_f64(ticks as f64 / second as f64))
}

/// The resident memory of another process, in MiB.
pub(crate) fn resident(process: u32) -> Result<f64> {
    memory(process, "VmRSS:")
}

/// The most that it ever was.
pub(crate) fn peak(process: u32) -> Result<f64> {
    memory(process, "VmHWM:")
}

fn memory(process: u32, field: &str) -> Result<f64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    mebibytes(&status, field).with_context(|| format!("find {field} in {path}"))
}

fn mebibytes(status: &str, field: &str) -> Option<f64> {
    let size = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = size.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes as f64 / 1024.0)
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

/// The same program with strace behind it, which writes a line for each fsync: for one that is counted while it runs. It
/// stays our own child, and is stopped at those calls only, so that what it does in between takes as long as ever.
pub(crate) fn traced(program: &Command, trace: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args([
        "-D",
        "-f",
        "--seccomp-bpf",
        "-qqq",
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        "signal=none",
        "-o",
    ]);
    strace.arg(trace).arg(program.get_program()).args(program.get_args());
    let variables = program.get_envs().filter_map(|(name, value)| Some((name, value?)));
    strace.env_clear().envs(variables);
    strace.stdin(Stdio::null()).stdout(Stdio::null());
    strace
}

/// How many fsyncs a trace has so far.
pub(crate) fn count_traced(trace: &Path) -> Result<u64> {
    let text = fs::read_to_string(trace).context("read what strace wrote")?;
    // A call that another thread interrupts has two lines; the second one begins `<... fsync resumed>`.
    Ok(text.lines().filter(|line| line.contains("fsync(") || line.contains("fdatasync(")).count() as u64)
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
    fn a_time_is_found_behind_any_name() {
        let time = |ticks: u64| {
            Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
        };
        let check = |name: &str| {
            let stat = format!("42 ({name}) S 1 42 42 0 -1 4194560 500 900 0 0 7 8 30 12 20 0 1 0 1000");
            assert_eq!(ticks(&stat, ITS_OWN), time(15), "{name}");
            assert_eq!(ticks(&stat, OF_CHILDREN), time(42), "{name}");
        };
        check("bench");
        check("a) S 1 (b");
        assert_eq!(ticks("42 (bench) S 1", ITS_OWN), None);
    }

    #[test]
    fn another_process_is_seen_from_outside() {
        let ours = std::process::id();
        assert!(resident(ours).expect("our own size") > 0.5);
        assert!(cpu_time_of(ours).is_ok());
        let status = "Name:\tx\nVmHWM:\t  5120 kB\nVmRSS:\t    2560 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(mebibytes(status, "VmRSS:"), Some(2.5));
        assert_eq!(mebibytes(status, "VmHWM:"), Some(5.0));
        assert_eq!(mebibytes("Name:\tx\n", "VmRSS:"), None);
    }

    #[test]
    fn a_call_counts_once_also_when_it_is_interrupted() {
        let trace = tempfile::NamedTempFile::new().expect("a file for tests");
        let lines = "7 fsync(3 <unfinished ...>\n8 fdatasync(4) = 0\n7 <... fsync resumed>) = 0\n9 +++ exited with 0 +++\n";
        fs::write(&trace, lines).expect("a trace");
        assert_eq!(count_traced(trace.path()).expect("a count"), 2);
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
