//! The life of a token in 1Password.

use serde_json::json;

use crate::claude_token_scene::wait_until;
use crate::op_scene::{MY_ACCOUNT, MY_PRIVATE, OpScene, WORK_ACCOUNT, WORK_SHARED};
use crate::token_life_scene::{CONFIG, Scene, token};

const SETUP: &str = "setup a --store 1password --account work.1password.com --vault Shared";

fn wired() -> (Scene, OpScene) {
    let (scene, op) = Scene::with_op();
    let came = scene.give(SETUP);
    assert_eq!(came.code(), Some(0), "{}", came.all());
    scene.mints('b');
    (scene, op)
}

/// The tokens that it keeps, by their first letter, with their accounts.
fn kept(op: &OpScene) -> Vec<String> {
    let all = op.all_kept();
    let words = all.iter().map(|kept| {
        let text = kept["item"].to_string();
        let letter = text
            .split("sk-ant-oat01-")
            .nth(1)
            .map_or("-", |rest| &rest[..1]);
        let account = kept["account"].as_str().unwrap();
        format!("{letter} in {account}")
    });
    let mut words: Vec<_> = words.collect();
    words.sort();
    words
}

fn in_work(letter: char) -> Vec<String> {
    vec![format!("{letter} in {WORK_ACCOUNT}")]
}

/// An item of the user's.
fn mine(op: &OpScene, account: &str, vault: &str) {
    op.item(
        account,
        vault,
        &json!({
            "id": "mineaaaaaaaaaaaaaaaaaaaaaa", "title": "My Claude", "category": "API_CREDENTIAL",
            "fields": [{ "id": "credential", "type": "CONCEALED", "label": "credential", "value": token('m') }],
        }),
    );
}

#[test]
fn scenario_65_rotate_removes_the_old_item_in_its_own_account() {
    let (scene, op) = wired();
    assert_eq!(kept(&op), in_work('a'));
    assert!(scene.text().contains(WORK_SHARED), "{}", scene.text());
    op.forget_calls();
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(kept(&op), in_work('b'));
    let account = format!("--account={WORK_ACCOUNT}");
    for write in op.writes() {
        assert!(write.contains(&account), "{write}");
    }
    assert!(scene.resolves("a"));
    op.assert_no_surprise();
}

#[test]
fn scenario_65_rotate_into_another_account_removes_the_old_item_in_the_old_one() {
    let (scene, op) = wired();
    let came = scene.give("rotate a --account my.1password.com --vault Private");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(kept(&op), [format!("b in {MY_ACCOUNT}")]);
    assert!(scene.resolves("a"));
    op.assert_no_surprise();
}

