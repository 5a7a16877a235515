//! Reads `vectors/*.json`: the known answers, which another implementation made from the same words.

use serde_json::Value;

/// One file of vectors.
pub(crate) fn read(file: &str) -> Value {
    let path = format!("{}/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the vectors are part of the crate");
    serde_json::from_str(&text).expect("the vectors are JSON")
}

pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is a list"))
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is a text"))
}

pub(crate) fn hex(value: &Value, name: &str) -> Vec<u8> {
    let digits = text(value, name).as_bytes();
    assert_eq!(digits.len() % 2, 0, "{name} is hex");
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_else(|| panic!("{name} is hex")) as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

pub(crate) fn array<const N: usize>(value: &Value, name: &str) -> [u8; N] {
    hex(value, name).try_into().unwrap_or_else(|_| panic!("{name} has {N} bytes"))
}

#[test]
fn every_file_of_vectors_is_read_by_a_test() {
    let folder = format!("{}/vectors", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the vectors are part of the crate")
        .map(|entry| entry.expect("a readable folder").file_name().into_string().expect("an ASCII name"))
        .collect();
    files.sort();
    assert_eq!(files, ["records.json", "tree.json"]);
}
