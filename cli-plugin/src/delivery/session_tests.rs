//! Which session of the host's a container gets in `sync`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use insta::assert_snapshot;
use jackin_oci_hook::payload::Delivery;
use serde_json::json;

use super::super::{Prepared, prepare};
use super::*;
use crate::auth::mode::AuthMode;
use crate::auth::scope::{Cell, Scope};
use crate::config;
use crate::host::Host;

/// The time at which everything here happens.
pub(super) const NOW: u64 = 1_900_000_000;

/// What a start leaves for the next.
struct Last {
    payload: Payload,
    modes: BTreeMap<String, String>,
    logins: BTreeMap<String, String>,
}

/// A home, and an agent that is started again and again in one container.
pub(super) struct Scene {
    pub(super) home: tempfile::TempDir,
    agent: Agent,
    /// `sync_refresh`, if the configuration sets it.
    refresh: Option<&'static str>,
    /// What the last start left.
    last: Option<Last>,
}

impl Scene {
    pub(super) fn new(agent: Agent) -> Self {
        let scene = Self {
            home: tempfile::tempdir().unwrap(),
            agent,
            refresh: None,
            last: None,
        };
        scene.mode("sync");
        scene
    }

    /// One in which the container gets a copy that it can renew.
    pub(super) fn with_copy(agent: Agent) -> Self {
        let mut scene = Self::new(agent);
        scene.refresh("copy");
        scene
    }

    /// Chooses how the login keeps up, in `sync`.
    pub(super) fn refresh(&mut self, word: &'static str) {
        self.refresh = Some(word);
        self.mode("sync");
    }

