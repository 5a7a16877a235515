//! An API key as the text that a client holds: `sr_key_<id>_<secret><checksum>`. It is read and written here; whether a
//! key is valid is not known here.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use zeroize::{Zeroize, Zeroizing};

const BEGIN: &str = "sr_key_";
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;

const BASE36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The id of an API key: 12 characters of `a-z` and `0-9`. It may be shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ApiKeyId(String);

impl ApiKeyId {
    const LENGTH: usize = 12;

    /// Parses an id.
    ///
    /// # Errors
    /// [`ApiKeyIdError`] when it has not exactly the shape of one.
    pub fn parse(text: &str) -> Result<Self, ApiKeyIdError> {
        let shaped = text.len() == Self::LENGTH && text.bytes().all(|byte| BASE36.contains(&byte));
        if shaped { Ok(Self(text.to_owned())) } else { Err(ApiKeyIdError) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ApiKeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A text that is no id of a key. It is not repeated: whoever mixes up id and token would find the token in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of an API key has 12 characters of a-z and 0-9")]
pub struct ApiKeyIdError;

/// An API key as text, wiped from memory when dropped.
///
/// ```compile_fail
/// # use strongroom_secrets::Token;
/// fn print(token: Token) { println!("{token}"); }
/// ```
/// ```compile_fail
/// # use strongroom_secrets::Token;
/// fn copy(token: &Token) -> Token { token.clone() }
/// ```
/// ```compile_fail
/// # use strongroom_secrets::Token;
/// fn compare(a: &Token, b: &Token) -> bool { a == b }
/// ```
pub struct Token {
    // Invariant: the shape that `parse` checks, the checksum included (`a_made_token_reads_back`).
    text: Zeroizing<String>,
    id: ApiKeyId,
}

impl Token {
    /// Parses a token. That its checksum holds says that it was not mistyped, and nothing else.
    ///
    /// # Errors
    /// [`TokenError`], which never repeats any of it.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let (id, rest) =
            text.strip_prefix(BEGIN).and_then(|rest| rest.split_once('_')).ok_or(TokenError::Malformed)?;
        let id = ApiKeyId::parse(id).map_err(|_| TokenError::Malformed)?;
        if rest.len() != SECRET_LENGTH + CHECKSUM_LENGTH || !rest.bytes().all(|byte| BASE62.contains(&byte)) {
            return Err(TokenError::Malformed);
        }
        let (before, checksum) = text.split_at(text.len() - CHECKSUM_LENGTH);
        if checksum_of(before) != checksum {
            return Err(TokenError::Checksum);
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), id })
    }

    /// The token made of random bytes. The caller wipes its own copy of them.
    #[must_use]
    pub fn from_random(mut id: [u8; 12], mut secret: [u8; 32]) -> Self {
        let id = ApiKeyId(digits(&mut id, BASE36, ApiKeyId::LENGTH).to_string());
        let length = BEGIN.len() + ApiKeyId::LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH;
        let mut text = Zeroizing::new(String::with_capacity(length));
        text.push_str(BEGIN);
        text.push_str(id.as_str());
        text.push('_');
        text.push_str(&digits(&mut secret, BASE62, SECRET_LENGTH));
        let checksum = checksum_of(&text);
        text.push_str(&checksum);
        Self { text, id }
    }

    /// Which key it is. The id may be shown.
    #[must_use]
    pub fn id(&self) -> &ApiKeyId {
        &self.id
    }

    /// Its secret part, as the bytes of its text: for the MAC that is stored in its place, and for nothing else.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        let end = self.text.len() - CHECKSUM_LENGTH;
        &self.text.as_bytes()[end - SECRET_LENGTH..end]
    }

    /// The token itself: for the one who asked for it, for the header of a request, and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEGIN}{}_***", self.id)
    }
}

/// What an error may repeat of a text that was meant as a name: its beginning, and nothing of an API key that was mixed up
/// with it.
pub(crate) fn shown(text: &str) -> String {
    match text.split_once(BEGIN) {
        None => text.chars().take(80).collect(),
        Some((before, _)) => format!("{}{BEGIN}***", before.chars().take(70).collect::<String>()),
    }
}

fn checksum_of(before: &str) -> String {
    digits(&mut crc32fast::hash(before.as_bytes()).to_be_bytes(), BASE62, CHECKSUM_LENGTH).to_string()
}

