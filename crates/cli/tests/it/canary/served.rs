//! The same, over HTTP: planted values go in by every route of a server that logs all it can, and the answers that may not
//! hold them, what the server says and what it leaves are searched.

use std::fs;
use std::io::ErrorKind;

use rustix::process::Signal;

use super::{NAMES, Needles, VALUES};
use crate::doors::{ask, not_asked_for, storm};
use crate::room::Room;

#[test]
fn l_3_nothing_that_went_in_over_http_is_found_anywhere() {
    for format in ["text", "json"] {
        check_served(&["-vvv", "--log-format", format, "--key-rate", "0", "--address-rate", "0"]);
    }
}

fn check_served(options: &[&str]) {
    let mut room = Room::new().serve(options);
    let server = room.server.as_ref().expect("it serves");
    let (url, token) = (server.url.clone(), server.token.clone());
    let (values, names) = (Needles::of(&VALUES), Needles::of(&NAMES[..4]));
    let tokens = Needles::of(&[&token]);
    let document = ask(&url, "GET", "/openapi.json", &[], "").json();
    assert_eq!(not_asked_for(&document), [""; 0], "these routes are not searched");

    let (mut delivered, mut refused, mut told) = (0, 0, 0);
    for (value, name) in VALUES.iter().zip(NAMES[..4].iter().cycle()) {
        for answer in storm(&url, &token, value, name) {
            let is_release = answer.what.contains("/made/deliveries") && answer.status == 200;
            let found = values.find(&answer.whole);
            assert!(is_release || found.is_empty(), "{}: {found:?}", answer.what);
            assert_eq!(tokens.find(&answer.whole), [""; 0], "{}", answer.what);
            delivered += usize::from(!found.is_empty());
            refused += usize::from(answer.status >= 400);
            told += usize::from(!names.find(&answer.whole).is_empty());
            if answer.status >= 400 {
                assert_eq!(names.find(&answer.whole), [""; 0], "{}: a refusal names it", answer.what);
            }
        }
    }
    // The search sees what is there.
    assert!(delivered >= 2 * VALUES.len() && told > 10 && refused > 500, "{delivered} {told} {refused}");

    for path in ["/v1/audit", "/metrics"] {
        let key = format!("Bearer {token}");
        let said = ask(&url, "GET", path, &[("Authorization", &key)], "").whole;
        assert_eq!((values.find(&said), names.find(&said)), (vec![], vec![]), "{path}");
    }
    let pid = room.server.as_ref().expect("it serves").pid();
    for file in ["environ", "cmdline", "comm"] {
        // What nobody may read who is not root is not found by anybody else.
        match fs::read(format!("/proc/{pid}/{file}")) {
            Ok(said) => assert_eq!((values.find(&said), tokens.find(&said)), (vec![], vec![]), "{file}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{file}"),
        }
    }
    let (_, log) = room.server.take().expect("it serves").end(Signal::TERM);
    assert!(log.contains("DEBUG") && log.contains("deliveries"), "the log was on: {log}");
    for needles in [&values, &names, &tokens] {
        assert_eq!(needles.find(log.as_bytes()), [""; 0]);
        for folder in ["data", "key", "home"] {
            needles.check_absent_below(&room.path(folder));
        }
    }
}
