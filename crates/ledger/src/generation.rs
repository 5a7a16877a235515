//! Which life of an instance a record belongs to, and the receipt that names one record.
//! Not a version of anything: a restore opens a new generation, a write does not.

use std::fmt;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// One life of an instance, written `1-abcdefgh`: a number from 1 and 8 random characters.
///
/// The number orders generations; the characters tell two of one number apart, as after one backup was
/// restored twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation {
    // Invariant: never 0 (`what_is_not_written_like_a_generation_is_refused`).
    number: u32,
    random: [u8; 5],
}

impl Generation {
    /// The generation of a new instance.
    pub fn first(random: [u8; 5]) -> Self {
        Self { number: 1, random }
    }

    /// Reads `1-abcdefgh`, and nothing else: one generation has one spelling.
    pub fn parse(text: &str) -> Result<Self, GenerationError> {
        let (number, random) = text.split_once('-').ok_or(GenerationError)?;
        let number =
            u32::try_from(parse_decimal(number).ok_or(GenerationError)?).map_err(|_| GenerationError)?;
        if number == 0 {
            return Err(GenerationError);
        }
        Ok(Self { number, random: parse_random(random).ok_or(GenerationError)? })
    }

    /// Counts the generations of an instance, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-", self.number)?;
        let bits = self.random.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            let index = (bits >> (5 * place)) as usize & 31;
            write!(f, "{}", char::from(ALPHABET[index]))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a generation: it is written like 1-abcdefgh")]
pub struct GenerationError;

/// Names one record: `<generation>.<ledger>.<seq>`. It gives no right to anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// The generation in which the record was written.
    pub generation: Generation,
    /// The ledger that holds it.
    pub ledger: u32,
    /// Its place in that ledger, from 0.
    pub seq: u64,
}

impl Receipt {
    /// Reads `1-abcdefgh.0.42`, and nothing else.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        let mut parts = text.split('.');
        let (Some(generation), Some(ledger), Some(seq), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ReceiptError);
        };
        Ok(Self {
            generation: Generation::parse(generation).map_err(|_| ReceiptError)?,
            ledger: parse_decimal(ledger).and_then(|n| u32::try_from(n).ok()).ok_or(ReceiptError)?,
            seq: parse_decimal(seq).ok_or(ReceiptError)?,
        })
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.generation, self.ledger, self.seq)
    }
}

/// The text is not a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a receipt: it is written like 1-abcdefgh.0.42")]
pub struct ReceiptError;

/// `u64::from_str` takes `+1` and `01`; a name must have one spelling.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

fn parse_random(text: &str) -> Option<[u8; 5]> {
    if text.len() != 8 {
        return None;
    }
    let bits = text.bytes().try_fold(0u64, |bits, byte| {
        let index = ALPHABET.iter().position(|letter| *letter == byte)?;
        Some(bits << 5 | index as u64)
    })?;
    let [_, _, _, random @ ..] = bits.to_be_bytes();
    Some(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_reads_back_as_it_was_written() {
        fn check(random: [u8; 5], expected: &str) {
            let generation = Generation::first(random);
            assert_eq!(generation.to_string(), expected);
            assert_eq!(Generation::parse(expected), Ok(generation));
        }
        // RFC 4648: base32 of "fooba", and the ends of the alphabet.
        check(*b"fooba", "1-mzxw6ytb");
        check([0; 5], "1-aaaaaaaa");
        check([255; 5], "1-77777777");
    }

    #[test]
    fn what_is_not_written_like_a_generation_is_refused() {
        fn check(input: &str, expected: Result<u32, GenerationError>) {
            assert_eq!(Generation::parse(input).map(|g| g.number()), expected, "{input:?}");
        }
        check("1-abcdefgh", Ok(1));
        check("4294967295-abcdefgh", Ok(u32::MAX));
        for input in [
            "",
            "-",
            "1",
            "1-",
            "abcdefgh",
            "0-abcdefgh",
            "01-abcdefgh",
            "+1-abcdefgh",
            "-abcdefgh",
            " 1-abcdefgh",
            "4294967296-abcdefgh",
            "1-abcdefg",
            "1-abcdefghi",
            "1-ABCDEFGH",
            "1-abcdefg1",
            "1-abcdefg8",
            "1-abcdef\u{e9}",
            "1-abcdefgh ",
            "1--abcdefgh",
            "1_abcdefgh",
            "18446744073709551616-abcdefgh",
        ] {
            check(input, Err(GenerationError));
        }
    }

    #[test]
    fn a_receipt_reads_back_as_it_was_written() {
        fn check(input: &str, expected: Result<(u32, u64), ReceiptError>) {
            let receipt = Receipt::parse(input);
            assert_eq!(receipt.map(|r| (r.ledger, r.seq)), expected, "{input:?}");
            if let Ok(receipt) = receipt {
                assert_eq!(receipt.to_string(), input);
            }
        }
        check("1-abcdefgh.0.0", Ok((0, 0)));
        check("7-abcdefgh.64.18446744073709551615", Ok((64, u64::MAX)));
        for input in [
            "",
            "1-abcdefgh",
            "1-abcdefgh.0",
            "1-abcdefgh.0.",
            "1-abcdefgh..1",
            "1-abcdefgh.0.1.2",
            "1-abcdefgh.00.1",
            "1-abcdefgh.0.01",
            "1-abcdefgh.0.-1",
            "1-abcdefgh.0.+1",
            "1-abcdefgh.4294967296.1",
            "1-abcdefgh.0.1 ",
            "0-abcdefgh.0.1",
            "1-abcdefgh.0.18446744073709551616",
        ] {
            check(input, Err(ReceiptError));
        }
    }
}
