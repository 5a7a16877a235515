//! Page tokens, asked of each list that has pages. A list takes exactly the tokens that are positions in it, as a naive reading
//! of them says; it gives no token that it would not take; no refusal repeats one.
#![cfg_attr(not(test), no_main)]

#[cfg(not(test))]
#[path = "../laws.rs"]
mod laws;
#[cfg(not(test))]
#[path = "../served.rs"]
mod served;

#[cfg(not(test))]
#[path = "../engine.rs"]
mod engine;

#[cfg(not(test))]
libfuzzer_sys::fuzz_target!(|data: &[u8]| engine::run(check, data));

#[cfg(test)]
use super::{laws, served};
use data_encoding::BASE64URL_NOPAD;
use served::with_served;
use strongroom_secrets::{ApiKeyId, CollectionId, Timestamp};

/// The lists, and the letter that their tokens begin with.
const LISTS: [(&str, char); 4] =
    [("/v1/applications/app/secrets", 'c'), ("/v1/applications", 'a'), ("/v1/keys", 'k'), ("/v1/audit", 'r')];

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    with_served(|served| {
        // As it came, and as the position that a token of it would name.
        for token in [text.to_owned(), BASE64URL_NOPAD.encode(data)] {
            let escaped: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
            for (path, letter) in LISTS {
                let target = format!("{path}?pagereturn=true&pagetoken={escaped}");
                let Some(answer) = served.send("GET", &target, &[], "") else { continue };
                let expected = if is_position(&token, letter) { 200 } else { 400 };
                assert_eq!(answer.status, expected, "{path} and {token:?}: {}", answer.text);
                if answer.status == 400 {
                    assert!(!answer.text.contains(laws::PLANTED), "{}", answer.text);
                } else if let Some(next) = answer.json()["next_page_token"].as_str() {
                    assert!(is_position(next, letter), "a list takes what it gives");
                }
            }
        }
        true
    });
}

fn is_position(token: &str, letter: char) -> bool {
    let Ok(bytes) = BASE64URL_NOPAD.decode(token.as_bytes()) else { return false };
    assert_eq!(BASE64URL_NOPAD.encode(&bytes), token, "one text for the same bytes");
    let Ok(position) = String::from_utf8(bytes) else { return false };
    let Some(position) = position.strip_prefix(letter) else { return false };
    match letter {
        'c' => position
            .split_once(':')
            .is_some_and(|(micros, id)| is_time(micros) && CollectionId::parse(id).is_ok()),
        'a' => CollectionId::parse(position).is_ok(),
        'k' => ApiKeyId::parse(position).is_ok(),
        _ => position.parse::<u64>().is_ok_and(|seq| seq.to_string() == position),
    }
}

/// A time that is printed as it is written, and that there is.
fn is_time(micros: &str) -> bool {
    micros.parse().is_ok_and(|number: i64| Timestamp::from_micros(number).as_micros().to_string() == micros)
}
