//! `docker jackin workspace claude-token rotate` and `revoke`.

use insta::assert_snapshot;

use crate::token_life_scene::{CONFIG, Scene};

fn wired() -> Scene {
    let scene = Scene::new();
    let came = scene.give("setup a --store helper:fake");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    scene.mints('b');
    scene
}

#[test]
fn scenario_65_the_old_token_goes_once_the_new_one_is_wired() {
    let scene = wired();
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_snapshot!(came.result(), @r#"
    workspace a: a new token is wired
      store        docker-credential-fake
      source       helper:fake/https://docker-jackin.invalid/claude/a/<mint>
      fingerprint  sha256 da99d5f7aebc…
      issued       <date>
      expires      <date>
      configured   auth_forward = "oauth_token" in [workspaces.a.claude]
      the old helper:fake/https://docker-jackin.invalid/claude/a/<mint> is removed
      the old token holds until it ends, or is revoked at https://claude.ai/settings/claude-code
    next: docker jackin run --workspace a ROLE
    "#);
    assert_eq!(
        (scene.kept().as_str(), scene.changes()),
        ("b", ["store", "store", "erase"].map(str::to_owned).to_vec())
    );
    assert!(scene.resolves("a"));
}

#[test]
fn scenario_65_an_old_token_that_stays_is_an_error_with_its_removal_command() {
    let scene = wired();
    scene.helper("fail erase");
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(1), "{}", came.all());
    assert!(
        came.screen.contains("docker-credential-fake erase"),
        "{}",
        came.all()
    );
    assert_eq!(scene.kept(), "ab");
    assert!(scene.resolves("a"));
    scene.helper("");
    scene.mints('c');
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(scene.kept(), "c");
}

#[test]
fn scenario_65_a_source_of_the_user_s_is_left_alone() {
    let scene = wired();
    let text = scene.text();
    let wired = text
        .lines()
        .find(|line| line.starts_with("oauth_token"))
        .unwrap();
    scene
        .environment
        .configure(&text.replace(wired, "token = \"file:~/mine\""));
    let came = scene.give("rotate a --store helper:fake");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert!(came.stdout.contains("the old file:"), "{}", came.all());
    assert!(
        came.stdout.contains("is yours, and was left alone"),
        "{}",
        came.all()
    );
    assert!(!scene.text().contains("\ntoken ="), "{}", scene.text());
    assert_eq!(scene.kept(), "ab");
}

#[test]
fn revoke_says_what_it_did_and_what_it_cannot_do() {
    let scene = wired();
    let came = scene.give("revoke a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_snapshot!(came.result(), @r#"
    workspace a: no Claude login from now on
      configured  auth_forward = "ignore" in [workspaces.a.claude] (before: oauth_token)
      token       helper:fake/https://docker-jackin.invalid/claude/a/<mint> is taken out of it
      store       helper:fake/https://docker-jackin.invalid/claude/a/<mint> stays
                  remove it: docker jackin workspace claude-token revoke a --delete
                  or yourself: printf %s https://docker-jackin.invalid/claude/a/<mint> | docker-credential-fake erase
      containers that run keep what they were given
    the token itself holds until <date>, unless you revoke it: https://claude.ai/settings/claude-code
    "#);
    let block = "\n[workspaces.a.claude]\nauth_forward = \"ignore\"\n";
    assert_eq!(scene.text().replace(block, ""), CONFIG);
    assert_eq!(scene.kept(), "a");
    let came = scene.give("revoke a --delete");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_snapshot!(came.result(), @r#"
    workspace a: no Claude login from now on
      configured  auth_forward = "ignore" in [workspaces.a.claude] (as before)
      token       there was none of its own
      store       helper:fake/https://docker-jackin.invalid/claude/a/<mint> is removed
    "#);
    assert_eq!(scene.kept(), "");
    let came = scene.give("revoke a");
    assert_snapshot!(came.result(), @r#"
    workspace a: no Claude login from now on
      configured  auth_forward = "ignore" in [workspaces.a.claude] (as before)
      token       there was none of its own
    "#);
}

#[test]
fn scenario_66_a_removal_that_fails_saves_nothing() {
    let scene = wired();
    let (text, record) = (scene.text(), scene.record("a"));
    scene.helper("fail erase");
    let came = scene.give("revoke a --delete");
    assert_eq!(came.code(), Some(1), "{}", came.all());
    assert!(
        came.screen.contains("docker-credential-fake erase"),
        "{}",
        came.all()
    );
    assert!(
        came.screen.contains("the token is wired as it was"),
        "{}",
        came.all()
    );
    assert_eq!((scene.text(), scene.record("a")), (text, record));
    assert!(scene.resolves("a"));
}
