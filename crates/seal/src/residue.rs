//! What can be found of the keys in the memory of a process: a search of its pages as root or a debugger would do it.
//! For tests only; it judges nothing, and finds raw bytes, not what could be computed back to them.

use std::cell::RefCell;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span;
use zeroize::Zeroizing;

/// A part of a process's memory.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    pub(crate) range: Range<usize>,
    pub(crate) rights: String,
    /// The kernel's two-letter words: `lo` locked, `dd` not dumped, `dc` not for a child, `wf` blank in a child.
    pub(crate) flags: Vec<String>,
}

impl Mapping {
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag)
    }
}

/// Bytes to look for, as their complement: a search of this process must not find what it looks for with.
pub(crate) struct Needle([u8; 32]);

impl Needle {
    pub(crate) fn of(bytes: &[u8; 32]) -> Self {
        let mut needle = [0; 32];
        needle.iter_mut().zip(bytes).for_each(|(complement, byte)| *complement = !byte);
        Self(needle)
    }

    fn begins(&self, text: &[u8]) -> bool {
        text.len() >= 32 && self.0.iter().zip(text).all(|(complement, byte)| *complement == !byte)
    }
}

/// The memory of a process, a number or `self`, by rising address, no part of it twice.
pub(crate) fn mappings(process: &str) -> Vec<Mapping> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps")).expect("a process of ours");
    let mut all: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let first = words.next().expect("no empty line");
        if let Some((start, end)) = first.split_once('-') {
            let address = |digits| usize::from_str_radix(digits, 16).expect("an address");
            let rights = words.next().expect("rights").to_owned();
            // A mapping that grows while the list is read may stand in it twice: what was listed is not listed again.
            let start = all.last().map_or(0, |before| before.range.end).max(address(start));
            all.push(Mapping { range: start..address(end).max(start), rights, flags: Vec::new() });
        } else if first == "VmFlags:" {
            all.last_mut().expect("flags follow a mapping").flags = words.map(str::to_owned).collect();
        }
    }
    all
}

/// Where the needles lie in the memory of a process: which one, at which address. Memory that cannot be read holds none.
pub(crate) fn search(process: &str, needles: &[Needle]) -> Vec<(usize, usize)> {
    const STEP: usize = 1 << 18;
    // One search's buffer must not be another's find.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let memory = File::open(format!("/proc/{process}/mem")).expect("a process of ours");
    let mut buffer = Zeroizing::new(vec![0; STEP + 31]);
    let mut found = Vec::new();
    for Range { start, end } in mappings(process).into_iter().map(|mapping| mapping.range) {
        let mut at = start;
        while at < end {
            buffer.fill(0);
            let length = buffer.len().min(end - at);
            let read = memory.read_at(&mut buffer[..length], at as u64).unwrap_or(0);
            let here = find(&buffer[..read], needles);
            found.extend(
                here.into_iter().filter(|(_, offset)| *offset < STEP).map(|(n, offset)| (n, at + offset)),
            );
            // A page that cannot be read ends a read, and the next one begins behind it.
            at += if read == length { STEP } else { read / PAGE * PAGE + PAGE };
        }
    }
    // In a search of this process its own buffer comes by as well, holding what was just read into it.
    let own = buffer.as_ptr_range();
    found.retain(|(_, at)| process != "self" || !(own.start.addr()..own.end.addr()).contains(at));
    found
}

/// The smallest page there is.
const PAGE: usize = 4096;

fn find(text: &[u8], needles: &[Needle]) -> Vec<(usize, usize)> {
    let mut begins = [false; 256];
    needles.iter().for_each(|needle| begins[usize::from(!needle.0[0])] = true);
    let mut found = Vec::new();
    for start in (0..text.len()).step_by(PAGE) {
        let end = text.len().min(start + PAGE);
        // Most memory is blank, and passing over it at once makes this a matter of seconds less.
        let seen = &text[start..text.len().min(end + 31)];
        if seen == &[0; PAGE + 31][..seen.len()] {
            continue;
        }
        for offset in (start..end).filter(|offset| begins[usize::from(text[*offset])]) {
            let here = needles.iter().enumerate().filter(|(_, needle)| needle.begins(&text[offset..]));
            found.extend(here.map(|(number, _)| (number, offset)));
        }
    }
    found
}

/// Whether a process's memory can be read at an address by somebody else.
pub(crate) fn can_read(process: &str, address: usize) -> bool {
    let memory = File::open(format!("/proc/{process}/mem")).expect("a process of ours");
    memory.read_at(&mut [0; 1], address as u64).is_ok_and(|read| read == 1)
}

