//! A Claude token in 1Password, as a user meets it.

use std::process::{Command, Stdio};

use serde_json::json;

use super::environment::TestEnvironment;
use super::op_scene::{MY_ACCOUNT, MY_PRIVATE, OpScene};

/// A call of the stand-in itself.
fn call(scene: &OpScene, arguments: &[&str], input: Option<&str>, more: &str) -> (i32, String) {
    let mut command = Command::new(scene.folder().join("../bin/op"));
    command
        .args(arguments)
        .env_clear()
        .env("OP_STAND_IN", scene.folder());
    if !more.is_empty() {
        command.env("LC_CANARY", more);
    }
    command.stdin(if input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let (Some(input), Some(mut pipe)) = (input, child.stdin.take()) {
        // One that refuses the call does not read it.
        let _ = std::io::Write::write_all(&mut pipe, input.as_bytes());
    }
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

#[test]
fn the_stand_in_refuses_what_no_program_of_ours_may_do() {
    let environment = TestEnvironment::new("1.47");
    let scene = OpScene::new(
        &environment.home().join("op"),
        &environment.home().join("bin"),
    );
    scene.item(
        MY_ACCOUNT,
        MY_PRIVATE,
        &json!({
            "id": "one", "title": "One", "category": "PASSWORD",
            "fields": [{ "id": "password", "type": "CONCEALED", "value": "canary" }],
        }),
    );
    let template = r#"{"title":"T","category":"API_CREDENTIAL","fields":[]}"#;
    let create = ["item", "create", "-", "--format=json"];
    for (arguments, input, more) in [
        (&["item", "list"][..], None, ""),
        (
            &["item", "get", "one", "--format=json", "--force"],
            None,
            "",
        ),
        (&["item", "get", "one", "--format=json"], Some(""), ""),
        (&["item", "edit", "-", "--format=json"], Some(template), ""),
        (&["item", "delete", "canary"], None, ""),
        (&["item", "delete", "sk-ant-x"], None, ""),
        (&["item", "delete", "one"], None, "canary"),
        (&create, None, ""),
        (
            &create,
            Some(r#"{"title":"T","category":"LOGIN","fields":[]}"#),
            "",
        ),
        (
            &create,
            Some(r#"{"title":"T","category":"API_CREDENTIAL","tags":["a,b"]}"#),
            "",
        ),
        (
            &create,
            Some(r#"{"title":"T","category":"API_CREDENTIAL","notes":""}"#),
            "",
        ),
        (
            &["item", "create", "-", "--format=json", "--title=T"],
            Some(template),
            "",
        ),
    ] {
        let (code, said) = call(&scene, arguments, input, more);
        assert_eq!(code, 99, "{arguments:?}: {said}");
    }
    assert!(scene.writes().len() > 5);
    assert_eq!(scene.all_kept().len(), 1);
    for (arguments, input) in [
        (&create[..], Some(template)),
        (&["item", "edit", "one", "--format=json"], Some(template)),
        (&["item", "delete", "one"], None),
        (&["read", "op://Private/T/credential"], None),
    ] {
        let (code, said) = call(&scene, arguments, input, "");
        assert_eq!(
            code,
            i32::from(arguments[0] == "read"),
            "{arguments:?}: {said}"
        );
    }
}
