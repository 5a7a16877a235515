//! What is stored, by the strongroom's own account. Deliberately past the server that the clients speak to: they are not
//! asked to vouch for themselves.

use serde_json::Value;

use super::samples::Sample;
use crate::room::Room;

/// What the strongroom itself says is stored, opened beside the server; absent where there is no such collection.
pub(super) fn prove(
    room: &Room,
    application: &str,
    id: &str,
    expected: Option<&[Sample]>,
) -> Result<(), String> {
    let said = room.say(&format!("secrets reveal {id} --app {application} --output json"));
    let place = format!("{application}/{id}");
    match (expected, said.code()) {
        (None, Some(1)) => Ok(()),
        (None, _) => Err(format!("{place} is stored: {}", said.text())),
        (Some(_), Some(1)) => Err(format!("{place} is not stored: {}", said.stderr)),
        (Some(expected), _) => compare(&place, &said.json(), expected),
    }
}

fn compare(place: &str, found: &Value, expected: &[Sample]) -> Result<(), String> {
    let secrets = found["secrets"].as_array().ok_or_else(|| format!("{place} has no list of secrets"))?;
    let (mut found, mut wanted): (Vec<Sample>, Vec<Sample>) =
        (secrets.iter().map(Sample::from_json).collect(), expected.to_vec());
    found.sort();
    wanted.sort();
    let missing = |these: &[Sample], from: &[Sample]| {
        let places = these.iter().filter(|one| !from.contains(one)).map(Sample::place);
        places.collect::<Vec<_>>().join(", ")
    };
    if found == wanted {
        return Ok(());
    }
    Err(format!("{place} lacks [{}] and holds [{}]", missing(&wanted, &found), missing(&found, &wanted)))
}
