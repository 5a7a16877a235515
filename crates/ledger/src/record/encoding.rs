//! A record as bytes and back: strict and canonical. What the fields mean is said in `record`, not here.

use std::collections::BTreeMap;

use super::{Action, Actor, ActorKind, Outcome, Record, RunClaim, RunEnd, UnknownFields};
use crate::generation::{Generation, Receipt};

const VERSION: u8 = 1;
const MAX_TEXT: usize = 255;

struct Field {
    number: u8,
    name: &'static str,
}

impl Field {
    const fn new(number: u8, name: &'static str) -> Self {
        Self { number, name }
    }
}

// The table at the top of `record` says what these hold.
const SEQ: Field = Field::new(1, "seq");
const TIME: Field = Field::new(2, "time");
const ACTOR_KIND: Field = Field::new(3, "actor_kind");
const ACTOR_NAME: Field = Field::new(4, "actor_name");
const SOURCE: Field = Field::new(5, "source");
const ACTION: Field = Field::new(6, "action");
const APPLICATION_ID: Field = Field::new(7, "application_id");
const APPLICATION_BORN: Field = Field::new(8, "application_born");
const COLLECTION_ID: Field = Field::new(9, "collection_id");
const COLLECTION_BORN: Field = Field::new(10, "collection_born");
const RECORD_VERSION: Field = Field::new(11, "version");
const OUTCOME: Field = Field::new(12, "outcome");
const RULE: Field = Field::new(13, "rule");
const REQUEST_ID: Field = Field::new(14, "request_id");
const EPOCH: Field = Field::new(15, "epoch");
const MANIFEST_MAC: Field = Field::new(16, "manifest_mac");
const AUTHORITY_SIZE: Field = Field::new(17, "authority_size");
const GENERATION: Field = Field::new(18, "generation");
const RUN_HOST: Field = Field::new(19, "run_host");
const RUN_USER: Field = Field::new(20, "run_user");
const RUN_COMMAND: Field = Field::new(21, "run_command");
const END: Field = Field::new(23, "end");
const RECEIPT: Field = Field::new(24, "receipt");
const KEY_ID: Field = Field::new(25, "key_id");
const GRANT_COMMITMENT: Field = Field::new(26, "grant_commitment");

