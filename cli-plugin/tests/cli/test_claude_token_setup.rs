//! `docker jackin workspace claude-token setup`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::config_scene::{said, shown};
use crate::token_life_scene::{CONFIG, Scene, token};

#[test]
fn scenario_62_what_can_be_refused_is_refused_before_the_browser_opens() {
    for (line, code, why) in [
        ("setup nowhere", 2, "unknown workspace \"nowhere\""),
        ("setup a --role nobody", 2, "unknown role \"nobody\""),
        ("setup a --store safe", 2, "no such store"),
        ("setup a --store helper:none", 1, "docker-credential-none"),
        (
            "setup a --store helper:fake --vault V",
            2,
            "--vault is 1Password's",
        ),
        ("setup a --field f", 2, "--item <ITEM>"),
        ("setup a --all", 2, "cannot be used with"),
        ("setup", 2, "WORKSPACE"),
        ("setup a --share", 2, "cannot be used with"),
        ("setup --all --item x", 2, "an item holds one token"),
        (
            "setup a --reuse $X --store plain",
            2,
            "--reuse leaves the token where it is",
        ),
        (
            "rotate a",
            2,
            "workspace a has no token of its own to replace",
        ),
        (
            "revoke a --delete",
            2,
            "workspace a has no token of its own to delete",
        ),
    ] {
        let scene = Scene::new();
        let came = scene.give(line);
        assert_eq!(came.code(), Some(code), "{line}: {}", came.all());
        assert!(came.screen.contains(why), "{line}: {}", came.all());
        assert_eq!(
            (scene.minted(), scene.text().as_str()),
            (0, CONFIG),
            "{line}"
        );
        assert!(scene.changes().is_empty(), "{line}");
        assert_eq!(scene.record("a"), None, "{line}");
    }
}

#[test]
fn without_a_terminal_nothing_is_begun() {
    let scene = Scene::new();
    let line = "workspace claude-token setup a --store helper:fake";
    let said = said(&scene.environment, line);
    assert!(
        said.contains("terminal") && said.ends_with("[1]") || said.ends_with("[2]"),
        "{said}"
    );
    assert_eq!((scene.minted(), scene.text().as_str()), (0, CONFIG));
}

