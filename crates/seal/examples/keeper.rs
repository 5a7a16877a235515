//! The other half of a test, never shipped: it opens a strongroom's keys, uses every one of them, and stands still for
//! its memory to be searched, once while it holds the keys of a collection (`busy`) and once afterwards (`idle`).

#![allow(clippy::disallowed_methods, reason = "the edge: this program stands in for main")]

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::{env, fs};

use strongroom_seal::{ApplicationIdentity, CollectionIdentity, Keyring, RootKey, keyfile};
use strongroom_secrets::{ApplicationId, CollectionId, Place, SecretType, SecretValue, ValueId};
use zeroize::Zeroizing;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or("keeper FOLDER")?);
    let uid = rustix::process::geteuid().as_raw();
    let slot = keyfile::read(&folder.join("room.key"), &folder.join("data"), uid)?;
    let root = RootKey::open(&fs::read(folder.join("root"))?, &slot, "instance")?;
    let keyring = Keyring::open(&fs::read(folder.join("keyring"))?, &root, "instance", 1)?;
    use_keyring(&keyring)?;
    use_collection(&keyring, &fs::read(folder.join("collection"))?)?;
    stand_still("idle")
}

fn use_keyring(keyring: &Keyring) -> Result<(), Box<dyn Error>> {
    let grant = keyring.seal_grant("q7h2m4k8x1c9", 1, b"list")?;
    keyring.open_grant("q7h2m4k8x1c9", 1, &grant)?;
    let application = ApplicationIdentity { born: "born", id: "routing", live: true };
    let face = keyring.seal_application_face(&application, b"a name")?;
    keyring.open_application_face(&application, &face)?;
    let record = keyring.seal_audit_record(0, 1, "1-abcdefgh", b"who did what")?;
    keyring.open_audit_record(0, 1, "1-abcdefgh", &record)?;
    let verifier = keyring.token_verifier("q7h2m4k8x1c9", b"secret");
    assert!(keyring.is_token("q7h2m4k8x1c9", b"secret", &verifier));
    let (application, collection) = (ApplicationId::parse("routing")?, CollectionId::parse("licences")?);
    let place = Place::parse(SecretType::Env, "API_KEY")?;
    let mask = keyring.mask(&application, &collection, &place, &ValueId::from_random([1; 10]));
    assert!(keyring.is_mask_of(&application, &collection, &place, &mask));
    assert_eq!(keyring.digest("born", &value()?), keyring.digest("born", &value()?));
    Ok(())
}

fn use_collection(keyring: &Keyring, wrapped: &[u8]) -> Result<(), Box<dyn Error>> {
    let collection =
        CollectionIdentity { application: "application-born", born: "collection-born", id: "licences" };
    let key = keyring.open_collection_key(&collection, 1, wrapped)?;
    let (face, contents, _manifest) = (key.face_key(), key.contents_key(), key.manifest_key());
    face.open(1, "1-abcdefgh", &face.seal(1, "1-abcdefgh", b"a face")?)?;
    contents.open(1, "1-abcdefgh", &contents.seal(1, "1-abcdefgh", &[value()?])?)?;
    stand_still("busy")
}

fn value() -> Result<SecretValue, Box<dyn Error>> {
    Ok(SecretValue::parse(Zeroizing::new(b"a value".to_vec()))?)
}

/// Says so, and waits for a line.
fn stand_still(moment: &str) -> Result<(), Box<dyn Error>> {
    writeln!(io::stdout(), "{moment}")?;
    io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}