impl Record {
    /// The bytes of this record: what is hashed, and what is sealed.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if let Some(field) = self.missing_companion() {
            return Err(EncodeError::Missing { field: field.name });
        }
        let mut fields = Writer(self.unknown.0.iter().cloned().collect());
        fields.put(SEQ, self.seq.to_be_bytes());
        fields.put(TIME, self.time.to_be_bytes());
        fields.put_text(ACTOR_KIND, Some(self.actor.kind.as_str()))?;
        fields.put_text(ACTOR_NAME, Some(&self.actor.name))?;
        fields.put_text(SOURCE, self.source.as_deref())?;
        fields.put_text(ACTION, Some(self.action.as_str()))?;
        fields.put_text(APPLICATION_ID, self.application_id.as_deref())?;
        fields.put_text(APPLICATION_BORN, self.application_born.as_deref())?;
        fields.put_text(COLLECTION_ID, self.collection_id.as_deref())?;
        fields.put_text(COLLECTION_BORN, self.collection_born.as_deref())?;
        fields.put_all(RECORD_VERSION, self.version.map(u64::to_be_bytes));
        fields.put_text(OUTCOME, Some(self.outcome.as_str()))?;
        fields.put_text(RULE, self.rule.as_deref())?;
        fields.put_text(REQUEST_ID, self.request_id.as_deref())?;
        fields.put_all(EPOCH, self.epoch.map(u64::to_be_bytes));
        fields.put_all(MANIFEST_MAC, self.manifest_mac);
        fields.put_all(AUTHORITY_SIZE, self.authority_size.map(u64::to_be_bytes));
        fields.put(GENERATION, self.generation.to_string());
        fields.put_all(RUN_HOST, self.run.as_ref().map(RunClaim::host));
        fields.put_all(RUN_USER, self.run.as_ref().map(RunClaim::user));
        fields.put_all(RUN_COMMAND, self.run.as_ref().map(RunClaim::command));
        fields.put_end(self.end)?;
        fields.put_all(RECEIPT, self.receipt.map(|receipt| receipt.to_string()));
        fields.put_text(KEY_ID, self.key_id.as_deref())?;
        fields.put_all(GRANT_COMMITMENT, self.grant_commitment);
        fields.finish(&self.blind)
    }

    /// Reads what [`Record::encode`] wrote, here or in a newer program.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (version, rest) = bytes.split_first().ok_or(ParseError::Damaged { at: 0 })?;
        if *version != VERSION {
            return Err(ParseError::Version(*version));
        }
        let (blind, rest) = rest.split_first_chunk::<16>().ok_or(ParseError::Damaged { at: bytes.len() })?;
        if bytes.len() > Self::MAX_BYTES {
            return Err(ParseError::Damaged { at: Self::MAX_BYTES });
        }
        let mut fields = Reader::parse(rest, bytes.len())?;
        let record = Self {
            blind: *blind,
            seq: u64::from_be_bytes(fields.need(SEQ, Reader::array)?),
            time: i64::from_be_bytes(fields.need(TIME, Reader::array)?),
            actor: Actor {
                kind: ActorKind::from_word(fields.need(ACTOR_KIND, Reader::text)?),
                name: fields.need(ACTOR_NAME, Reader::text)?.to_owned(),
            },
            source: fields.take(SOURCE, Reader::text)?.map(str::to_owned),
            action: Action::from_word(fields.need(ACTION, Reader::text)?),
            application_id: fields.take(APPLICATION_ID, Reader::text)?.map(str::to_owned),
            application_born: fields.take(APPLICATION_BORN, Reader::text)?.map(str::to_owned),
            collection_id: fields.take(COLLECTION_ID, Reader::text)?.map(str::to_owned),
            collection_born: fields.take(COLLECTION_BORN, Reader::text)?.map(str::to_owned),
            version: fields.take(RECORD_VERSION, Reader::array)?.map(u64::from_be_bytes),
            outcome: fields.need(OUTCOME, |bytes| Reader::text(bytes).and_then(Outcome::from_word))?,
            rule: fields.take(RULE, Reader::text)?.map(str::to_owned),
            request_id: fields.take(REQUEST_ID, Reader::text)?.map(str::to_owned),
            epoch: fields.take(EPOCH, Reader::array)?.map(u64::from_be_bytes),
            manifest_mac: fields.take(MANIFEST_MAC, Reader::array)?,
            authority_size: fields.take(AUTHORITY_SIZE, Reader::array)?.map(u64::from_be_bytes),
            generation: fields.need(GENERATION, |bytes| Generation::parse(Reader::text(bytes)?).ok())?,
            run: fields.take_run()?,
            end: fields.take(END, |bytes| RunEnd::parse(Reader::text(bytes)?).ok())?,
            receipt: fields.take(RECEIPT, |bytes| Receipt::parse(Reader::text(bytes)?).ok())?,
            key_id: fields.take(KEY_ID, Reader::text)?.map(str::to_owned),
            grant_commitment: fields.take(GRANT_COMMITMENT, Reader::array)?,
            unknown: fields.finish(),
        };
        match record.missing_companion() {
            Some(field) => Err(ParseError::Field(field.name)),
            None => Ok(record),
        }
    }

    /// A mutation or a grant that does not say of what, a manifest that does not say of when, and an end that does
    /// not say of which run prove nothing.
    fn missing_companion(&self) -> Option<Field> {
        if self.epoch.is_some() && self.collection_born.is_none() {
            Some(COLLECTION_BORN)
        } else if self.manifest_mac.is_some() && self.epoch.is_none() {
            Some(EPOCH)
        } else if self.end.is_some() && self.receipt.is_none() {
            Some(RECEIPT)
        } else if self.grant_commitment.is_some() && self.key_id.is_none() {
            Some(KEY_ID)
        } else {
            None
        }
    }
}

/// Why a record cannot be written. Nothing may be done without its record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Say it otherwise: shorter, or quoted.
    #[error("{field} of an audit record takes 1 to {MAX_TEXT} bytes without control or invisible characters")]
    Text {
        /// The field's name in the table of `record`.
        field: &'static str,
    },
    /// Give the number of a signal that exists.
    #[error("{signal} is no signal that a run can end by: an audit record takes 1 to 64")]
    Signal {
        /// The number that was given.
        signal: u8,
    },
    /// Give this field too.
    #[error("{field} is missing from an audit record that needs it")]
    Missing {
        /// The field's name in the table of `record`.
        field: &'static str,
    },
    /// Say less.
    #[error("an audit record of {size} bytes is too large: the limit is {} bytes", Record::MAX_BYTES)]
    TooLarge {
        /// What it would take.
        size: usize,
    },
}

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Take the program that wrote it.
    #[error("audit record has format {0}, which this program does not know: use the program that wrote it")]
    Version(u8),
    /// Its frame is broken: a length, the order of the numbers, or bytes left over.
    #[error("audit record is damaged at byte {at}")]
    Damaged {
        /// Where reading stopped.
        at: usize,
    },
    /// This field is missing, or is not what such a field holds.
    #[error("{0} of an audit record is missing or damaged")]
    Field(&'static str),
}