    /// Chooses the mode, with a key for those that need one.
    pub(super) fn mode(&self, word: &str) {
        let agent = self.agent.word();
        let refresh = self.refresh.iter();
        let refresh = refresh.map(|word| format!("sync_refresh = \"{word}\"\n"));
        let refresh = refresh.collect::<String>();
        let text =
            format!("[{agent}]\nauth_forward = \"{word}\"\napi_key = \"canary-key\"\n{refresh}");
        let file = self.home.path().join("config.toml");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The agent's credential file on the host, in a folder that is there.
    pub(super) fn file(&self) -> PathBuf {
        let file = self.agent.description().credential_file;
        let path = self.home.path().join(file.at_home);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub(super) fn host_has(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    pub(super) fn host_has_none(&self) {
        let _ = fs::remove_file(self.file());
    }

    pub(super) fn try_start(&self) -> Result<Prepared, Failure> {
        let host = Host::new(self.home.path(), "/", []);
        let config = config::load(&self.home.path().join("config.toml"), &host)?;
        let none = BTreeMap::new();
        let (shell, modes, logins) = match &self.last {
            Some(last) => (Shell::Gone(&last.payload), &last.modes, &last.logins),
            None => (Shell::Live(&host), &none, &none),
        };
        prepare(Circumstances {
            config: &config,
            cell: Cell {
                workspace: None,
                role: None,
            },
            agents: &[self.agent],
            given: &BTreeSet::new(),
            modes_at_launch: modes,
            logins_at_launch: logins,
            sources_at_launch: &none,
            host: &host,
            shell,
            now: UNIX_EPOCH + Duration::from_secs(NOW),
        })
    }

    /// Starts the container, for the first time or again.
    pub(super) fn start(&mut self) -> Prepared {
        let prepared = self.try_start().unwrap();
        self.last = Some(Last {
            payload: prepared.payload.clone(),
            modes: prepared.mode_words(),
            logins: prepared.logins.clone(),
        });
        prepared
    }

    /// Starts it, and tells what is bound in the credential file's place.
    pub(super) fn bound(&mut self) -> Option<String> {
        let payload = self.start().payload;
        bound(&payload, self.agent).map(|content| content.expose().to_owned())
    }

    /// The login of the host's that the container follows since its last start.
    pub(super) fn follows(&self) -> Option<LoginId> {
        let payload = &self.last.as_ref()?.payload;
        match delivery(payload, self.agent)? {
            Delivery::Live { login, .. } => Some(login.clone()),
            _ => None,
        }
    }

    /// Has something inside the container write its credential file.
    pub(super) fn container_writes(&mut self, text: &str) {
        let place = self.agent.description().credential_file.in_container();
        let mut files = self.last.as_mut().unwrap().payload.files.iter_mut();
        let file = files.find(|file| file.place == place).unwrap();
        file.delivery = Delivery::Bind {
            content: Secret::new(text.to_owned()),
        };
    }
}

/// The agent's credential file with a login that is told by `name` and was
/// made `hour` hours after the first, and its refresh token.
pub(super) fn login_of(agent: Agent, name: &str, hour: u64) -> String {
    let text = match agent {
        Agent::Claude => json!({"claudeAiOauth": {
            "accessToken": name,
            "refreshToken": format!("refresh-{name}"),
            "expiresAt": (NOW + (hour + 8) * 3600) * 1000,
        }}),
        Agent::Codex => json!({
            "auth_mode": "chatgpt",
            "tokens": {
                "id_token": "e30.e30.x",
                "access_token": name,
                "refresh_token": format!("refresh-{name}"),
            },
            "last_refresh": format!("2030-03-17T{hour:02}:00:00Z"),
        }),
        Agent::Amp => json!({"apiKey@https://ampcode.com/": name}),
        Agent::Opencode => json!({"openai": {
            "type": "oauth",
            "access": name,
            "refresh": format!("refresh-{name}"),
            "expires": (NOW + (hour + 8) * 3600) * 1000,
        }}),
    };
    text.to_string()
}

#[test]
fn scenario_26_and_41a_a_login_is_followed_and_its_refresh_token_is_not_there() {
    for agent in Agent::ALL {
        let mut scene = Scene::new(agent);
        scene.host_has(&login_of(agent, "canary", 0));
        let prepared = scene.start();
        let payload = serde_json::to_string(&prepared.payload).unwrap();
        assert!(payload.contains("canary"), "{agent}");
        assert!(!payload.contains("refresh-canary"), "{agent}");
        // What is published is what a container has that cannot follow it.
        let [publication] = prepared.live.as_slice() else {
            panic!("{agent}: one login to be published");
        };
        assert_eq!(scene.follows().as_ref(), Some(&publication.id), "{agent}");
        let bound = bound(&prepared.payload, agent).unwrap();
        assert_eq!(publication.content.expose(), bound.expose(), "{agent}");
        let session = prepared.provided[0].session.as_ref().unwrap();
        assert_eq!(session.follows.as_ref(), Some(&publication.id));
        assert!(!session.renews, "{agent}");
    }
}

#[test]
fn a_copy_has_the_refresh_token_where_its_agent_can_use_it_and_follows_nothing() {
    for agent in Agent::ALL {
        let mut scene = Scene::with_copy(agent);
        scene.host_has(&login_of(agent, "canary", 0));
        let prepared = scene.start();
        let payload = serde_json::to_string(&prepared.payload).unwrap();
        let renews = matches!(agent, Agent::Claude | Agent::Opencode);
        assert!(payload.contains("\"canary\\\""), "{agent}");
        assert_eq!(payload.contains("refresh-canary"), renews, "{agent}");
        assert_eq!(scene.follows(), None, "{agent}");
        assert!(prepared.live.is_empty(), "{agent}");
        let session = prepared.provided[0].session.as_ref().unwrap();
        assert_eq!(
            (session.renews, &session.follows),
            (renews, &None),
            "{agent}"
        );
        assert_eq!(
            prepared.lines[0].text.split(',').next(),
            Some("copied host session (sync_refresh = \"copy\")")
        );
    }
}

#[test]
fn a_line_names_the_scope_that_chose_the_copy_where_it_is_another_than_the_modes() {
    let scope = |name: &str| Some(Scope::Workspace(name.to_owned()));
    let chosen = |scope| ChosenMode {
        auth_mode: AuthMode::default_of(Agent::Claude),
        scope,
    };
    let told = |by, mode| {
        let refresh = ChosenRefresh {
            refresh: Refresh::Copy,
            scope: by,
        };
        manner(&refresh, &chosen(mode))
    };
    assert_snapshot!(told(scope("w"), scope("w")), @r#"copied host session (sync_refresh = "copy")"#);
    assert_snapshot!(told(scope("w"), None), @r#"copied host session (sync_refresh = "copy" from workspace w)"#);
    assert_snapshot!(told(None, scope("w")), @"copied host session (sync)");
}

#[test]
fn scenario_27_a_missing_login_delivers_nothing() {
    for agent in Agent::ALL {
        let mut scene = Scene::new(agent);
        let prepared = scene.start();
        assert_eq!(prepared.payload, Payload::default(), "{agent}");
        assert_eq!(prepared.lines[0].outlook, Outlook::Doubtful);
        let told = prepared.lines[0].to_string();
        let described = agent.description();
        assert!(told.contains(&format!("log in with `{}`", described.log_in)));
    }
}

#[test]
fn scenario_28_an_empty_or_malformed_login_is_warned_about_and_never_copied() {
    for agent in Agent::ALL {
        for text in ["", " ", "{", "{}", "null", "\"canary\"", "[\"canary\"]"] {
            let mut scene = Scene::new(agent);
            scene.host_has(text);
            let prepared = scene.start();
            assert_eq!(prepared.payload, Payload::default(), "{agent} {text}");
            let [warning] = prepared.warnings.as_slice() else {
                panic!("{agent} {text}: one warning");
            };
            assert!(warning.contains("holds no login"), "{warning}");
            assert!(warning.contains(", so nothing is forwarded"), "{warning}");
            assert!(!warning.contains("canary"));
        }
    }
}

#[test]
fn scenario_29_what_cannot_be_read_is_an_error_with_what_to_do() {
    for agent in Agent::ALL {
        let scene = Scene::new(agent);
        fs::create_dir(scene.file()).unwrap();
        let error = scene.try_start().unwrap_err();
        assert_eq!(error.kind, Kind::Configuration);
        let told = error.to_string();
        assert!(told.contains(&format!("failed to read {agent}'s login")));
        assert!(told.contains("choose another auth_forward"), "{told}");
    }
}

#[test]
fn scenario_30_a_link_is_followed_inside_the_home_only() {
    for agent in Agent::ALL {
        let mut scene = Scene::new(agent);
        let elsewhere = tempfile::tempdir().unwrap();
        for (folder, inside) in [(scene.home.path(), true), (elsewhere.path(), false)] {
            let target = folder.join("real.json");
            fs::write(&target, login_of(agent, "canary", 0)).unwrap();
            let _ = fs::remove_file(scene.file());
            symlink(&target, scene.file()).unwrap();
            assert_eq!(scene.try_start().is_ok(), inside, "{agent}");
        }
        scene.host_has_none();
        assert!(scene.bound().is_none());
    }
}

#[test]
fn scenario_31_a_restart_takes_the_hosts_newer_login() {
    for agent in Agent::ALL {
        for mut scene in [Scene::new(agent), Scene::with_copy(agent)] {
            for (name, hour) in [("first", 0), ("second", 1), ("third", 2)] {
                scene.host_has(&login_of(agent, name, hour));
                assert!(scene.bound().unwrap().contains(name), "{agent}");
            }
        }
    }
}

#[test]
fn a_login_says_when_it_ends_and_warns_when_that_is_near() {
    let told = |seconds: i64| {
        let mut scene = Scene::new(Agent::Claude);
        let ends = (i64::try_from(NOW).unwrap() + seconds) * 1000;
        let login = json!({"claudeAiOauth": {"accessToken": "a", "expiresAt": ends}});
        scene.host_has(&login.to_string());
        let prepared = scene.start();
        let line = &prepared.lines[0];
        format!(
            "{:?} {line} | {}",
            line.outlook,
            prepared.warnings.join(" ")
        )
    };
    let hour = 3600;
    assert_snapshot!(told(3 * hour), @"LoggedIn claude auth: forwarded host session (sync), from global, ends in 3 h | ");
    assert_snapshot!(told(1801), @"LoggedIn claude auth: forwarded host session (sync), from global, ends in 30 min | ");
    assert_snapshot!(told(1800), @"Doubtful claude auth: forwarded host session (sync), from global, ends in 30 min | claude's login on this host ends in 30 min; `claude auth status` renews it");
    assert_snapshot!(told(0), @"Doubtful claude auth: forwarded host session (sync), from global, ended 0 s ago | claude's login on this host has ended 0 s ago; `claude auth status` renews it");
    assert_snapshot!(told(-3 * hour), @"Doubtful claude auth: forwarded host session (sync), from global, ended 3 h ago | claude's login on this host has ended 3 h ago; `claude auth status` renews it");
    assert_snapshot!(told(400 * 24 * hour), @"LoggedIn claude auth: forwarded host session (sync), from global | ");
}
