//! What a container is given, from configurations as users write them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use insta::assert_snapshot;
use jackin_oci_hook::payload::{Payload, VariableName};

use super::*;
use crate::config;
use crate::host::Host;

/// A home with a configuration in it, and what the container is started with.
pub(super) struct Scene {
    pub(super) home: tempfile::TempDir,
    pub(super) shell: Vec<(String, String)>,
    pub(super) given: BTreeSet<String>,
    pub(super) workspace: Option<&'static str>,
    pub(super) agents: Vec<Agent>,
    /// The folder that the command is given in.
    pub(super) folder: PathBuf,
}

impl Scene {
    pub(super) fn new(text: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.toml");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        Self {
            home,
            shell: Vec::new(),
            given: BTreeSet::new(),
            workspace: Some("w"),
            agents: vec![Agent::Claude],
            folder: "/".into(),
        }
    }

    pub(super) fn prepare(&self) -> Result<Prepared, Failure> {
        self.prepare_again(None, &BTreeMap::new())
    }

    pub(super) fn prepare_again(
        &self,
        last: Option<&Payload>,
        modes: &BTreeMap<String, String>,
    ) -> Result<Prepared, Failure> {
        self.prepare_with(last, modes, &BTreeMap::new())
    }

    /// As a later start does, with all that is remembered of the one before.
    pub(super) fn prepare_after(&self, last: &Prepared) -> Result<Prepared, Failure> {
        self.prepare_with(Some(&last.payload), &last.mode_words(), &last.sources)
    }

    fn prepare_with(
        &self,
        last: Option<&Payload>,
        modes: &BTreeMap<String, String>,
        sources: &BTreeMap<String, String>,
    ) -> Result<Prepared, Failure> {
        let host = Host::new(self.home.path(), &self.folder, self.shell.clone());
        let config = config::load(&self.home.path().join("config.toml"), &host)?;
        prepare(Circumstances {
            config: &config,
            cell: Cell {
                workspace: self.workspace,
                role: Some("r"),
            },
            agents: &self.agents,
            given: &self.given,
            modes_at_launch: modes,
            logins_at_launch: &BTreeMap::new(),
            sources_at_launch: sources,
            host: &host,
            shell: last.map_or(Shell::Live(&host), Shell::Gone),
            now: SystemTime::UNIX_EPOCH,
        })
    }

    /// `NAME=value …` of what is delivered.
    pub(super) fn env(&self) -> String {
        env_of(&self.prepare().unwrap().payload)
    }

    /// The failure, with the temporary folder's name taken out.
    pub(super) fn failure(&self) -> String {
        let told = self.prepare().unwrap_err().to_string();
        told.replace(self.home.path().to_str().unwrap(), "~")
    }
}

