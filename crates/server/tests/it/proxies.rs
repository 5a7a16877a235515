//! Whose address a request counts for, behind a proxy and without one. How such a header is read is `source`'s to test.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::Request;
use strongroom_server::listen::PeerAddress;
use strongroom_server::{IpNet, Options};

use crate::contract::room::block_on;
use crate::served::{OPTIONS, Served};

const PROXY: [u8; 4] = [10, 0, 0, 7];
const STRANGER: [u8; 4] = [192, 0, 2, 1];

async fn status(served: &Served, peer: [u8; 4], forwarded_for: &str) -> u16 {
    let request = Request::builder()
        .uri("/openapi.json")
        .header("x-forwarded-for", forwarded_for)
        .extension(PeerAddress(SocketAddr::from((peer, 7))));
    served.send(request.body(Body::empty()).expect("a request")).await.status
}

/// One a second, and ten at once.
async fn served(trusted_proxies: &'static [IpNet]) -> Served {
    Served::with(Options { address_rate: 1, trusted_proxies, ..OPTIONS }).await
}

fn proxies() -> &'static [IpNet] {
    vec!["10.0.0.0/24".parse().expect("a net")].leak()
}

#[test]
fn clients_behind_a_trusted_proxy_are_counted_each_for_itself() {
    block_on(async {
        let served = served(proxies()).await;
        for _ in 0..10 {
            assert_eq!(status(&served, PROXY, "203.0.113.9").await, 200);
        }
        assert_eq!(status(&served, PROXY, "203.0.113.9").await, 429);
        assert_eq!(
            status(&served, PROXY, "198.51.100.1, 203.0.113.9").await,
            429,
            "what it claims is nothing"
        );
        assert_eq!(status(&served, PROXY, "198.51.100.1").await, 200);
    });
}

#[test]
fn nobody_else_says_whose_request_it_is() {
    block_on(async {
        for (trusted, peer) in [(proxies(), STRANGER), (&[][..], PROXY)] {
            let served = served(trusted).await;
            for number in 0..10 {
                assert_eq!(status(&served, peer, &format!("203.0.{number}.9")).await, 200);
            }
            assert_eq!(status(&served, peer, "203.0.99.9").await, 429);
        }
    });
}

#[test]
fn what_a_proxy_says_badly_counts_for_the_proxy() {
    block_on(async {
        let served = served(proxies()).await;
        for _ in 0..10 {
            assert_eq!(status(&served, PROXY, "unknown").await, 200);
        }
        assert_eq!(status(&served, PROXY, "203.0.113.9, unknown").await, 429);
        assert_eq!(status(&served, PROXY, "203.0.113.9").await, 200);
    });
}
