//! Who is calling: the API key in a request's head. Whether it is valid is custody's to say; here is only where it may
//! stand, and that one refusal covers all that can be wrong with it.

use axum::http::{HeaderMap, header};
use strongroom_custody::{Caller, Custodian};
use strongroom_secrets::{Timestamp, Token};

use crate::refusal::Refusal;

/// The token that a request presents; nothing is proven by that.
pub(crate) fn presented(headers: &HeaderMap) -> Option<Token> {
    token(headers)
}

/// The caller of a request, and the key, which is taken out of the head.
pub(crate) async fn authenticate(
    headers: &mut HeaderMap,
    custodian: &Custodian,
    now: Timestamp,
) -> Result<(Caller, Token), Refusal> {
    let token = token(headers).ok_or_else(Refusal::unauthenticated);
    headers.remove(header::AUTHORIZATION);
    let token = token?;
    Ok((custodian.authenticate(&token, now).await?, token))
}

/// `Authorization: Bearer` and a key, once. Two of them could each be read by somebody else.
fn token(headers: &HeaderMap) -> Option<Token> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (given.next(), given.next()) else { return None };
    let (scheme, key) = only.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    Token::parse(key).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_key_stands_in_one_header_in_one_form() {
        let token_of = |given: &[String]| {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(header::AUTHORIZATION, HeaderValue::try_from(value).expect("visible ASCII"));
            }
            token(&headers)
        };
        let made = Token::from_random([7; 12], [9; 32]);
        let key = made.expose();
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let found = token_of(&[format!("{scheme} {key}")]).expect("a key");
            assert_eq!(found.expose(), key);
        }
        let bearer = format!("Bearer {key}");
        for given in [
            vec![],
            vec![key.to_owned()],
            vec![format!("Basic {key}")],
            vec![format!("Bearer{key}")],
            vec![format!("Bearer  {key}")],
            vec![format!("Bearer {key} ")],
            vec![format!("Bearer {key},{bearer}")],
            vec![format!("Bearer \"{key}\"")],
            vec!["Bearer".to_owned()],
            vec![format!("{bearer}x")],
            vec![bearer.clone(), bearer.clone()],
            vec![bearer.clone(), "Basic eA==".to_owned()],
        ] {
            assert!(token_of(&given).is_none(), "{given:?}");
        }
    }
}