#[test]
fn a_token_that_is_there_is_reused_without_claude_or_a_terminal() {
    let scene = Scene::new();
    scene.environment.write("mine", &token('m'));
    let line = "workspace claude-token setup a --role web --reuse file:~/mine";
    assert_snapshot!(said(&scene.environment, line), @r#"
    workspace a × role web: a token that was there is wired
      source       file:~/mine
      fingerprint  sha256 928a69893d6a…
      expires      not known: it was not minted here
      configured   auth_forward = "oauth_token" in [workspaces.a.roles.web.claude]
    next: docker jackin run --workspace a web
    [0]
    "#);
    let block = "\n[workspaces.a.roles.web.claude]\nauth_forward = \"oauth_token\"\n\
                 oauth_token = \"file:~/mine\"\n";
    assert_eq!(scene.text().replace(block, ""), CONFIG);
    let record = scene.record("a+web").unwrap();
    assert_eq!(record["token"]["made"], "adopted");
    assert!(
        record["token"].get("expires").is_none(),
        "scenario 69: {record}"
    );
    assert_eq!(scene.minted(), 0);
    assert_eq!(scene.record("a"), None);
}

#[test]
fn what_is_no_token_is_not_reused() {
    let scene = Scene::new();
    scene
        .environment
        .write("key", "sk-ant-api03-canary-canary-canary-canary-canary");
    let line = "workspace claude-token setup a --reuse file:~/key";
    assert_snapshot!(said(&scene.environment, line), @r"
    docker-jackin: file:~/key gives no long-lived token of Claude's: it does not begin with sk-ant-oat
      nothing was changed
      a new token is minted by `setup` without --reuse
    [1]
    ");
    for literal in [token('m').as_str(), "-"] {
        let outcome = scene.environment.run(&[
            "workspace",
            "claude-token",
            "setup",
            "a",
            "--reuse",
            literal,
        ]);
        let said = shown(&outcome);
        assert_eq!(outcome.code, 2);
        assert!(
            said.contains("a secret does not belong on a command line"),
            "{said}"
        );
        let ask = "docker jackin config auth set oauth_token --workspace a --from -";
        assert!(said.contains(ask) && !said.contains("mmm"), "{said}");
    }
    assert_eq!(scene.text(), CONFIG);
}

#[test]
fn a_new_token_is_stored_read_back_and_wired() {
    let scene = Scene::new();
    let came = scene.give("setup a --store helper:fake");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_snapshot!(came.result(), @r#"
    workspace a: a new token is wired
      store        docker-credential-fake
      source       helper:fake/https://docker-jackin.invalid/claude/a/<mint>
      fingerprint  sha256 d959d7f7b831…
      issued       <date>
      expires      <date>
      configured   auth_forward = "oauth_token" in [workspaces.a.claude]
    next: docker jackin run --workspace a ROLE
    "#);
    assert_eq!(scene.kept(), "a");
    assert!(scene.resolves("a"));
    assert_eq!(scene.changes(), ["store"]);
    let again = scene.give("setup a --store helper:fake");
    assert_eq!(again.code(), Some(2));
    assert!(
        again.screen.contains("claude-token rotate a"),
        "{}",
        again.all()
    );
    assert_eq!(scene.minted(), 1);
}

#[test]
fn scenario_67_a_role_gets_a_token_of_its_own() {
    let scene = Scene::new();
    scene.give("setup a --store helper:fake");
    scene.mints('b');
    let came = scene.give("setup a --role web --store helper:fake --format json");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    let said: serde_json::Value = serde_json::from_str(&came.stdout).unwrap();
    assert_eq!(
        (&said["workspace"], &said["role"]),
        (&"a".into(), &"web".into())
    );
    assert_eq!(scene.kept(), "ab");
    let first = scene.record("a").unwrap();
    let second = scene.record("a+web").unwrap();
    assert_ne!(first["token"]["source"], second["token"]["source"]);
    let came = scene.give("revoke a --role web --delete");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(scene.kept(), "a");
    assert!(scene.resolves("a"));
}

#[test]
fn scenario_63_64_what_fails_after_the_minting_is_told_and_leaves_nothing() {
    for (rule, why) in [
        ("fail store", "failed to keep the token"),
        ("alter store", "gives something else than was stored there"),
        ("fail get", "the token cannot be read back"),
        ("leak get", "the token cannot be read back"),
    ] {
        let scene = Scene::new();
        scene.helper(rule);
        let came = scene.give("setup a --store helper:fake");
        assert_eq!(came.code(), Some(1), "{}", came.all());
        let screen = &came.screen;
        assert!(screen.contains(why), "{screen}");
        assert!(
            screen.contains("revoke it at https://claude.ai/settings/claude-code"),
            "{screen}"
        );
        assert!(
            screen.contains("the configuration is as it was"),
            "{screen}"
        );
        assert!(!screen.contains("canary"), "{screen}");
        assert_eq!(scene.text(), CONFIG);
        assert_eq!(
            (scene.kept(), scene.record("a")),
            (String::new(), None),
            "{rule}"
        );
    }
}

#[test]
fn scenario_63_an_orphan_has_its_removal_command_printed_and_goes_with_the_next_run() {
    let scene = Scene::new();
    scene.helper("alter store\nfail erase");
    let came = scene.give("setup a --store helper:fake");
    assert_eq!(came.code(), Some(1));
    assert!(
        came.screen.contains("docker-credential-fake erase"),
        "{}",
        came.all()
    );
    assert_eq!(
        scene.record("a").unwrap()["orphans"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    scene.helper("");
    scene.mints('b');
    let came = scene.give("setup a --store helper:fake");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert!(
        came.screen
            .contains("which an earlier run had left, is gone"),
        "{}",
        came.all()
    );
    assert_eq!(scene.kept(), "b");
}

#[test]
fn a_plain_token_stands_in_the_configuration_alone() {
    let scene = Scene::new();
    let came = scene.give("setup a --store plain");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert!(scene.text().contains(&token('a')));
    assert!(!scene.record("a").unwrap().to_string().contains("oat01"));
    scene.mints('b');
    let came = scene.give("rotate a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert!(scene.text().contains(&token('b')) && !scene.text().contains(&token('a')));
    let came = scene.give("revoke a --delete-op-item");
    assert_eq!(came.code(), Some(2), "scenario 66: {}", came.all());
    assert!(scene.text().contains(&token('b')));
    let came = scene.give("revoke a");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert!(!scene.text().contains("oat01"));
}

#[test]
fn what_the_configuration_could_not_hold_is_refused_before_the_browser_opens() {
    let scene = Scene::new();
    let file = scene.environment.home().join(".docker/jackin/config.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let came = scene.give("setup a --store plain");
    assert_eq!(came.code(), Some(1), "{}", came.all());
    assert!(came.screen.contains("chmod"), "{}", came.all());
    assert_eq!((scene.minted(), scene.text().as_str()), (0, CONFIG));
}

#[test]
fn what_else_is_set_there_is_said() {
    let more = "\n[workspaces.a.env]\nCLAUDE_CODE_OAUTH_TOKEN = \"$MINE\"\n\
                [workspaces.a.roles.web.claude]\nauth_forward = \"oauth_token\"\n\
                oauth_token = \"$WEB\"\n";
    let scene = Scene::with(&format!("{CONFIG}{more}"));
    let came = scene.give("setup a --store helper:fake");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_snapshot!(came.result(), @r#"
    workspace a: a new token is wired
      store        docker-credential-fake
      source       helper:fake/https://docker-jackin.invalid/claude/a/<mint>
      fingerprint  sha256 d959d7f7b831…
      issued       <date>
      expires      <date>
      configured   auth_forward = "oauth_token" in [workspaces.a.claude]
      CLAUDE_CODE_OAUTH_TOKEN in [workspaces.a.env] counts no more: the token does
      not for role web, which has its own: oauth_token
    next: docker jackin run --workspace a ROLE
    "#);
    let came = scene.give("revoke a --delete");
    assert_snapshot!(came.result(), @r#"
    workspace a: no Claude login from now on
      configured  auth_forward = "ignore" in [workspaces.a.claude] (before: oauth_token)
      token       helper:fake/https://docker-jackin.invalid/claude/a/<mint> is taken out of it
      store       helper:fake/https://docker-jackin.invalid/claude/a/<mint> is removed
      CLAUDE_CODE_OAUTH_TOKEN in [workspaces.a.env] stays, and is not delivered
      role web keeps its own token: docker jackin workspace claude-token revoke a --role web
      containers that run keep what they were given
    the token itself holds until <date>, unless you revoke it: https://claude.ai/settings/claude-code
    "#);
}

#[test]
fn a_workspace_that_is_removed_says_where_its_token_stays() {
    let scene = Scene::new();
    scene.give("setup a --store helper:fake");
    let said = said(&scene.environment, "workspace remove a");
    assert!(
        said.contains("its Claude token stays in helper:fake/https://"),
        "{said}"
    );
    assert!(said.contains("docker-credential-fake erase"), "{said}");
}
