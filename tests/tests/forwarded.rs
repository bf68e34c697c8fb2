//! A request in which a proxy passes on who asks is refused on every route, before its body, and told once to the operator;
//! `forwarded = "strip"` takes the field off instead. The value goes nowhere.

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use common_http::{assert_headers, lay_out};
use hafan::forwarded::FIELDS;
use hafan_tests::reports::shaped;
use xtask::http::{get, request};

/// From the addresses kept for documentation (RFC 5737).
const ADDRESS: &str = "203.0.113.77";

#[test]
fn every_field_that_says_who_asks_is_refused_by_name_and_told_once() {
    let server = common_http::start();
    for name in FIELDS {
        for path in ["/", "/healthz", "/v1/forces/btp/directory", "/nowhere"] {
            let answer = get(server.address, path, &[(name, ADDRESS)]).unwrap();
            assert_eq!(answer.status, 400, "{name} {path}");
            let problem = answer.json().unwrap();
            assert_eq!(problem["type"], "/problems/address-passed-on");
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains(name) && detail.contains("deploy/"),
                "{detail}"
            );
            assert!(!answer.text().contains(ADDRESS));
            let besides = ["connection", "content-length", "content-type"];
            assert_headers(name, &answer, &besides);
        }
    }
    let told = server.laid.events();
    assert_eq!(told.matches("passes on who asks").count(), 1, "{told}");
    assert!(!told.contains(ADDRESS), "{told}");
}

#[test]
fn a_submission_with_such_a_field_is_refused_and_not_kept() {
    let server = common_http::start();
    let report = shaped(1, 0);
    let put = |fields: &[(&str, &str)]| {
        let path = format!("/v1/forces/btp/drops/{}", report.h);
        let mut all = vec![("Content-Type", "application/vnd.hafan.submission")];
        all.extend(fields);
        request(server.address, "PUT", &path, &all, Some(&report.submission)).unwrap()
    };
    let refused = put(&[("X-Forwarded-For", ADDRESS)]);
    assert_eq!(refused.status, 400, "{}", refused.text());
    // 201 and not 200: it was not there.
    assert_eq!(put(&[]).status, 201);
}

#[test]
fn a_field_is_taken_off_where_the_operator_said_so() {
    let server = lay_out("forwarded = \"strip\"").serve();
    for name in FIELDS {
        let answer = get(server.address, "/", &[(name, ADDRESS)]).unwrap();
        assert_eq!(answer.status, 200, "{name}");
    }
    assert!(!server.laid.events().contains("passes on"));
}
