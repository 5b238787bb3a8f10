//! A Claude token in 1Password, as a user meets it: what `op` is asked, and what
//! is said of its answers. Kills and rotations are in `test_claude_token_life_op`.

use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::json;

use crate::environment::TestEnvironment;
use crate::op_scene::{
    MY_ACCOUNT, MY_PRIVATE, OpScene, SERVICE_TOKEN, WORK_ACCOUNT, WORK_PRIVATE, WORK_SHARED,
};
use crate::token_life_scene::{CONFIG, Scene, token};

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

/// A user with 1Password, `claude` and a terminal.
fn machine(variables: &[(&str, &str)]) -> (Scene, OpScene) {
    let (Scene { mut environment }, op) = Scene::with_op();
    for (name, value) in variables {
        environment = environment.variable(name, value);
    }
    (Scene { environment }, op)
}

/// The first letters of the tokens that it keeps, sorted.
fn letters(op: &OpScene) -> String {
    let kept = op.all_kept();
    let fields = kept
        .iter()
        .flat_map(|kept| kept["item"]["fields"].as_array().unwrap());
    let values = fields.filter_map(|field| field["value"].as_str());
    let mut letters: Vec<_> = values
        .filter_map(|value| value.strip_prefix("sk-ant-oat01-")?.chars().next())
        .collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// An item of the user's.
fn mine(category: &str) -> serde_json::Value {
    json!({
        "id": "mineaaaaaaaaaaaaaaaaaaaaaa", "title": "Mine", "category": category, "tags": ["own"],
        "fields": [
            { "id": "credential", "type": "CONCEALED", "label": "credential", "value": "before" },
            { "id": "other", "type": "STRING", "label": "other", "value": "stays" },
        ],
    })
}

const WORK: &str = "--account work.1password.com";

#[test]
fn scenario_65_a_token_lives_in_1password_in_the_account_that_was_named() {
    let (scene, op) = machine(&[
        ("OP_SERVICE_ACCOUNT_TOKEN", SERVICE_TOKEN),
        ("OP_FORMAT", "x"),
    ]);
    let came = scene.give(&format!("setup a --vault shared --item-name Title {WORK}"));
    assert_snapshot!(came.result(), @r#"
    workspace a: a new token is wired
      store        1Password, vault Shared of work.1password.com
      source       op://worksharedaaaaaaaaaaaaaaaa/newxxxxxxxxxxxxxxxxxxxxxaa/credential in account WORKACCOUNTAAAAAAAAAAAAAAA
      fingerprint  sha256 d959d7f7b831…
      issued       <date>
      expires      <date>
      configured   auth_forward = "oauth_token" in [workspaces.a.claude]
    next: docker jackin run --workspace a ROLE
    "#);
    assert!(
        came.screen
            .contains("storing the token in 1Password, vault Shared of work"),
        "{}",
        came.all()
    );
    let made = op.all_kept();
    assert_eq!((made.len(), letters(&op).as_str()), (1, "a"));
    let made = &made[0];
    assert_eq!(
        (&made["account"], &made["item"]["vault"]["id"]),
        (&json!(WORK_ACCOUNT), &json!(WORK_SHARED))
    );
    assert!(
        made["item"]["title"]
            .as_str()
            .unwrap()
            .starts_with("Title ")
    );
    let id = made["item"]["id"].as_str().unwrap();
    let wired =
        format!("{{ op = \"op://{WORK_SHARED}/{id}/credential\", account = \"{WORK_ACCOUNT}\" }}");
    assert!(scene.text().contains(&wired), "{}", scene.text());
    assert!(scene.resolves("a"));
    scene.mints('b');
    op.forget_calls();
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(letters(&op), "b");
    assert_eq!(
        op.writes(),
        [
            format!("item create - --format=json --vault={WORK_SHARED} --account={WORK_ACCOUNT}"),
            format!("item delete {id} --vault={WORK_SHARED} --account={WORK_ACCOUNT}"),
        ]
    );
    assert!(scene.resolves("a"));
    let came = scene.give("revoke a --delete");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(letters(&op), "");
    op.assert_no_surprise();
}

#[test]
fn scenario_64_an_item_of_the_user_s_is_edited_and_never_removed() {
    let (scene, op) = machine(&[]);
    op.item(WORK_ACCOUNT, WORK_SHARED, &mine("API_CREDENTIAL"));
    let id = "mineaaaaaaaaaaaaaaaaaaaaaa";
    let came = scene.give(&format!("setup a --item Mine {WORK}"));
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert!(scene.resolves("a"));
    scene.mints('b');
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    let mut expected = mine("API_CREDENTIAL");
    expected["fields"][0]["value"] = json!(token('b'));
    let after = op.kept(id).unwrap()["item"].clone();
    for key in ["fields", "tags", "title", "category"] {
        assert_eq!(after[key], expected[key]);
    }
    let before = scene.text();
    let came = scene.give("revoke a --delete");
    assert_ne!(came.code(), Some(0), "{}", came.all());
    assert_eq!(scene.text(), before);
    let came = scene.give("revoke a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(letters(&op), "b");
    assert!(
        op.writes()
            .iter()
            .all(|call| !call.starts_with("item delete"))
    );
    op.assert_no_surprise();
}

#[test]
fn scenario_63_what_1password_refuses_is_found_before_the_browser_opens() {
    let (scene, op) = machine(&[]);
    op.item(WORK_ACCOUNT, WORK_SHARED, &mine("LOGIN"));
    for (line, rule, why) in [
        ("setup a --store 1password", "", "several accounts"),
        ("setup a --account nobody", "", "no such account"),
        ("setup a --vault Nowhere", "", "several accounts"),
        (
            "setup a --account work.1password.com --vault Nowhere",
            "",
            "no such vault",
        ),
        (
            "setup a --account work.1password.com --item Mine",
            "",
            "category LOGIN",
        ),
        (
            "setup a --account work.1password.com --item Nowhere",
            "",
            "no such item",
        ),
        (
            "setup a --account work.1password.com",
            "not-signed-in",
            "not signed in",
        ),
        (
            "setup a --account work.1password.com",
            "dismissed",
            "not approved",
        ),
        (
            "setup a --account work.1password.com",
            "no-app",
            "cannot be reached",
        ),
        (
            "setup a --account work.1password.com",
            "rate-limited",
            "for a while",
        ),
    ] {
        op.behave(&[rule]);
        let came = scene.give(line);
        assert!(matches!(came.code(), Some(1 | 2)), "{line}: {}", came.all());
        assert!(came.screen.contains(why), "{line}: {}", came.all());
        assert_eq!(
            (scene.minted(), scene.text().as_str()),
            (0, CONFIG),
            "{line}"
        );
        assert_eq!(scene.record("a"), None);
    }
    assert_eq!(op.writes(), [""; 0]);
    op.assert_no_surprise();
}

#[test]
fn scenario_63_64_what_fails_after_the_minting_leaves_nothing_in_1password() {
    for (rule, why) in [
        ("odd: item create", "it is not repeated here"),
        ("die-before: item create", "it failed"),
        ("die-after: item create", "it failed"),
        ("forbidden: read", "cannot be read back"),
    ] {
        let (scene, op) = machine(&[]);
        op.behave(&[rule]);
        let came = scene.give(&format!("setup a {WORK}"));
        assert_eq!(came.code(), Some(1), "{rule}: {}", came.all());
        assert!(came.screen.contains(why), "{rule}: {}", came.all());
        assert!(!came.all().contains("canary"), "{rule}: {}", came.all());
        assert_eq!(scene.text(), CONFIG);
        assert_eq!(
            (letters(&op), scene.record("a")),
            (String::new(), None),
            "{rule}: {}",
            came.all()
        );
        op.assert_no_surprise();
    }
}

#[test]
fn scenario_64_an_edited_item_stays_when_it_is_read_back_otherwise() {
    let (scene, op) = machine(&[]);
    op.item(WORK_ACCOUNT, WORK_SHARED, &mine("API_CREDENTIAL"));
    for (rule, why) in [
        ("store-other: item edit", "another value"),
        ("do-nothing: item edit", "another value"),
        ("forbidden: read", "cannot be read back"),
    ] {
        op.behave(&[rule]);
        let came = scene.give(&format!("setup a --item Mine {WORK}"));
        assert_eq!(came.code(), Some(1), "{rule}: {}", came.all());
        assert!(came.screen.contains(why), "{rule}: {}", came.all());
        assert!(
            came.screen.contains("is yours, and was left as it now is"),
            "{rule}: {}",
            came.all()
        );
        assert_eq!((scene.text().as_str(), op.all_kept().len()), (CONFIG, 1));
    }
    op.assert_no_surprise();
}

#[test]
fn scenario_64_what_the_daemon_remembers_is_not_taken_for_what_was_stored() {
    let (scene, op) = machine(&[]);
    op.item(WORK_ACCOUNT, WORK_SHARED, &mine("API_CREDENTIAL"));
    op.behave(&["stale"]);
    for line in ["setup a", "setup b --item Mine"] {
        let came = scene.give(&format!("{line} {WORK}"));
        assert_eq!(came.code(), Some(0), "{line}: {}", came.all());
    }
    assert_eq!(letters(&op), "aa");
    op.assert_no_surprise();
}

#[test]
fn scenario_65_66_a_removal_that_1password_refuses_saves_nothing_and_is_told() {
    let (scene, op) = machine(&[]);
    let came = scene.give(&format!("setup a {WORK}"));
    assert_eq!(came.code(), Some(0), "{}", came.all());
    for rule in [
        "forbidden: item delete",
        "do-nothing: item delete",
        "odd: item get",
    ] {
        op.behave(&[rule]);
        let before = scene.text();
        let came = scene.give("revoke a --delete");
        assert_eq!(came.code(), Some(1), "{rule}: {}", came.all());
        assert_eq!(scene.text(), before, "{rule}");
    }
    let id = op.all_kept()[0]["item"]["id"].as_str().unwrap().to_owned();
    op.behave(&["forbidden: item delete"]);
    scene.mints('b');
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(1), "{}", came.all());
    let command = format!("op item delete {id} --vault={WORK_PRIVATE} --account={WORK_ACCOUNT}");
    assert!(came.screen.contains(&command), "{}", came.all());
    assert_eq!(letters(&op), "ab");
    assert!(scene.resolves("a"));
    op.behave(&[]);
    scene.mints('c');
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(letters(&op), "c");
    op.assert_no_surprise();
}

#[test]
fn scenario_63_a_service_account_and_auto_find_their_vault() {
    let (scene, op) = machine(&[("OP_SERVICE_ACCOUNT_TOKEN", SERVICE_TOKEN)]);
    op.service_account(&[WORK_SHARED]);
    let came = scene.give("setup a");
    assert_snapshot!(came.result(), @r#"
    workspace a: a new token is wired
      store        1Password, vault Shared of the service account (1Password can be used)
      source       op://worksharedaaaaaaaaaaaaaaaa/newxxxxxxxxxxxxxxxxxxxxxaa/credential
      fingerprint  sha256 d959d7f7b831…
      issued       <date>
      expires      <date>
      configured   auth_forward = "oauth_token" in [workspaces.a.claude]
    next: docker jackin run --workspace a ROLE
    "#);
    assert!(scene.resolves("a"));
    scene.mints('b');
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(letters(&op), "b");
    assert!(
        op.calls().iter().all(|call| !call.contains("--account")),
        "{:?}",
        op.calls()
    );
    op.assert_no_surprise();
}