#[test]
fn scenario_64_65_66_an_item_of_the_user_s_is_edited_and_never_removed() {
    let (scene, op) = Scene::with_op();
    mine(&op, MY_ACCOUNT, MY_PRIVATE);
    let line = "setup a --account my.1password.com --item mineaaaaaaaaaaaaaaaaaaaaaa";
    let came = scene.give(line);
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(kept(&op), [format!("a in {MY_ACCOUNT}")]);
    scene.mints('b');
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert!(
        came.stdout.contains("the old one is overwritten"),
        "{}",
        came.all()
    );
    assert_eq!(kept(&op), [format!("b in {MY_ACCOUNT}")]);
    let text = scene.text();
    let came = scene.give("revoke a --delete-op-item");
    assert_eq!(came.code(), Some(2), "{}", came.all());
    assert!(came.screen.contains("was not made by us"), "{}", came.all());
    assert_eq!(scene.text(), text);
    let came = scene.give("revoke a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(kept(&op), [format!("b in {MY_ACCOUNT}")]);
    op.assert_no_surprise();
}

#[test]
fn a_reference_is_reused_in_its_account() {
    let (scene, op) = Scene::with_op();
    mine(&op, WORK_ACCOUNT, WORK_SHARED);
    let reference = format!("op://{WORK_SHARED}/mineaaaaaaaaaaaaaaaaaaaaaa/credential");
    let line = format!("setup a --reuse {reference} --account work.1password.com");
    let came = scene.give(&line);
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert!(
        scene.text().contains("account = \"work.1password.com\""),
        "{}",
        scene.text()
    );
    assert_eq!((scene.minted(), op.writes()), (0, Vec::new()));
    assert!(scene.resolves("a"));
}

#[test]
fn scenario_66_an_item_that_cannot_be_removed_stays_wired() {
    let (scene, op) = wired();
    let text = scene.text();
    op.behave(&["forbidden: item delete"]);
    let came = scene.give("revoke a --delete");
    assert_eq!(came.code(), Some(1), "{}", came.all());
    assert!(came.screen.contains("op item delete"), "{}", came.all());
    assert!(
        came.screen.contains("the token is wired as it was"),
        "{}",
        came.all()
    );
    assert_eq!(scene.text(), text);
    op.behave(&[]);
    let came = scene.give("revoke a --delete");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(kept(&op), [""; 0]);
}

#[test]
fn a_setup_killed_beside_1password_is_healed_by_the_next() {
    for rule in [
        // `op` goes on without its caller, and takes its time.
        "kill-parent-before: item create",
        "kill-parent-after: item create",
        "kill-parent-before: read",
        "kill-parent-after: read",
    ] {
        let (scene, op) = Scene::with_op();
        op.behave(&[rule]);
        let came = scene.give(SETUP);
        assert!(came.was_killed(), "{rule}: {}", came.all());
        assert_eq!(scene.text(), CONFIG, "{rule}");
        wait_until(|| kept(&op).len() == 1);
        let orphans = &scene.record("a").unwrap()["orphans"];
        assert_eq!(orphans.as_array().unwrap().len(), 1, "{rule}");
        op.behave(&[]);
        scene.mints('b');
        let came = scene.give(SETUP);
        assert_eq!(came.code(), Some(0), "{rule}: {}", came.all());
        assert_eq!(kept(&op), in_work('b'), "{rule}");
        assert!(scene.resolves("a"), "{rule}");
        op.assert_no_surprise();
    }
}

#[test]
fn a_rotation_killed_beside_1password_is_healed_by_the_next() {
    for (rule, is_new) in [
        ("kill-parent-after: item create", false),
        ("kill-parent-before: item delete", true),
        ("kill-parent-after: item delete", true),
    ] {
        let (scene, op) = wired();
        let text = scene.text();
        op.behave(&[rule]);
        let came = scene.give("rotate a");
        assert!(came.was_killed(), "{rule}: {}", came.all());
        assert_eq!(scene.text() != text, is_new, "{rule}");
        op.behave(&[]);
        assert!(scene.resolves("a"), "{rule}");
        scene.mints('c');
        let came = scene.give("rotate a");
        assert_eq!(came.code(), Some(0), "{rule}: {}", came.all());
        assert_eq!(kept(&op), in_work('c'), "{rule}");
        op.assert_no_surprise();
    }
}

#[test]
fn scenario_62_a_cancelled_consent_writes_nothing_to_1password() {
    let (scene, op) = Scene::with_op();
    crate::stand_in_claude::tell(&scene.environment, "behaviour", "exit-1");
    let came = scene.give(SETUP);
    assert_eq!(came.code(), Some(1), "{}", came.all());
    assert_eq!((op.writes(), scene.text().as_str()), (Vec::new(), CONFIG));
    assert_eq!(scene.record("a"), None);
}

#[test]
fn scenario_63_64_what_1password_does_wrong_leaves_nothing() {
    for rule in [
        "forbidden: item create",
        "store-other: item create",
        "print-nothing: item create",
        "do-nothing: item create",
        "not-signed-in: read",
        "rate-limited: item create",
    ] {
        let (scene, op) = Scene::with_op();
        op.behave(&[rule]);
        let came = scene.give(SETUP);
        assert_eq!(came.code(), Some(1), "{rule}: {}", came.all());
        assert!(
            came.screen.contains("the configuration is as it was"),
            "{}",
            came.all()
        );
        assert!(!came.all().contains("canary"), "{rule}: {}", came.all());
        assert_eq!(scene.text(), CONFIG, "{rule}");
        let orphans = scene.record("a").is_some();
        assert!(kept(&op).is_empty() || orphans, "{rule}: {}", came.all());
        op.behave(&[]);
        scene.mints('b');
        let came = scene.give(SETUP);
        assert_eq!(came.code(), Some(0), "{rule}: {}", came.all());
        assert_eq!(kept(&op), in_work('b'), "{rule}: {}", came.all());
        op.assert_no_surprise();
    }
}
