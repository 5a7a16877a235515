//! Values: what goes in comes out byte for byte, by delivery and by revelation, and what cannot be one is refused.

use strongroom_secrets::{Draft, Limits, NewCollection, RequestError, ValueError};

use crate::block_on;
use crate::strongroom::{Strongroom, WIDE, operate, pairs, secret};

#[test]
fn hostile_values_come_out_byte_for_byte() {
    let long = "\u{1F980}x\n".repeat(10_922) + "wxyz";
    assert_eq!(long.len() as u64, Limits::DEFAULT.bytes(), "exactly 64 KiB");
    let hostile = [
        ("env:EMPTY", ""),
        ("env:CRLF", "a\r\nb\r\n"),
        ("file:bom", "\u{feff}text"),
        ("env:EMOJI", "👩‍👩‍👧‍👦 e\u{301} é"),
        ("env:CONTROL", "\u{1}\u{7}\u{8}\u{1b}[2J\u{7f}\u{85}\u{2028}\u{2029}\u{202e}"),
        ("env:SQL", "'; DROP TABLE secrets; -- $1 ?1"),
        ("env:JSON", r#"{"a":"\u0000\ud83d","b":null}"#),
        ("env:SPACES", "  \t lead and trail \n\n"),
        ("env:NEARLY", " strongroom-masked:aaaaaaaaaaaaaaaa:00"),
        ("env:NONE", "null"),
        ("env:EDGES", "\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}"),
        ("file:long", &long),
    ];
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "made", &hostile).await.expect("created");
        room.create("app", "grown", &[("env:FIRST", "v")]).await.expect("created");
        for (place, value) in &hostile {
            let update = operate(&[(&format!("+{place}"), value)]);
            room.update("app", "grown", &update).await.expect("updated");
        }
        room.update("app", "grown", &operate(&[("-env:FIRST", "")])).await.expect("updated");
        for id in ["made", "grown"] {
            assert_eq!(room.deliver("app", id, None).await.expect("values"), pairs(&hostile), "{id}");
            assert_eq!(room.reveal("app", id).await.expect("values"), pairs(&hostile), "{id}");
        }
    });
}

#[test]
fn a_delivery_says_the_documented_collection() {
    block_on(async {
        let room = Strongroom::memory().await;
        room.create("app", "c", &[("env:A", "q\"\n"), ("file:/b", "v")]).await.expect("created");
        let id = crate::strongroom::collection("c");
        let access = room.access("app");
        let delivery = room.custodian.deliver(&access, &id, None, None, room.now()).await.expect("delivered");
        assert_eq!(delivery.version, 1);
        assert_eq!(
            delivery.to_plain_json().replace(&delivery.receipt, "RECEIPT"),
            "{\"id\":\"c\",\"application_id\":\"app\",\"name\":\"c\",\"description\":\"\",\
             \"created_at\":\"1970-01-01T00:00:03Z\",\"updated_at\":\"1970-01-01T00:00:03Z\",\"version\":1,\"receipt\":\"RECEIPT\",\"secrets\":[\
             {\"type\":\"env\",\"location\":\"A\",\"value\":\"q\\\"\\n\"},\
             {\"type\":\"file\",\"location\":\"/b\",\"value\":\"v\"}]}"
        );
    });
}

#[test]
fn what_cannot_be_a_value_never_gets_to_custody() {
    let check = |value: &str, expected: ValueError| {
        let secrets = Some(vec![secret("env:A", value)]);
        let settled = NewCollection::settle(Draft { secrets, ..Draft::default() }, WIDE);
        assert!(
            matches!(&settled, Err(RequestError::Value { error, .. }) if *error == expected),
            "{expected:?}"
        );
    };
    check("a\0b", ValueError::Nul);
    check("\0", ValueError::Nul);
    check(&"x".repeat(65_537), ValueError::TooLong { bytes: 65_537, limit: 65_536 });
}
