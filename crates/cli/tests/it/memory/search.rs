//! The memory of another process, as root reads it: how often marked texts stand in it. It judges nothing.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;

const STEP: usize = 1 << 20;
const PAGE: usize = 4096;

/// How often each of the needles stands in the memory that a process can read, without what is locked away from dumps: the
/// arena of its keys.
pub(crate) fn search(process: u32, needles: &[Vec<u8>]) -> Vec<usize> {
    let folder = format!("/proc/{process}");
    let memory = File::open(format!("{folder}/mem")).unwrap_or_else(|error| {
        panic!(
            "the memory of a process of ours cannot be read ({error}), and a search that is left out shows nothing; type: \
             sudo -E env \"PATH=$PATH\" cargo test -p strongroom-cli --test it memory"
        )
    });
    let longest = needles.iter().map(Vec::len).max().unwrap_or(1);
    let mut begins = [false; 256];
    needles.iter().for_each(|needle| begins[usize::from(needle[0])] = true);
    let mut counts = vec![0; needles.len()];
    let mut buffer = vec![0; STEP + longest - 1];
    for Range { start, end } in readable(&fs::read_to_string(format!("{folder}/smaps")).expect("as above")) {
        let mut at = start;
        while at < end {
            let length = buffer.len().min(end - at);
            let read = memory.read_at(&mut buffer[..length], at as u64).unwrap_or(0);
            count(&buffer[..read], STEP, &begins, needles, &mut counts);
            // A page that cannot be read ends a read, and the next one begins behind it.
            at += if read == length { STEP } else { read / PAGE * PAGE + PAGE };
        }
    }
    counts
}

fn count(text: &[u8], most: usize, begins: &[bool; 256], needles: &[Vec<u8>], counts: &mut [usize]) {
    for start in (0..text.len().min(most)).step_by(PAGE) {
        let page = &text[start..text.len().min(start + PAGE)];
        if page == &[0; PAGE][..page.len()] {
            continue;
        }
        for (offset, _) in page.iter().enumerate().filter(|(_, byte)| begins[usize::from(**byte)]) {
            let here = &text[start + offset..];
            let found = counts.iter_mut().zip(needles).filter(|(_, needle)| here.starts_with(needle));
            found.for_each(|(count, _)| *count += 1);
        }
    }
}

/// No part of it twice, although the list may change while it is read.
fn readable(smaps: &str) -> Vec<Range<usize>> {
    let mut all: Vec<(Range<usize>, bool)> = Vec::new();
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some((start, end)) = first.split_once('-') {
            let address = |digits| usize::from_str_radix(digits, 16).expect("an address");
            let start = all.last().map_or(0, |(before, _)| before.end).max(address(start));
            let can_read = words.next().is_some_and(|rights| rights.starts_with('r'));
            all.push((start..address(end).max(start), can_read));
        } else if first == "VmFlags:" && words.any(|flag| flag == "dd") {
            all.last_mut().expect("flags follow a mapping").1 = false;
        }
    }
    all.into_iter().filter(|(_, can_read)| *can_read).map(|(range, _)| range).collect()
}
