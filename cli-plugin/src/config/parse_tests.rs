//! What the schema takes and what it refuses, and in which words.

use std::path::Path;

use insta::assert_snapshot;
use secrecy::ExposeSecret;

use super::*;
use crate::config::Written;
use crate::failure::Failure;

fn read(text: &str) -> Result<Config, ConfigError> {
    parse(Path::new("config.toml"), text, Path::new("/home/me"))
}

fn text_of(value: Option<&Value>) -> &str {
    match &value.unwrap().written {
        Written::Text(text) => text.expose_secret(),
        _ => panic!("it was written as text"),
    }
}

fn refused(text: &str) -> String {
    Failure::from(read(text).unwrap_err()).to_string()
}

#[test]
fn the_whole_schema_is_read() {
    let config = read(
        r#"
        [claude]
        auth_forward = "sync"
        [env]
        OPENAI_API_KEY = "$OPENAI_API_KEY"
        [roles.web]
        image = "acme/web-agent:1"
        agents = ["claude", "codex"]
        run = ["--memory", "4g"]
        env = { A = "1" }
        [workspaces.my-app]
        workdir = "~/src/my-app/"
        mounts = [{ src = ".", dst = "/workspace", readonly = true }]
        [workspaces.my-app.claude]
        auth_forward = "oauth_token"
        token = "canary"
        [workspaces.my-app.env]
        B = "2"
        [workspaces.my-app.roles.web.codex]
        auth_forward = "ignore"
        [workspaces.my-app.roles.web.claude]
        sync_refresh = "copy"
        [workspaces.my-app.roles.web.env]
        C = "3"
        "#,
    )
    .unwrap();
    let workspace = &config.workspaces["my-app"];
    let claude = &workspace.agents[&Agent::Claude];
    assert_eq!(
        workspace.workdir.as_deref(),
        Some(Path::new("/home/me/src/my-app"))
    );
    assert!(workspace.mounts[0].readonly);
    assert_eq!(claude.auth_forward.unwrap().word(), "oauth_token");
    assert_eq!(text_of(claude.oauth_token.as_ref()), "canary");
    assert_eq!(config.roles["web"].agents, [Agent::Claude, Agent::Codex]);
    assert_eq!(workspace.roles["web"].env.len(), 1);
    let claude = &workspace.roles["web"].agents[&Agent::Claude];
    assert_eq!(claude.sync_refresh, Some(Refresh::Copy));
    assert_eq!(claude.auth_forward, None, "it does not decide the mode");
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn scenario_12_a_misspelt_key_names_its_line_and_what_was_meant() {
    assert_snapshot!(refused("\n[claude]\nauth_forwad = \"sync\"\n"), @r"
    config.toml:3: unknown key `auth_forwad` in [claude]
      did you mean `auth_forward`?
    ");
    assert_snapshot!(refused("[claud]\nauth_forward = \"sync\"\n"), @r"
    config.toml:1: unknown key `claud` in the file
      did you mean `claude`?
    ");
    assert_snapshot!(refused("[workspaces.a.roles.web]\nimage = \"x\"\n"), @r"
    config.toml:2: unknown key `image` in [workspaces.a.roles.web]
      known here: env, claude, codex, amp, opencode
    ");
}

#[test]
fn scenario_12_a_misspelt_mode_names_its_line_and_what_was_meant() {
    assert_snapshot!(refused("[claude]\nauth_forward = \"oauth-token\"\n"), @r#"
    config.toml:2: unknown mode "oauth-token" for claude
      did you mean "oauth_token"?
    "#);
    assert_snapshot!(refused("[codex]\nauth_forward = \"xxx\"\n"), @r#"
    config.toml:2: unknown mode "xxx" for codex
      known modes: sync, api_key, ignore
    "#);
}

#[test]
fn scenario_12_a_misspelt_refresh_names_its_line_and_what_was_meant() {
    for table in ["codex", "workspaces.w.codex", "workspaces.w.roles.r.codex"] {
        let told = refused(&format!("\n[{table}]\nsync_refresh = \"lvie\"\n"));
        let start = "config.toml:3: unknown sync_refresh \"lvie\"";
        assert!(told.starts_with(start), "{told}");
    }
    assert_snapshot!(refused("[amp]\nsync_refresh = \"copied\"\n"), @r#"
    config.toml:2: unknown sync_refresh "copied"
      did you mean "copy"?
    "#);
    assert_snapshot!(refused("[claude]\nsync_refresh = \"xxx\"\n"), @r#"
    config.toml:2: unknown sync_refresh "xxx"
      known: live, copy
    "#);
    assert_snapshot!(refused("[claude]\nsync_refresh = true\n"), @"config.toml:2: `sync_refresh` must be text in quotes");
    assert_snapshot!(refused("[claude]\nsync_refrehs = \"live\"\n"), @r"
    config.toml:2: unknown key `sync_refrehs` in [claude]
      did you mean `sync_refresh`?
    ");
    assert_snapshot!(refused("sync_refresh = \"live\"\n"), @r"
    config.toml:1: unknown key `sync_refresh` in the file
      known here: env, roles, workspaces, claude, codex, amp, opencode
    ");
}

#[test]
fn scenario_9_oauth_token_is_refused_for_other_agents_with_its_line() {
    for agent in ["codex", "amp", "opencode"] {
        for line in [
            "auth_forward = \"oauth_token\"",
            "oauth_token = \"canary\"",
            "token = \"canary\"",
        ] {
            let text = format!("[workspaces.w.{agent}]\n\n{line}\n");
            let told = refused(&text);
            let start =
                format!("config.toml:3: `oauth_token` is for claude only, and this is {agent}");
            assert!(told.starts_with(&start), "{told}");
            assert!(!told.contains("canary"));
        }
    }
}

#[test]
fn scenario_21_our_own_variables_are_refused_in_every_layer() {
    for table in [
        "env",
        "roles.r.env",
        "workspaces.w.env",
        "workspaces.w.roles.r.env",
    ] {
        let role = "[roles.r]\nimage = \"i\"\nagents = []\n";
        let text = format!("{role}[{table}]\nDOCKER_JACKIN_TICKET = \"x\"\n");
        let told = refused(&text);
        assert!(
            told.starts_with("config.toml:5: the variable DOCKER_JACKIN_TICKET"),
            "{told}"
        );
    }
}

#[test]
fn scenario_24_no_refusal_shows_a_value() {
    for text in [
        "[claude]\napi_key = \"canary\n",
        "[claude]\napi_key = canary\n",
        "[claude]\napi_kye = \"canary\"\n",
        "[claude]\napi_key = \"canary\\u0000\"\n",
        "[claude]\napi_key = [\"canary\"]\n",
        "[claude]\nauth_forward = \"sk-ant-oat01-canary\"\n",
        "[claude]\nsync_refresh = \"sk-ant-oat01-canary\"\n",
        "[claude]\noauth_token = \"canary\"\ntoken = \"canary\"\n",
        "[claude]\napi_key = \"canary\"\napi_key = \"canary\"\n",
        "[env]\nA = { canary = \"canary\" }\n",
        "env = \"canary\"\n",
    ] {
        let error = read(text).unwrap_err();
        let told = format!(
            "{error} {error:?} {}",
            Failure::from(read(text).unwrap_err())
        );
        assert!(!told.contains("canary"), "{text}: {told}");
    }
}

#[test]
fn a_role_says_its_image_and_its_agents() {
    assert_snapshot!(refused("[roles.web]\nimage = \"x\"\n"), @r#"
    config.toml:1: [roles.web] has no `agents`
      name the agents that run in the image, such as agents = ["claude"]
    "#);
    assert_snapshot!(refused("[roles.web]\nagents = []\n"), @"config.toml:1: [roles.web] has no `image`");
    assert_snapshot!(refused("[roles.web]\nimage = \"x\"\nagents = [\"cloude\"]\n"), @"config.toml:3: `agents` must be a list of agents: claude, codex, amp, opencode");
}

#[test]
fn mounts_that_docker_would_refuse_are_refused() {
    let mounts = |mounts: &str| format!("[workspaces.w]\nworkdir = \"/w\"\nmounts = [{mounts}]\n");
    for (list, why) in [
        (r#"{ src = ".", dst = "w" }"#, "an absolute path"),
        (r#"{ src = ".", dst = "/" }"#, "and not its root"),
        (r#"{ src = ".", dst = "//" }"#, "and not its root"),
        (
            r#"{ src = ".", dst = "/w" }, { src = "x", dst = "/w" }"#,
            "docker takes each once",
        ),
    ] {
        let told = refused(&mounts(list));
        assert!(told.contains(":3: `dst` must be"), "{told}");
        assert!(told.contains(why), "{told}");
    }
    let both = r#"{ src = ".", dst = "/w" }, { src = ".", dst = "/x" }"#;
    assert_eq!(read(&mounts(both)).unwrap().workspaces["w"].mounts.len(), 2);
}

#[test]
fn all_problems_are_found_in_the_order_of_their_lines() {
    let text = r#"
[claude]
auth_forwad = "sync"
[codex]
auth_forward = "synk"
[env]
DOCKER_JACKIN_X = "canary"
GOOD = "1"
[roles.web]
image = "i"
[workspaces.w]
workdir = "relative"
trust = 1
[workspaces.w.roles.web.amp]
oauth_token = "canary"
"#;
    let (config, problems) = parse_all(Path::new("c"), text, Path::new("/home/me"));
    let lines: Vec<_> = problems.iter().map(ConfigError::line).collect();
    assert_eq!(lines, [3, 5, 7, 9, 12, 13, 15].map(Some));
    assert_eq!(config.env.len(), 1, "what is right is read");
    assert!(!format!("{problems:?}").contains("canary"));
}

#[test]
fn scenario_15_a_value_is_text_or_a_table_that_says_more() {
    let env = |value: &str| {
        let config = read(&format!("[env]\nA = {value}\n"));
        let mut env = config.map(|config| config.env.into_values());
        env.as_mut()
            .map(|env| match env.next().unwrap().written {
                Written::Text(text) => format!("text {}", text.expose_secret()),
                Written::Op { reference, account } => format!("{reference} {account:?}"),
                Written::Command(words) => format!("{words:?}"),
            })
            .map_err(|error| error.to_string())
    };
    for (written, meant) in [
        (r#""op://a/b/c""#, "text op://a/b/c"),
        (r#"{ op = "op://a/b/c" }"#, "op://a/b/c None"),
        (
            r#"{ op = "op://a/b/c", account = "work" }"#,
            r#"op://a/b/c Some("work")"#,
        ),
        (
            r#"{ cmd = ["pass", "show", "a b"] }"#,
            r#"["pass", "show", "a b"]"#,
        ),
    ] {
        assert_eq!(env(written).as_deref(), Ok(meant), "{written}");
    }
    for refused in [
        "7",
        "[\"canary\"]",
        "{}",
        "{ cmd = [] }",
        "{ cmd = \"canary\" }",
        "{ cmd = [\"canary\", 7] }",
        "{ account = \"canary\" }",
        "{ op = \"op://a/b/canary\", acount = \"canary\" }",
        "{ op = \"op://a/b/canary\", account = \"\" }",
        "{ op = \"op://a/b/canary\", cmd = [\"canary\"] }",
        "{ cmd = [\"canary\"], account = \"canary\" }",
    ] {
        let told = env(refused).unwrap_err();
        assert!(told.starts_with("config.toml:2: `"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }
}
