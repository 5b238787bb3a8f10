//! What docker is told about this plugin before it runs it.

/// The verb with which docker asks every plugin what it is.
pub const VERB: &str = "docker-cli-plugin-metadata";

/// One line on what this plugin is for, as `docker --help` shows it.
pub const SUMMARY: &str = "Start AI coding agents in containers, logged in";

/// The answer to [`VERB`], by version 0.1.0 of Docker's plugin protocol.
pub fn json() -> String {
    serde_json::json!({
        "SchemaVersion": "0.1.0",
        "Vendor": "docker-jackin",
        "Version": concat!("v", env!("CARGO_PKG_VERSION")),
        "ShortDescription": SUMMARY,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_has_the_fields_docker_requires() {
        let answer: serde_json::Value = serde_json::from_str(&super::json()).unwrap();
        assert_eq!(answer["SchemaVersion"], "0.1.0");
        assert!(!answer["Vendor"].as_str().unwrap().is_empty());
        assert!(!answer["ShortDescription"].as_str().unwrap().is_empty());
    }
}