/// What this thread logs while something is done.
pub(crate) fn hear(work: impl FnOnce()) -> Vec<String> {
    listen();
    HEARD.set(Some(Vec::new()));
    work();
    HEARD.take().expect("nobody else takes what this thread hears")
}

/// Sees to it that every line of the log is heard from here on. tracing remembers at which lines nobody listened when they
/// were first come by, and a listener of one thread counts as nobody to the others: so there is one for all threads, and
/// whatever logs in tests calls this before.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Ear).expect("no test sets another"));
}

thread_local! {
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

struct Ear;

impl tracing::Subscriber for Ear {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        HEARD.with_borrow_mut(|heard| {
            if let Some(lines) = heard {
                lines.push(line.0);
            }
        });
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::collection::CollectionIdentity;
    use crate::keyfile;
    use crate::keyring::Keyring;
    use crate::keys::Key;
    use crate::manifest::ManifestKey;
    use crate::root::RootKey;

    const COLLECTION: CollectionIdentity<'static> =
        CollectionIdentity { application: "application-born", born: "collection-born", id: "licences" };

    /// Writes what `examples/keeper.rs` opens into a folder, and gives every key that leads to or comes from.
    fn furnish(folder: &Path) -> Vec<(&'static str, Needle)> {
        let slot = keyfile::create(&folder.join("room.key"), &folder.join("data")).expect("a new path");
        let root = RootKey::random().expect("the system draws");
        let keyring = Keyring::random("instance").expect("the system draws");
        let (key, wrapped) = keyring.new_collection_key(&COLLECTION, 1).expect("the system draws");
        let files = [
            ("root", root.wrap(&slot, "instance").expect("the system draws")),
            ("keyring", keyring.seal(&root, 1).expect("the system draws")),
            ("collection", wrapped),
        ];
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).expect("a new file");
        }
        let ManifestKey(manifest) = key.manifest_key();
        let collection = key.key();
        let mut all = vec![
            ("slot", Needle::of(slot.0.expose())),
            ("root", Needle::of(root.0.expose())),
            ("collection", Needle::of(collection.expose())),
            ("face", Needle::of(collection.derive("strongroom face-key").expose())),
            ("contents", Needle::of(collection.derive("strongroom contents-key").expose())),
            ("manifest", Needle::of(manifest.expose())),
        ];
        for (name, key) in keyring.keys() {
            all.push((name, Needle::of(key.expose())));
            if name == "master" {
                let derived = |label: &str| Needle::of(Key::derive(key, label).expose());
                all.push(("grant", derived("strongroom grant-key")));
                all.push(("application face", derived("strongroom application-face-key")));
            }
        }
        all
    }

    #[test]
    fn the_keys_of_a_strongroom_lie_in_its_arena_and_nowhere_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (names, needles): (Vec<_>, Vec<_>) = furnish(folder.path()).into_iter().unzip();
        let here = std::env::current_exe().expect("a test has a path");
        let keeper =
            here.parent().and_then(Path::parent).expect("a test lies in deps").join("examples/keeper");
        assert!(
            keeper.is_file(),
            "cargo test builds examples; with --lib, run cargo build --examples before"
        );

        #[expect(clippy::disallowed_methods, reason = "a test, whose other half is a process of its own")]
        let mut child = Command::new(keeper)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut hears = BufReader::new(child.stdout.take().expect("piped"));
        let mut says = child.stdin.take().expect("piped");
        let process = child.id().to_string();

        // Both while the keys of a collection are held and afterwards, when what was freed is searched as well.
        for moment in ["busy\n", "idle\n"] {
            let mut line = String::new();
            hears.read_line(&mut line).expect("it speaks");
            assert_eq!(line, moment);
            let arena: Vec<Mapping> = mappings(&process)
                .into_iter()
                .filter(|mapping| mapping.has("dd") && mapping.rights.starts_with("rw"))
                .collect();
            assert!(!arena.is_empty());
            let is_guarded = |at: &usize| arena.iter().any(|mapping| mapping.range.contains(at));
            let stray: Vec<_> = search(&process, &needles)
                .into_iter()
                .filter(|(_, at)| !is_guarded(at))
                .map(|(number, _)| names[number])
                .collect();
            assert!(stray.is_empty(), "{moment}{stray:?}");
            says.write_all(b"\n").expect("it listens");
        }
        assert!(child.wait().expect("a child of ours").success());
    }

    #[test]
    fn a_key_that_strayed_is_found() {
        let mut copy = Box::new([0; 32]);
        crate::random::fill(&mut copy[..]).expect("the system draws");
        let found = search("self", &[Needle::of(&copy)]);
        assert_eq!(found, [(0, (&raw const *copy).addr())]);
    }
}
