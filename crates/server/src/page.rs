//! Page tokens: where a list goes on, opaque to the client. A token is a position and no right: whoever makes one up
//! sees what they may see anyway.

use data_encoding::BASE64URL_NOPAD;
use strongroom_custody::{CollectionMark, Page};
use strongroom_secrets::{ApiKeyId, ApplicationId, CollectionId, Items, Timestamp};

use crate::refusal::Refusal;
use crate::url::{Query, number};

/// How many items a page has.
pub(crate) const PAGE: u32 = 100;

/// A position in a list, as text. Each list has its own letter, so that no token of one is taken for another's.
pub(crate) trait Mark: Sized {
    const LETTER: char;
    fn write(&self) -> String;
    fn read(text: &str) -> Option<Self>;
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub(crate) struct Part<M> {
    pub(crate) after: Option<M>,
    pub(crate) limit: Option<u32>,
}

impl<M: Mark> Part<M> {
    /// The next page of a list that always has pages.
    pub(crate) fn page(query: &Query) -> Result<Self, Refusal> {
        let after = query.text("pagetoken").map(parse).transpose()?;
        Ok(Self { after, limit: Some(PAGE) })
    }

    /// A page where pages are asked for; else everything, since older clients never ask for a second page.
    ///
    /// Contract: `pages-only-when-asked`.
    pub(crate) fn page_or_all(query: &Query) -> Result<Self, Refusal> {
        let paged = query.text("pagereturn").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if paged || query.text("pagetoken").is_some() {
            return Self::page(query);
        }
        Ok(Self { after: None, limit: None })
    }
}

/// A page as it is answered.
pub(crate) fn items<T, M: Mark>(page: Page<T, M>) -> Items<T> {
    Items { items: page.items, next_page_token: page.next.as_ref().map(token) }
}

pub(crate) fn token<M: Mark>(mark: &M) -> String {
    BASE64URL_NOPAD.encode(format!("{}{}", M::LETTER, mark.write()).as_bytes())
}

fn parse<M: Mark>(text: &str) -> Result<M, Refusal> {
    let decoded =
        BASE64URL_NOPAD.decode(text.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let mark = decoded.as_deref().and_then(|text| text.strip_prefix(M::LETTER)).and_then(M::read);
    // One position has one token: another spelling of it was not made here.
    mark.filter(|mark| token(mark) == text)
        .ok_or_else(|| Refusal::invalid("the page token is not one that this list gave; begin without one"))
}

impl Mark for CollectionMark {
    const LETTER: char = 'c';

    fn write(&self) -> String {
        format!("{}:{}", self.created_at.as_micros(), self.id)
    }

    fn read(text: &str) -> Option<Self> {
        let (at, id) = text.split_once(':')?;
        Some(Self { created_at: Timestamp::from_micros(at.parse().ok()?), id: CollectionId::parse(id).ok()? })
    }
}

impl Mark for ApplicationId {
    const LETTER: char = 'a';

    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl Mark for ApiKeyId {
    const LETTER: char = 'k';

    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

/// A place in the ledger.
impl Mark for u64 {
    const LETTER: char = 'r';

    fn write(&self) -> String {
        self.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        number(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_mark() {
        let mark = CollectionMark {
            created_at: Timestamp::from_micros(1_700_000_000_000_001),
            id: CollectionId::parse("a.b_c-D").expect("an id"),
        };
        let back: CollectionMark = parse(&token(&mark)).expect("our own token");
        assert_eq!((back.created_at, back.id), (mark.created_at, mark.id));
        let id = ApplicationId::parse("1504").expect("an id");
        assert_eq!(parse::<ApplicationId>(&token(&id)).expect("our own token"), id);
        assert_eq!(parse::<u64>(&token(&17)).expect("our own token"), 17);
    }

    #[test]
    fn what_is_no_token_of_this_list_is_refused() {
        let foreign = token(&ApplicationId::parse("abcdefghijkl").expect("an id"));
        for text in [
            "",
            "a",
            "====",
            "AAAA",
            "c MTI6YQ",
            "ü",
            &foreign,
            &format!("{foreign}="),
            "Yy4uLw",
            "YzA3Omxp",
            "YyszOmxp",
        ] {
            let refusal = parse::<CollectionMark>(text).map(|_| ()).expect_err(text);
            assert_eq!(refusal.status().as_u16(), 400, "{text}");
            assert!(parse::<ApiKeyId>(text).is_err(), "{text}");
            assert!(parse::<u64>(text).is_err(), "{text}");
        }
    }
}