pub(super) fn env_of(payload: &Payload) -> String {
    let env = payload.env.iter();
    env.map(|one| format!("{}={}", one.name, one.value.expose()))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn scenario_11_ignore_keeps_every_variable_of_the_agent_out() {
    let scene = Scene::new(
        r#"
        [env]
        ANTHROPIC_API_KEY = "canary"
        ANTHROPIC_AUTH_TOKEN = "canary"
        CLAUDE_CODE_OAUTH_TOKEN = "canary"
        OTHER = "kept"
        [workspaces.w.claude]
        auth_forward = "ignore"
        "#,
    );
    assert_eq!(scene.env(), "OTHER=kept");
    let prepared = scene.prepare().unwrap();
    assert!(prepared.payload.files.is_empty() && prepared.payload.unset.is_empty());
    assert_snapshot!(prepared.lines[0], @"claude auth: none (manual login required), from workspace w");
}

#[test]
fn scenario_11_a_mode_delivers_its_own_variable_and_not_its_rivals() {
    let text = |mode: &str| {
        format!(
            "[claude]\nauth_forward = \"{mode}\"\n[env]\nANTHROPIC_API_KEY = \"key\"\n\
             CLAUDE_CODE_OAUTH_TOKEN = \"token\"\nOPENAI_API_KEY = \"other\"\n"
        )
    };
    assert_eq!(Scene::new(&text("api_key")).env(), "ANTHROPIC_API_KEY=key");
    assert_eq!(
        Scene::new(&text("oauth_token")).env(),
        "CLAUDE_CODE_OAUTH_TOKEN=token"
    );
    assert_eq!(Scene::new(&text("sync")).env(), "");
}

#[test]
fn scenario_13_of_the_layers_the_later_wins() {
    let layers = [
        ("env", "global"),
        ("roles.r.env", "role"),
        ("workspaces.w.env", "workspace"),
        ("workspaces.w.roles.r.env", "cell"),
    ];
    for count in 1..=layers.len() {
        let mut text = "[roles.r]\nimage = \"i\"\nagents = []\n".to_owned();
        for (table, value) in &layers[..count] {
            text += &["[", table, "]\nA = \"", value, "\"\n"].concat();
        }
        let (_, winner) = layers[count - 1];
        assert_eq!(Scene::new(&text).env(), format!("A={winner}"));
    }
}

#[test]
fn scenario_14_another_roles_source_is_neither_read_nor_delivered() {
    let scene = Scene::new(
        r#"
        [roles.other]
        image = "i"
        agents = []
        env = { A = "file:/nonexistent" }
        [workspaces.w.roles.other.env]
        B = "$NOT_SET"
        [workspaces.x.env]
        C = "op://x/y/z"
        "#,
    );
    assert_eq!(scene.env(), "");
}

#[test]
fn scenario_16_failing_sources_are_told_together_each_with_its_key() {
    let mut scene = Scene::new(
        r#"[env]
A = "$NOT_SET"
B = "file:/nonexistent"
C = "op://vault/item/field"
D = "fine"
E = "cmd:sh -c 'echo no such entry >&2; exit 1'"
F = { op = "op://vault/--help/field", account = "work" }
"#,
    );
    // Where there is a shell, and no `op`.
    let bin = scene.home.path().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink("/bin/sh", bin.join("sh")).unwrap();
    let path = bin.to_str().unwrap().to_owned();
    scene.shell.push(("PATH".to_owned(), path));
    assert_snapshot!(scene.failure(), @r"
    5 values could not be had
      no value for A (~/config.toml:2): $NOT_SET is not set in the environment of this command
      no value for B (~/config.toml:3): /nonexistent cannot be read: No such file or directory (os error 2)
      no value for C (~/config.toml:4): op://vault/item/field: 1Password's command line `op` is not in PATH
        install `op`: https://developer.1password.com/docs/cli/get-started
      no value for E (~/config.toml:6): cmd:sh: it failed (exit status: 1): no such entry
      no value for F (~/config.toml:7): it is no reference of 1Password: one of its parts begins with `-`, as a flag does; name it by its ID
    ");
}

#[test]
fn scenario_18_a_missing_credential_is_told_with_every_scope_that_was_asked() {
    let mut scene = Scene::new(
        r#"
        [claude]
        api_key = "canary"
        [workspaces.w.claude]
        auth_forward = "api_key"
        api_key = "$EMPTY"
        "#,
    );
    scene.shell.push(("EMPTY".into(), " ".into()));
    assert_snapshot!(scene.failure(), @r#"
    no credential for claude: mode api_key needs one
      claude auth_forward = "api_key", chosen by workspace w
      ANTHROPIC_API_KEY was looked for in:
        [workspaces.w.roles.r.claude] api_key         unset
        [workspaces.w.claude] api_key                 resolved empty ($EMPTY)
        [claude] api_key                              declared, not asked
        [workspaces.w.roles.r.env] ANTHROPIC_API_KEY  unset
        [workspaces.w.env] ANTHROPIC_API_KEY          unset
        [roles.r.env] ANTHROPIC_API_KEY               unset
        [env] ANTHROPIC_API_KEY                       unset
      give it one in ~/config.toml, or choose another mode:
        docker jackin config auth set api_key --agent claude --workspace w --from 'op://vault/item/field'
        docker jackin config auth set sync --agent claude --workspace w
    "#);
}

#[test]
fn scenario_18_the_slot_of_a_nearer_scope_wins_over_farther_ones_and_over_variables() {
    let scene = Scene::new(
        r#"
        [claude]
        auth_forward = "oauth_token"
        oauth_token = "global"
        [workspaces.w.env]
        CLAUDE_CODE_OAUTH_TOKEN = "variable"
        [workspaces.w.claude]
        oauth_token = "slot"
        "#,
    );
    assert_eq!(scene.env(), "CLAUDE_CODE_OAUTH_TOKEN=slot");
    let line = scene.prepare().unwrap().lines.remove(0);
    assert_snapshot!(line, @"claude auth: long-lived OAuth token (plain value, from workspace w)");
}

#[test]
fn scenario_27_a_missing_host_login_delivers_nothing_and_says_so() {
    let prepared = Scene::new("").prepare().unwrap();
    assert_eq!(prepared.payload, Payload::default());
    assert_snapshot!(prepared.lines[0], @"claude auth: no host session to forward (sync), log in with `claude` on this host");
}

#[test]
fn scenario_28_a_malformed_host_login_is_warned_about() {
    let scene = Scene::new("");
    fs::create_dir(scene.home.path().join(".claude")).unwrap();
    fs::write(scene.home.path().join(".claude/.credentials.json"), "{").unwrap();
    let prepared = scene.prepare().unwrap();
    assert_eq!(prepared.payload, Payload::default());
    assert!(prepared.warnings[0].contains("holds no login, so nothing is forwarded"));
}

#[test]
fn for_an_operators_variable_nothing_stands_where_none_can_be_set() {
    let scene = Scene::new("[claude]\nauth_forward = \"ignore\"\n[env]\nA = \"ours\"\n");
    let missed = scene.prepare().unwrap().payload.without_variables();
    assert_eq!(missed.unwrap_err(), ["A".try_into().unwrap()]);
}

#[test]
fn scenario_43_a_variable_given_by_flag_is_the_users_own() {
    let mut scene = Scene::new("[claude]\nauth_forward = \"oauth_token\"\n[env]\nA = \"ours\"\n");
    scene.given = ["CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY", "A"]
        .map(str::to_owned)
        .into();
    let prepared = scene.prepare().unwrap();
    assert_eq!(env_of(&prepared.payload), "");
    let unset: Vec<_> = prepared
        .payload
        .unset
        .iter()
        .map(VariableName::as_str)
        .collect();
    assert_eq!(
        unset,
        [
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
            "CLAUDE_CODE_OAUTH_SCOPES",
            "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
            "CLAUDE_SECURESTORAGE_CONFIG_DIR",
            "ANTHROPIC_PROFILE",
            "ANTHROPIC_FEDERATION_RULE_ID",
        ]
    );
    assert_eq!(prepared.warnings.len(), 2, "{:?}", prepared.warnings);
    assert!(prepared.warnings[0].contains("docker inspect"));
}

#[test]
fn scenario_44_a_restart_keeps_what_came_from_the_shell_while_the_mode_holds() {
    let mut scene =
        Scene::new("[claude]\nauth_forward = \"api_key\"\napi_key = \"$KEY\"\n[env]\nA = \"$B\"\n");
    scene.shell = vec![("KEY".into(), "canary".into()), ("B".into(), "b".into())];
    let first = scene.prepare().unwrap();
    assert_eq!(env_of(&first.payload), "ANTHROPIC_API_KEY=canary A=b");
    scene.shell.clear();

    let modes = |word: &str| BTreeMap::from([("claude".to_owned(), word.to_owned())]);
    let again = scene
        .prepare_again(Some(&first.payload), &modes("api_key"))
        .unwrap();
    assert_eq!(again.payload, first.payload);
    let moved = scene.prepare_again(Some(&first.payload), &modes("oauth_token"));
    assert_eq!(env_of(&moved.unwrap().payload), "A=b");
}

#[test]
fn scenario_31_a_restart_takes_the_hosts_newest_login() {
    let scene = Scene::new("");
    let folder = scene.home.path().join(".claude");
    fs::create_dir(&folder).unwrap();
    let write = |token: &str| {
        let text = format!(r#"{{"claudeAiOauth":{{"accessToken":"{token}"}}}}"#);
        fs::write(folder.join(".credentials.json"), text).unwrap();
    };
    let secret = |prepared: &Prepared| {
        let delivery = &prepared.payload.files[0].delivery;
        delivery.secret().unwrap().expose().to_owned()
    };
    write("first");
    let first = scene.prepare().unwrap();
    write("second");
    let modes = BTreeMap::from([("claude".to_owned(), "sync".to_owned())]);
    let again = scene.prepare_again(Some(&first.payload), &modes).unwrap();
    assert!(secret(&first).contains("first") && secret(&again).contains("second"));
}
