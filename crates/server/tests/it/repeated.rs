//! Requests that are sent more than once at the same time, under one `Idempotency-Key`. One after the other they are in
//! `contract/repeat`.

use axum::body::Body;
use axum::http::Request;
use strongroom_secrets::Action;

use crate::contract::room::block_on;
use crate::served::Served;

const SECRETS: &str = "/v1/applications/app/secrets";
const NEW: &str = r#"{"id":"new","secrets":[{"type":"env","location":"A","value":"hunter2"}]}"#;
const OTHER: &str = r#"{"id":"new","secrets":[{"type":"env","location":"A","value":"hunter3"}]}"#;

fn create(key: &str, body: &str) -> Request<Body> {
    Request::post(SECRETS)
        .header("authorization", key)
        .header("content-type", "application/json")
        .header("idempotency-key", "once")
        .body(Body::from(body.to_owned()))
        .expect("a request")
}

#[test]
fn of_simultaneous_requests_one_is_done_and_all_are_answered_alike() {
    block_on(async {
        let served = Served::new().await;
        let send = || served.send(create(&served.admin, NEW));
        let (a, b, c, d) = tokio::join!(send(), send(), send(), send());
        for answer in [&a, &b, &c, &d] {
            assert_eq!((answer.status, &answer.text), (200, &a.text));
            assert_eq!(answer.header("strongroom-version"), "1");
        }
        let audit = served.get("/v1/audit?application_id=app&collection_id=new").await;
        assert_eq!(audit.text.matches("collection.create").count(), 1, "{audit:?}");
    });
}

#[test]
fn of_two_simultaneous_requests_that_differ_one_is_told_so() {
    block_on(async {
        let served = Served::new().await;
        let (a, b) =
            tokio::join!(served.send(create(&served.admin, NEW)), served.send(create(&served.admin, OTHER)));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422], "{a:?} {b:?}");
    });
}

#[test]
fn a_key_of_one_caller_says_nothing_to_another() {
    block_on(async {
        let served = Served::new().await;
        let other = served.key(&[Action::Write]).await;
        let reader = served.key(&[Action::List]).await;
        assert_eq!(served.send(create(&served.admin, NEW)).await.status, 200);
        assert_eq!(served.send(create(&other, NEW)).await.code(), "exists");
        assert_eq!(served.send(create(&other, OTHER)).await.code(), "exists");
        assert_eq!(served.send(create(&reader, NEW)).await.status, 403);
    });
}
