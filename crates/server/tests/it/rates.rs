//! How often somebody may ask: who is counted, who is told to wait and for how long, and who is not hurt by a neighbour.
//! Time stands still but where a test lets it pass.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::Request;
use strongroom_secrets::{Action, Timestamp};
use strongroom_server::Options;
use strongroom_server::listen::PeerAddress;

use crate::contract::room::{block_on, now, wait_until};
use crate::served::{Answer, OPTIONS, Served};

const WRONG: &str = "Bearer nobody";
const HOME: [u8; 4] = [192, 0, 2, 1];
const NEIGHBOUR: [u8; 4] = [192, 0, 2, 200];
const ELSEWHERE: [u8; 4] = [192, 0, 3, 1];

impl Served {
    /// A `GET` from an address.
    pub(crate) async fn get_from(&self, address: [u8; 4], key: &str, path: &str) -> Answer {
        let peer = PeerAddress(SocketAddr::from((address, 7)));
        let request = Request::builder().uri(path).header("authorization", key).extension(peer);
        self.send(request.body(Body::empty()).expect("a request")).await
    }
}

fn wait_seconds(seconds: i64) {
    wait_until(Timestamp::from_micros(now().as_micros() + seconds * 1_000_000));
}

fn check_refused(answer: &Answer, seconds: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_requests"), "{answer:?}");
    assert_eq!(answer.header("retry-after"), seconds);
}

#[test]
fn wrong_keys_from_one_address_block_are_counted_together_and_then_not_looked_at() {
    block_on(async {
        let served = Served::with(Options { address_rate: 2, ..OPTIONS }).await;
        for number in 0..20 {
            let address = if number % 2 == 0 { HOME } else { NEIGHBOUR };
            assert_eq!(served.get_from(address, WRONG, "/v1/keys").await.status, 401, "{number}");
        }
        for path in ["/v1/keys", "/openapi.json", "/v1/nothing"] {
            check_refused(&served.get_from(HOME, WRONG, path).await, "1");
        }
        assert_eq!(served.get_from(ELSEWHERE, WRONG, "/v1/keys").await.status, 401);
        wait_seconds(1);
        for _ in 0..2 {
            assert_eq!(served.get_from(HOME, WRONG, "/v1/keys").await.status, 401);
        }
        check_refused(&served.get_from(HOME, WRONG, "/v1/keys").await, "1");
    });
}

#[test]
fn open_routes_and_unknown_paths_are_counted_and_valid_keys_are_not() {
    block_on(async {
        let served = Served::with(Options { address_rate: 1, ..OPTIONS }).await;
        for _ in 0..50 {
            assert_eq!(served.get_from(HOME, &served.admin, "/v1/keys").await.status, 200);
        }
        for (path, status) in [
            ("/openapi.json", 200),
            ("/v1/nothing", 404),
            ("/v1//keys", 404),
            ("/%zz", 400),
            ("/v1/%72", 404),
        ] {
            for _ in 0..2 {
                assert_eq!(served.get_from(HOME, &served.admin, path).await.status, status);
            }
        }
        check_refused(&served.get_from(HOME, WRONG, "/openapi.json").await, "1");
        for path in ["/healthz", "/readyz"] {
            assert_eq!(served.get_from(HOME, WRONG, path).await.status, 200, "neighbours make nobody ill");
        }
    });
}

#[test]
fn a_key_that_proved_itself_lately_is_not_locked_out_by_a_neighbour() {
    block_on(async {
        let served = Served::with(Options { address_rate: 1, ..OPTIONS }).await;
        let (proven, unproven) = (served.key(&[Action::List]).await, served.key(&[Action::List]).await);
        let path = "/v1/applications/app/secrets/c";
        assert_eq!(served.get_from(HOME, &proven, path).await.status, 200);
        for _ in 0..10 {
            assert_eq!(served.get_from(NEIGHBOUR, WRONG, path).await.status, 401);
        }
        assert_eq!(served.get_from(HOME, &proven, path).await.status, 200);
        check_refused(&served.get_from(HOME, &unproven, path).await, "1");
        // An id is no secret: it opens no door elsewhere, and with a wrong secret nothing here.
        for _ in 0..10 {
            assert_eq!(served.get_from(ELSEWHERE, WRONG, path).await.status, 401);
        }
        check_refused(&served.get_from(ELSEWHERE, &proven, path).await, "1");
        let mut wrong = proven.clone();
        wrong.replace_range(30..31, if &wrong[30..31] == "x" { "y" } else { "x" });
        assert_ne!(served.get_from(HOME, &wrong, path).await.status, 200);
    });
}

#[test]
fn a_key_may_ask_so_often_and_no_other_key_notices() {
    block_on(async {
        let served = Served::with(Options { key_rate: 2, ..OPTIONS }).await;
        let (eager, other) = (served.key(&[Action::List]).await, served.key(&[Action::List]).await);
        let path = "/v1/applications/app/secrets";
        for number in 0..10 {
            assert_eq!(served.get_from(HOME, &eager, path).await.status, 200, "{number}");
        }
        check_refused(&served.get_from(HOME, &eager, path).await, "1");
        check_refused(&served.get_from(ELSEWHERE, &eager, path).await, "1");
        assert_eq!(served.get_from(HOME, &other, path).await.status, 200);
        wait_seconds(1);
        assert_eq!(served.get_from(HOME, &eager, path).await.status, 200);
    });
}

#[test]
fn whoever_asks_seldom_waits_whole_seconds() {
    block_on(async {
        let served = Served::with(Options { address_rate: 1, ..OPTIONS }).await;
        for _ in 0..10 {
            assert_eq!(served.get_from(HOME, WRONG, "/v1/keys").await.status, 401);
        }
        let refused = served.get_from(HOME, WRONG, "/v1/keys").await;
        check_refused(&refused, "1");
        assert!(!refused.text.contains("nobody"), "{refused:?}");
    });
}
