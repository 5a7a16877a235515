//! The replay of a checked-in corpus by the tests of the room that owns the parser. It looks for nothing new: that is the
//! engine's work.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

/// Holds every input of a target's corpus to the target's laws, and names those that break one.
pub(crate) fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(folder).expect("the target has a corpus");
    let mut files: Vec<_> = files.map(|file| file.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{target} has no input");
    files.retain(|file| {
        let data = fs::read(file).expect("an input can be read");
        catch_unwind(|| check(&data)).is_err()
    });
    assert!(files.is_empty(), "these inputs break a law of {target}: {files:?}");
}
