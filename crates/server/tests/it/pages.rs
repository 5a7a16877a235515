//! Lists, page by page: everything once, in one order, and no token but our own.

use std::collections::BTreeSet;

use axum::body::Body;
use serde_json::Value;
use strongroom_secrets::Action;

use crate::contract::room::block_on;
use crate::served::Served;

/// The ids on every page of a list, and how many each page has.
async fn pages(served: &Served, path: &str, id: &str) -> (Vec<String>, Vec<usize>) {
    let (mut ids, mut sizes) = (Vec::new(), Vec::new());
    let mut token = None::<String>;
    loop {
        let more = token.map(|token| format!("&pagetoken={token}")).unwrap_or_default();
        let answer = served.get(&format!("{path}{more}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        let items = answer["items"].as_array().expect("a page has items");
        sizes.push(items.len());
        ids.extend(items.iter().map(|item| item[id].to_string()));
        token = answer.get("next_page_token").map(|token| token.as_str().expect("a text").to_owned());
        if token.is_none() {
            return (ids, sizes);
        }
    }
}

#[test]
fn collections_come_in_pages_where_pages_are_asked_for() {
    block_on(async {
        let served = Served::new().await;
        let path = "/v1/applications/app/secrets";
        for i in 0..204 {
            let body = format!(r#"{{"id":"x{i}","secrets":[{{"type":"env","location":"A","value":"v"}}]}}"#);
            assert_eq!(served.send(served.post(path, &body)).await.status, 200);
        }
        let (ids, sizes) = pages(&served, &format!("{path}?pagereturn=true"), "id").await;
        assert_eq!(sizes, [100, 100, 5]);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 205);
        let all = served.get(path).await.json();
        assert!(all.get("next_page_token").is_none());
        let all: Vec<String> =
            all["items"].as_array().expect("a list").iter().map(|item| item["id"].to_string()).collect();
        assert_eq!(all, ids, "the same order");
    });
}

#[test]
fn applications_are_a_bare_array_without_pages_and_an_object_with() {
    block_on(async {
        let served = Served::new().await;
        for i in 0..100 {
            let answer = served.send(served.post("/v1/applications", &format!(r#"{{"id":"x{i}"}}"#))).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let (ids, sizes) = pages(&served, "/v1/applications?pagereturn=true", "id").await;
        assert_eq!(sizes, [100, 1]);
        let Value::Array(all) = served.get("/v1/applications").await.json() else { panic!("a bare array") };
        assert_eq!(all.iter().map(|item| item["id"].to_string()).collect::<Vec<_>>(), ids);
    });
}

#[test]
fn keys_and_records_always_come_in_pages() {
    block_on(async {
        let served = Served::new().await;
        for _ in 0..120 {
            served.key(&[Action::List]).await;
        }
        let (ids, sizes) = pages(&served, "/v1/keys?", "id").await;
        assert_eq!(sizes, [100, 21]);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 121);
        for _ in 0..400 {
            let body = r#"{"as":"run"}"#;
            let answer = served.send(served.post("/v1/applications/app/secrets/c/deliveries", body)).await;
            assert_eq!(answer.status, 200);
        }
        let (seqs, sizes) = pages(&served, "/v1/audit?", "seq").await;
        assert!(sizes.len() > 1, "{sizes:?}");
        let expected: Vec<String> = (0..seqs.len()).map(|seq| seq.to_string()).collect();
        assert_eq!(seqs, expected, "every record, oldest first");
    });
}

#[test]
fn a_token_that_the_list_did_not_give_is_refused() {
    block_on(async {
        let served = Served::new().await;
        // The position of an application, which is none in any other list.
        let foreign = "YWFwcA";
        for path in ["/v1/applications/app/secrets?", "/v1/keys?", "/v1/audit?", "/v1/applications?"] {
            for token in ["", "x", "%00", "AAAA", "Li4vLi4", "%F0%9F%98%80", &"A".repeat(5000)] {
                let answer = served.get(&format!("{path}pagetoken={token}")).await;
                assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{path}{token}");
            }
            let own = path == "/v1/applications?";
            let answer = served.get(&format!("{path}pagetoken={foreign}")).await;
            assert_eq!(answer.status, if own { 200 } else { 400 }, "{path}{foreign}");
        }
        let request = served.ask("GET", "/v1/keys?pagetoken=").body(Body::empty()).expect("a request");
        assert_eq!(served.send(request).await.status, 400);
    });
}
