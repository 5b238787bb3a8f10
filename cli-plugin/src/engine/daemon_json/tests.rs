use super::*;

const PROGRAM: &str = "/usr/local/libexec/docker-jackin/docker-jackin-runtime";

fn registered(text: &str) -> Result<String, DaemonJsonError> {
    let json = DaemonJson::parse(text)?;
    json.register("docker-jackin", Path::new(PROGRAM))?;
    Ok(json.text())
}

fn unregistered(text: &str) -> Result<String, DaemonJsonError> {
    let json = DaemonJson::parse(text)?;
    json.unregister_ours()?;
    json.drop_empty_runtimes()?;
    Ok(json.text())
}

#[test]
fn an_empty_file_becomes_a_readable_one() {
    for text in ["", "\n", "{}", " { } \n"] {
        let new = registered(text).unwrap();
        let value: serde_json::Value = serde_json::from_str(&new).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"runtimes": {"docker-jackin": {"path": PROGRAM}}})
        );
    }
    insta::assert_snapshot!(registered("").unwrap(), @r#"
    {
      "runtimes": {
        "docker-jackin": {
          "path": "/usr/local/libexec/docker-jackin/docker-jackin-runtime"
        }
      }
    }
    "#);
}

#[test]
fn everything_else_keeps_its_bytes() {
    let text = r#"{
    "log-opts" : { "max-size":"10m" },   "unknown-to-us": [1,2,
      3e400, 0.10, 12345678901234567890123],
    "runtimes": {
        "kata": { "path": "/opt/kata", "runtimeArgs": ["--x"] }
    },
    "features": {"buildkit": true, "é": "\u00e9\/"}
}"#;
    insta::assert_snapshot!(registered(text).unwrap(), @r#"
    {
        "log-opts" : { "max-size":"10m" },   "unknown-to-us": [1,2,
          3e400, 0.10, 12345678901234567890123],
        "runtimes": {
            "kata": { "path": "/opt/kata", "runtimeArgs": ["--x"] },
            "docker-jackin": {
                "path": "/usr/local/libexec/docker-jackin/docker-jackin-runtime"
            }
        },
        "features": {"buildkit": true, "é": "\u00e9\/"}
    }
    "#);
}

#[test]
fn uninstalling_gives_back_what_was_there() {
    let texts = [
        "{}\n",
        "{\n}\n",
        "{\n  \"debug\": true\n}\n",
        "{\n\t\"debug\": true,\n\t\"hosts\": []\n}",
        "{\"debug\":true}",
        "{\r\n  \"debug\": true\r\n}\r\n",
        "{\n  \"runtimes\": {\n    \"kata\": { \"path\": \"/opt/kata\" }\n  },\n  \"debug\": 1\n}\n",
        "{\"runtimes\":{\"kata\":{\"path\":\"/opt/kata\"}}}",
    ];
    for text in texts {
        let after = unregistered(&registered(text).unwrap()).unwrap();
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(squeeze(&after), squeeze(text), "{text:?} became {after:?}");
        if text.contains('\n') && text.contains("debug") {
            assert_eq!(after, text);
        }
    }
}

#[test]
fn windows_line_ends_stay() {
    let new = registered("{\r\n  \"debug\": true\r\n}\r\n").unwrap();
    assert_eq!(
        new.matches("\r\n").count(),
        new.matches('\n').count(),
        "{new:?}"
    );
}

#[test]
fn registering_twice_changes_nothing() {
    for text in ["", "{\"debug\":true}", "{\n\t\"runtimes\": {\n\t}\n}\n"] {
        let once = registered(text).unwrap();
        assert_eq!(registered(&once).unwrap(), once);
        let none = unregistered(&once).unwrap();
        assert_eq!(unregistered(&none).unwrap(), none);
    }
}

#[test]
fn an_older_place_of_ours_is_corrected() {
    let old = r#"{"runtimes":{"docker-jackin":{"path":"/opt/x/docker-jackin-runtime"},"b":{}}}"#;
    let new: serde_json::Value = serde_json::from_str(&registered(old).unwrap()).unwrap();
    let expected = serde_json::json!({"docker-jackin": {"path": PROGRAM}, "b": {}});
    assert_eq!(new["runtimes"], expected);
}

