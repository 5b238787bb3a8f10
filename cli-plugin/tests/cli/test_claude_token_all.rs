//! `docker jackin workspace claude-token setup --all`.

use std::io::Write;

use insta::assert_snapshot;

use crate::config_scene::said;
use crate::stand_in_claude::tell;
use crate::token_life_scene::{CONFIG, Scene, token};

fn many() -> Scene {
    Scene::with(&format!(
        "{CONFIG}\n[workspaces.c]\n[workspaces.c.claude]\nauth_forward = \"oauth_token\"\n\
         oauth_token = \"$C\"\n\n[workspaces.d.claude]\nauth_forward = \"sync\"\noauth_token = \"$D\"\n"
    ))
}

#[test]
fn scenario_70_each_workspace_without_a_token_gets_one() {
    let scene = many();
    let came = scene.give("setup --all --store helper:fake");
    assert_eq!(came.code(), Some(1), "{}", came.all());
    assert_snapshot!(came.result(), @r"
    WORKSPACE   RESULT        SOURCE                                                            EXPIRES
    a           new token     helper:fake/https://docker-jackin.invalid/claude/a/<mint>   <date>
    b           new token     helper:fake/https://docker-jackin.invalid/claude/b/<mint>   <date>
    c           had a token   $C                                                                -
    d           failed        workspace d has a token already: $D                               -
    ");
    assert!(came.screen.contains("[1/3] a\n"), "{}", came.screen);
    assert!(came.screen.contains("[2/3] b\n"), "{}", came.screen);
    assert_eq!(scene.minted(), 2);
    assert!(scene.resolves("a") && scene.resolves("b"));
    let (text, kept) = (scene.text(), scene.kept());
    let came = scene.give("setup --all --store helper:fake --format json");
    let json: serde_json::Value = serde_json::from_str(&came.stdout).unwrap();
    let results: Vec<_> = json["workspaces"].as_array().unwrap().iter().collect();
    let results: Vec<_> = results
        .iter()
        .map(|one| one["result"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["had", "had", "had", "failed"]);
    assert_eq!(
        (scene.minted(), scene.text(), scene.kept()),
        (2, text, kept)
    );
}

#[test]
fn scenario_70_one_token_is_shared_when_the_user_says_so() {
    let scene = Scene::new();
    let came = scene.give("setup --all --share --store helper:fake");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!((scene.minted(), scene.kept().as_str()), (1, "a"));
    assert!(scene.resolves("a") && scene.resolves("b"));
    scene.mints('b');
    let came = scene.give("rotate a");
    assert!(
        came.stdout
            .contains("oauth_token of workspace b uses it, too"),
        "{}",
        came.all()
    );
    assert_eq!(scene.kept(), "ab");
    scene.mints('c');
    scene.give("rotate b");
    assert_eq!(scene.kept(), "bc");
    let scene = Scene::new();
    scene.give("setup --all --share --store helper:fake");
    let said = said(&scene.environment, "workspace remove a");
    assert!(!said.contains("erase"), "the other needs it: {said}");
}

#[test]
fn scenario_70_ctrl_c_ends_all_and_says_what_is_done() {
    let scene = Scene::new();
    scene.environment.configure(
        &CONFIG.replace("[workspaces.a]", "[workspaces.a.claude]\nauth_forward = \"oauth_token\"\noauth_token = \"$A\"\n\n[workspaces.a]"),
    );
    let text = scene.text();
    tell(&scene.environment, "behaviour", "hang");
    let came = scene.give_and("setup --all --store helper:fake", |terminal, _| {
        terminal.wait_for("[1/1] b");
        std::thread::sleep(std::time::Duration::from_millis(1500));
        terminal.person.write_all(b"\x03").unwrap();
    });
    assert_eq!(came.code(), Some(130), "{}", came.all());
    assert_snapshot!(came.result(), @r"
    WORKSPACE   RESULT        SOURCE                           EXPIRES
    a           had a token   $A                               -
    b           failed        cancelled: nothing was changed   -
    ");
    assert_eq!((scene.text(), scene.changes()), (text, Vec::new()));
    assert!(!came.all().contains(&token('a')));
}