/// The last `count` digits of a number (big-endian) in the base that the alphabet has characters. The number is used
/// up: its bytes are wiped.
fn digits(number: &mut [u8], alphabet: &[u8], count: usize) -> Zeroizing<String> {
    let base = alphabet.len();
    let mut text = Zeroizing::new(vec![0; count]);
    for digit in text.iter_mut().rev() {
        let mut remainder = 0;
        for byte in number.iter_mut() {
            let dividend = remainder << 8 | usize::from(*byte);
            #[allow(clippy::cast_possible_truncation)]
            // the remainder was below the base, so this is below 256
            {
                *byte = (dividend / base) as u8;
            }
            remainder = dividend % base;
        }
        *digit = alphabet[remainder];
    }
    number.zeroize();
    let text = std::mem::take(&mut *text);
    Zeroizing::new(String::from_utf8(text).expect("the alphabets are ASCII"))
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It has not the shape of one.
    #[error("this is no API key: one begins with sr_key_ and has 69 characters; copy it whole")]
    Malformed,
    /// It has the shape, and a character of it is wrong.
    #[error(
        "the checksum of this API key does not match: a character is wrong or two are swapped; copy it again"
    )]
    Checksum,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made apart from this code: zlib's CRC-32 and base 62 in another language.
    const KNOWN: &str = "sr_key_opkou1flb9f7_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1em9Qz";

    fn known() -> Token {
        let secret: Vec<u8> = (0..32).collect();
        Token::from_random(*b"twelve bytes", secret.try_into().expect("32 bytes"))
    }

    #[test]
    fn the_format_is_fixed() {
        let token = known();
        assert_eq!(token.expose(), KNOWN);
        assert_eq!(token.expose().len(), 69);
        assert_eq!(Token::from_random([0; 12], [0; 32]).id().as_str(), "000000000000");
        let largest = Token::from_random([255; 12], [255; 32]);
        assert_eq!(Token::parse(largest.expose()).map(|token| token.id().clone()), Ok(largest.id().clone()));
    }

    #[test]
    fn what_is_not_exactly_a_token_is_none() {
        fn check(input: &str, expected: TokenError) {
            assert_eq!(Token::parse(input).map(|_| ()), Err(expected), "{input:?}");
        }
        for (wrong, error) in [
            (String::new(), TokenError::Malformed),
            (KNOWN.to_uppercase(), TokenError::Malformed),
            (format!("{KNOWN}\n"), TokenError::Malformed),
            (format!(" {KNOWN}"), TokenError::Malformed),
            (format!("{KNOWN}0"), TokenError::Malformed),
            (KNOWN[..68].to_owned(), TokenError::Malformed),
            (KNOWN.replace("sr_key_", "sr_run_"), TokenError::Malformed),
            (KNOWN.replace("sr_key_", "sr_key__"), TokenError::Malformed),
            (KNOWN.replace("sr_key_", "sr_"), TokenError::Malformed),
            (format!("{}ü{}", &KNOWN[..40], &KNOWN[42..]), TokenError::Malformed),
            (format!("{}é", &KNOWN[..67]), TokenError::Malformed),
            (format!("{}-{}", &KNOWN[..40], &KNOWN[41..]), TokenError::Malformed),
        ] {
            check(&wrong, error);
        }
        for at in 7..KNOWN.len() {
            let mut wrong = KNOWN.as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'7' { b'8' } else { b'7' };
            let wrong = String::from_utf8(wrong).expect("ASCII");
            let expected = if at == 19 { TokenError::Malformed } else { TokenError::Checksum };
            check(&wrong, expected);
        }
    }

    #[test]
    fn neither_debug_nor_an_error_shows_the_secret() {
        let token = known();
        let secret = std::str::from_utf8(token.secret()).expect("text").to_owned();
        assert_eq!(secret.len(), 43);
        assert!(token.expose().contains(&secret));
        assert_eq!(format!("{token:?}"), format!("sr_key_{}_***", token.id()));
        let error = ApiKeyId::parse(token.expose()).expect_err("a token is no id");
        assert!(!format!("{error} {error:?}").contains(&secret));
    }

    #[test]
    fn an_id_is_twelve_lower_case_characters() {
        for bad in ["", "abcdefghijk", "abcdefghijklm", "ABCDEFGHIJKL", "abcdef-hijkl", "abcdefghijü"] {
            assert_eq!(ApiKeyId::parse(bad), Err(ApiKeyIdError), "{bad:?}");
        }
        let id = known().id().clone();
        let json = serde_json::to_string(&id).expect("JSON");
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<ApiKeyId>(&json).expect("an id"), id);
        assert!(serde_json::from_str::<ApiKeyId>("\"x\"").is_err());
    }

    proptest! {
        #[test]
        fn a_made_token_reads_back(id: [u8; 12], secret: [u8; 32]) {
            let made = Token::from_random(id, secret);
            let read = Token::parse(made.expose()).expect("a token");
            prop_assert_eq!(read.expose(), made.expose());
            prop_assert_eq!(read.id(), made.id());
            prop_assert_eq!(read.secret(), made.secret());
            prop_assert_eq!(made.text.capacity(), made.text.len());
        }

        #[test]
        fn another_secret_is_another_token(first: [u8; 32], second: [u8; 32]) {
            let token = |secret| Token::from_random([0; 12], secret);
            prop_assert_eq!(token(first).expose() == token(second).expose(), first == second);
        }
    }
}
