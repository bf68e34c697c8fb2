//! `GET /v1/openapi.json`: what is answered below `/v1`, described for programs. docs/protocol.md is right where they differ.

use axum::response::Response;

use crate::headers::bytes_answer;

/// The description, as it was when the server was built.
const DESCRIPTION: &str = include_str!("../openapi.json");

/// The description.
pub(crate) async fn description() -> Response {
    bytes_answer("application/json", DESCRIPTION)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn described() -> Value {
        serde_json::from_str(DESCRIPTION).unwrap()
    }

    /// What stands in quotes.
    fn quoted(text: &str) -> Vec<&str> {
        text.split('"').skip(1).step_by(2).collect()
    }

    /// Path and method of each route of [`crate::router`] below `/v1`, as its source has them.
    fn routed() -> BTreeSet<(String, String)> {
        let source = include_str!("router.rs");
        let (public, _) = source.split_once("pub fn admin").unwrap();
        let mut routes = BTreeSet::new();
        for route in public.split(".route(").skip(1) {
            let path = quoted(route)[0];
            let (_, handlers) = route.split_once("\",").unwrap();
            for method in ["get", "put", "post", "patch", "delete", "any"] {
                let is_there = handlers
                    .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':' || c == '('))
                    .any(|word| word.starts_with(&format!("{method}(")));
                if is_there && path.starts_with("/v1/") {
                    routes.insert((path.to_owned(), method.to_owned()));
                }
            }
        }
        routes
    }

    #[test]
    fn each_route_below_v1_is_described_with_its_methods_and_no_other_is() {
        let described = described();
        let mut found = BTreeSet::new();
        for (path, item) in described["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                if method != "parameters" {
                    found.insert((path.clone(), method.clone()));
                }
            }
        }
        assert_eq!(found, routed());
        assert!(found.contains(&("/v1/drafts/{id}".to_owned(), "delete".to_owned())));
    }

    #[test]
    fn each_problem_is_described_and_no_other_is() {
        let source = include_str!("problem.rs");
        let (_, words) = source.split_once("pub fn word").unwrap();
        let (words, _) = words.split_once("fn title").unwrap();
        let words: BTreeSet<String> = quoted(words)
            .iter()
            .map(|word| format!("/problems/{word}"))
            .collect();
        let described = described();
        let types = &described["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
        let types: BTreeSet<String> = serde_json::from_value(types.clone()).unwrap();
        assert_eq!(types, words);
    }
}