/// Fields on their way out, in the order of their numbers.
struct Writer(BTreeMap<u8, Vec<u8>>);

impl Writer {
    fn put(&mut self, field: Field, content: impl AsRef<[u8]>) {
        self.0.insert(field.number, content.as_ref().to_vec());
    }

    fn put_all(&mut self, field: Field, content: Option<impl AsRef<[u8]>>) {
        if let Some(content) = content {
            self.put(field, content);
        }
    }

    fn put_text(&mut self, field: Field, text: Option<&str>) -> Result<(), EncodeError> {
        if text.is_some_and(|text| !is_plain_text(text)) {
            return Err(EncodeError::Text { field: field.name });
        }
        self.put_all(field, text);
        Ok(())
    }

    /// Whatever is written here can be read again.
    fn put_end(&mut self, end: Option<RunEnd>) -> Result<(), EncodeError> {
        if let Some(RunEnd::Signal(signal)) = end
            && !RunEnd::SIGNALS.contains(&signal)
        {
            return Err(EncodeError::Signal { signal });
        }
        self.put_all(END, end.map(|end| end.to_string()));
        Ok(())
    }

    fn finish(self, blind: &[u8; 16]) -> Result<Vec<u8>, EncodeError> {
        let size = 1 + blind.len() + self.0.values().map(|content| 3 + content.len()).sum::<usize>();
        if size > Record::MAX_BYTES {
            return Err(EncodeError::TooLarge { size });
        }
        let mut bytes = Vec::with_capacity(size);
        bytes.push(VERSION);
        bytes.extend_from_slice(blind);
        for (number, content) in self.0 {
            bytes.push(number);
            // Fits: the whole record is at most 4 KiB.
            bytes.extend_from_slice(&(content.len() as u16).to_be_bytes());
            bytes.extend_from_slice(&content);
        }
        Ok(bytes)
    }
}

/// Fields on their way in; each is taken once, what nobody takes is unknown.
struct Reader<'a>(BTreeMap<u8, &'a [u8]>);

impl<'a> Reader<'a> {
    /// `end` is where the fields end, counted from the start of the record, so that an error can say where it
    /// is.
    fn parse(mut rest: &'a [u8], end: usize) -> Result<Self, ParseError> {
        let mut fields = BTreeMap::new();
        let mut previous = 0;
        while !rest.is_empty() {
            let damaged = ParseError::Damaged { at: end - rest.len() };
            let ([number, length @ ..], after) = rest.split_first_chunk::<3>().ok_or(damaged.clone())?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (content, after) = after.split_at_checked(length).ok_or(damaged.clone())?;
            if *number <= previous {
                return Err(damaged);
            }
            fields.insert(*number, content);
            (previous, rest) = (*number, after);
        }
        Ok(Self(fields))
    }

    fn need<T>(&mut self, field: Field, read: impl Fn(&'a [u8]) -> Option<T>) -> Result<T, ParseError> {
        let name = field.name;
        self.take(field, read)?.ok_or(ParseError::Field(name))
    }

    fn take<T>(
        &mut self,
        field: Field,
        read: impl Fn(&'a [u8]) -> Option<T>,
    ) -> Result<Option<T>, ParseError> {
        let content = self.0.remove(&field.number);
        content.map(|content| read(content).ok_or(ParseError::Field(field.name))).transpose()
    }

    fn take_run(&mut self) -> Result<Option<RunClaim>, ParseError> {
        let parts = [RUN_HOST, RUN_USER, RUN_COMMAND].map(|field| self.0.remove(&field.number));
        match parts {
            [None, None, None] => Ok(None),
            [Some(host), Some(user), Some(command)] => {
                RunClaim::parse(host, user, command).map(Some).ok_or(ParseError::Field("run"))
            }
            _ => Err(ParseError::Field("run")),
        }
    }

    fn finish(self) -> UnknownFields {
        UnknownFields(self.0.into_iter().map(|(number, content)| (number, content.to_vec())).collect())
    }

    fn array<const N: usize>(content: &[u8]) -> Option<[u8; N]> {
        content.try_into().ok()
    }

    fn text(content: &[u8]) -> Option<&str> {
        std::str::from_utf8(content).ok().filter(|text| is_plain_text(text))
    }
}

/// A record is read on terminals and in log viewers: nothing in it may move a cursor, hide, or turn text
/// around.
fn is_plain_text(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(|c| c.is_control() || is_invisible(c))
}

/// The soft hyphen, Unicode's separators and joiners of zero width, and what changes the direction of text.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}