#[test]
fn what_is_not_ours_is_refused_or_left() {
    let taken = r#"{"runtimes":{"docker-jackin":{"path":"/usr/bin/other"}}}"#;
    let error = registered(taken).unwrap_err();
    assert!(
        matches!(&error, DaemonJsonError::Taken { path, .. } if path == Path::new("/usr/bin/other"))
    );
    assert_eq!(unregistered(taken).unwrap(), taken);

    let arguments = format!(
        r#"{{"runtimes":{{"docker-jackin":{{"path":"{PROGRAM}","runtimeArgs":["--x"]}}}}}}"#
    );
    let error = registered(&arguments).unwrap_err();
    assert!(matches!(&error, DaemonJsonError::Foreign { key, .. } if key == "runtimeArgs"));
}

#[test]
fn a_default_runtime_of_ours_is_not_taken_away() {
    let text = registered(r#"{"default-runtime": "docker-jackin"}"#).unwrap();
    let error = unregistered(&text).unwrap_err();
    assert_eq!(error, DaemonJsonError::IsDefault("docker-jackin".into()));
    let other = registered(r#"{"default-runtime": "runc"}"#).unwrap();
    assert!(unregistered(&other).is_ok());
}

#[test]
fn only_names_of_ours_are_ours() {
    for ours in [PROGRAM, "/x/docker-jackin-runtime-crun"] {
        assert!(is_ours(Path::new(ours)), "{ours}");
    }
    for other in [
        "/usr/bin/runc",
        "/x/docker-jackin-runtimes",
        "/docker-jackin-runtime/runc",
        "",
    ] {
        assert!(!is_ours(Path::new(other)), "{other}");
    }
}

#[test]
fn a_malformed_file_is_an_error_with_its_line() {
    let cases = [
        ("{\n  \"debug\": true,\n}\n", "line 3"),
        ("{\n  // comment\n}\n", "line 2"),
        ("{\n  'debug': 1\n}\n", "line 2"),
        ("{\"a\": 0x10}", "line 1"),
        ("{\"a\": 1} {}", "line 1"),
        ("{\"a\"", "line 1"),
    ];
    for (text, part) in cases {
        let error = registered(text).unwrap_err().to_string();
        assert!(error.starts_with(part), "{text:?}: {error}");
    }
    assert_eq!(
        registered("\u{feff}{}").unwrap_err(),
        DaemonJsonError::ByteOrderMark
    );
    assert_eq!(registered("[]").unwrap_err(), DaemonJsonError::NoObject);
    assert_eq!(
        registered(r#"{"runtimes": []}"#).unwrap_err(),
        DaemonJsonError::NotAnObject("runtimes".into())
    );
    for text in [
        r#"{"runtimes": {}, "runtimes": {}}"#,
        r#"{"runtimes": {}, "run\u0074imes": {}}"#,
    ] {
        assert_eq!(
            registered(text).unwrap_err(),
            DaemonJsonError::Twice("runtimes".into())
        );
    }
}

#[test]
fn a_running_engine_is_told_that_no_runtime_is_left() {
    // Without the key, dockerd would keep what it knows until it restarts.
    for text in [
        registered("{\"debug\": true}").unwrap(),
        "{\"debug\": true}".to_owned(),
    ] {
        let json = DaemonJson::parse(&text).unwrap();
        json.unregister_ours().unwrap();
        let value: serde_json::Value = serde_json::from_str(&json.text()).unwrap();
        assert_eq!(value, serde_json::json!({"debug": true, "runtimes": {}}));
    }
}

#[test]
fn a_default_runtime_is_set_and_taken_away_without_a_trace() {
    for before in [
        "{}",
        "{\n  \"debug\" : true\n}\n",
        "{\n\t\"default-runtime\":  \"crun\" ,\n\t\"debug\": true}",
        "{\"debug\": true,\n  \"default-runtime\": \"crun\"\n}",
    ] {
        let json = DaemonJson::parse(before).unwrap();
        let former = json.default_runtime();
        json.set_default_runtime(Some("docker-jackin"));
        let json = DaemonJson::parse(&json.text()).unwrap();
        assert_eq!(json.default_runtime().as_deref(), Some("docker-jackin"));
        json.set_default_runtime(former.as_deref());
        assert_eq!(json.text().replace("{\n}", "{}"), before);
    }
    let twice = DaemonJson::parse(r#"{"default-runtime":"a","default-runtime":"b"}"#);
    assert!(twice.is_err());
}
