//! Several agents in one container, each with its own mode and nobody else's
//! credential.

use std::collections::BTreeMap;
use std::fs;

use insta::assert_snapshot;
use jackin_oci_hook::payload::{Delivery, Payload};
use jackin_oci_hook::secret::Secret;

use super::tests::{Scene, env_of};
use super::*;

/// A scene for one agent, with a configuration.
fn scene(agent: Agent, text: &str) -> Scene {
    let mut scene = Scene::new(text);
    scene.agents = vec![agent];
    scene
}

/// The secret files of a payload, as `path content`.
fn secret_files(payload: &Payload) -> Vec<String> {
    let files = payload.files.iter();
    let secret = files.filter_map(|file| {
        let content = file.delivery.secret()?;
        Some((file.place.path.as_str(), content.expose()))
    });
    secret
        .map(|(path, content)| format!("{path} {content}"))
        .collect()
}

#[test]
fn scenario_11_ignore_keeps_every_credential_variable_of_every_agent_out() {
    for agent in Agent::ALL {
        let mut text =
            format!("[{agent}]\nauth_forward = \"ignore\"\napi_key = \"canary\"\n[env]\n");
        for name in agent.description().credential_variables {
            text.extend([name, " = \"canary\"\n"]);
        }
        let prepared = scene(agent, &text).prepare().unwrap();
        assert_eq!(prepared.payload, Payload::default(), "{agent}");
    }
}

#[test]
fn scenario_11_no_mode_of_one_agent_delivers_anothers_variable() {
    let mut env = String::from("[env]\n");
    for agent in Agent::ALL {
        for name in agent.description().credential_variables {
            env.extend([name, " = \"value-of-", name, "\"\n"]);
        }
    }
    for agent in Agent::ALL {
        for mode in ["sync", "api_key", "ignore"] {
            let text = format!("[{agent}]\nauth_forward = \"{mode}\"\n{env}");
            let delivered = scene(agent, &text).env();
            let key = agent.description().key_variable;
            let expected = match mode {
                "api_key" => format!("{key}=value-of-{key}"),
                _ => String::new(),
            };
            assert_eq!(delivered, expected, "{agent} {mode}");
        }
    }
}

#[test]
fn scenario_42_four_agents_with_four_modes_get_what_is_theirs() {
    let mut scene = Scene::new(
        r#"
        [claude]
        auth_forward = "oauth_token"
        oauth_token = "claudes-token"
        [codex]
        auth_forward = "api_key"
        api_key = "codexs-key"
        [opencode]
        auth_forward = "ignore"
        api_key = "canary"
        "#,
    );
    scene.agents = Agent::ALL.to_vec();
    let folder = scene.home.path().join(".local/share/amp");
    fs::create_dir_all(&folder).unwrap();
    let secrets = r#"{"apiKey@https://ampcode.com/":"amps-key"}"#;
    fs::write(folder.join("secrets.json"), secrets).unwrap();

    let prepared = scene.prepare().unwrap();
    assert_eq!(
        env_of(&prepared.payload),
        "CLAUDE_CODE_OAUTH_TOKEN=claudes-token OPENAI_API_KEY=codexs-key"
    );
    assert_eq!(
        secret_files(&prepared.payload),
        [
            r#".codex/auth.json {"auth_mode":"apikey","OPENAI_API_KEY":"codexs-key"}"#,
            r#".local/share/amp/secrets.json {"apiKey@https://ampcode.com/":"amps-key"}"#,
        ]
    );
    let lines: Vec<String> = prepared.lines.iter().map(ToString::to_string).collect();
    assert_snapshot!(lines.join("\n"), @r"
    claude auth: long-lived OAuth token (plain value, from global)
    codex auth: API key (plain value, from global)
    amp auth: forwarded host session (sync)
    opencode auth: none (manual login required), from global
    ");
}

#[test]
fn the_key_of_opencode_is_looked_for_under_its_providers_name() {
    let env = "[env]\nOPENCODE_API_KEY = \"own\"\nANTHROPIC_API_KEY = \"claudes\"\nOPENAI_API_KEY = \"codexs\"\n";
    for (provider, entry, variables) in [
        (
            "",
            r#"{"opencode":{"type":"api","key":"own"}}"#,
            "OPENCODE_API_KEY=own",
        ),
        (
            "provider = \"anthropic\"",
            r#"{"anthropic":{"type":"api","key":"claudes"}}"#,
            "",
        ),
        (
            "provider = \"openai\"",
            r#"{"openai":{"type":"api","key":"codexs"}}"#,
            "",
        ),
    ] {
        let text = format!("[opencode]\nauth_forward = \"api_key\"\n{provider}\n{env}");
        let payload = scene(Agent::Opencode, &text).prepare().unwrap().payload;
        let file = format!(".local/share/opencode/auth.json {entry}");
        assert_eq!(secret_files(&payload), [file]);
        assert_eq!(env_of(&payload), variables);
    }
}

#[test]
fn the_nearest_scope_that_names_a_provider_says_whose_key_it_is() {
    let scene = scene(
        Agent::Opencode,
        r#"
        [opencode]
        auth_forward = "api_key"
        provider = "anthropic"
        api_key = "global"
        [workspaces.w.opencode]
        provider = "groq"
        "#,
    );
    let prepared = scene.prepare().unwrap();
    assert_eq!(
        secret_files(&prepared.payload),
        [r#".local/share/opencode/auth.json {"groq":{"type":"api","key":"global"}}"#]
    );
    assert_snapshot!(prepared.lines[0], @"opencode auth: API key of groq (plain value, from global)");
}

#[test]
fn scenario_18_a_provider_without_a_variable_is_looked_for_in_the_slots_alone() {
    let text = "[opencode]\nauth_forward = \"api_key\"\nprovider = \"groq\"\n[env]\nGROQ_API_KEY = \"mine\"\n";
    let scene = scene(Agent::Opencode, text);
    assert_snapshot!(scene.failure(), @r#"
    no credential for opencode: mode api_key needs one
      opencode auth_forward = "api_key", chosen by global
      a key of groq (which no variable in [env] names) was looked for in:
        [workspaces.w.roles.r.opencode] api_key  unset
        [workspaces.w.opencode] api_key          unset
        [opencode] api_key                       unset
      give it one in ~/config.toml, or choose another mode:
        docker jackin config auth set api_key --agent opencode --from 'op://vault/item/field'
        docker jackin config auth set sync --agent opencode
    "#);
}

#[test]
fn scenario_44_a_restart_keeps_a_key_that_was_in_a_file_alone() {
    let mut scene = Scene::new(
        r#"
        [claude]
        auth_forward = "api_key"
        api_key = "claudes"
        [codex]
        auth_forward = "api_key"
        api_key = "$CODEXS"
        [opencode]
        auth_forward = "api_key"
        provider = "anthropic"
        api_key = "$OPENCODES"
        "#,
    );
    scene.agents = vec![Agent::Claude, Agent::Codex, Agent::Opencode];
    // The user's own variable, so that ours is in the file alone.
    scene.given = ["OPENAI_API_KEY".to_owned()].into();
    scene.shell = vec![
        ("CODEXS".into(), "codexs".into()),
        ("OPENCODES".into(), "opencodes".into()),
    ];
    let first = scene.prepare().unwrap();
    scene.shell.clear();
    let again = scene.prepare_again(Some(&first.payload), &first.mode_words());
    assert_eq!(again.unwrap().payload, first.payload);
    assert_eq!(
        secret_files(&first.payload),
        [
            r#".codex/auth.json {"auth_mode":"apikey","OPENAI_API_KEY":"codexs"}"#,
            r#".local/share/opencode/auth.json {"anthropic":{"type":"api","key":"opencodes"}}"#,
        ]
    );
    // Not from a payload of another mode.
    let modes = BTreeMap::from([
        ("claude", "api_key"),
        ("codex", "sync"),
        ("opencode", "sync"),
    ]);
    let modes = modes
        .into_iter()
        .map(|(agent, mode)| (agent.to_owned(), mode.to_owned()));
    let moved = scene.prepare_again(Some(&first.payload), &modes.collect());
    assert!(secret_files(&moved.unwrap().payload).is_empty());
}

#[test]
fn scenario_34_no_container_keeps_its_other_logins_by_spoiling_a_key() {
    let text = |claude: &str| {
        format!(
            "[claude]\nauth_forward = \"{claude}\"\noauth_token = \"claudes\"\n\
             [codex]\nauth_forward = \"api_key\"\napi_key = \"$KEY\"\n\
             [opencode]\nauth_forward = \"api_key\"\nprovider = \"groq\"\napi_key = \"$KEY\"\n"
        )
    };
    for spoilt in [
        "",
        "{}",
        "null",
        r#"{"OPENAI_API_KEY":" ","groq":{"key":7}}"#,
        r#"{"OPENAI_API_KEY":"\u0000","groq":{"key":"a\u0000b"}}"#,
        r#"{"OPENAI_API_KEY":"a\nb","groq":{"key":"a\r\nb"}}"#,
        &"[".repeat(60_000),
    ] {
        let mut scene = Scene::new(&text("oauth_token"));
        scene.agents = vec![Agent::Claude, Agent::Codex, Agent::Opencode];
        scene.given = ["OPENAI_API_KEY".to_owned()].into();
        scene.shell = vec![("KEY".into(), "key".into())];
        let mut last = scene.prepare().unwrap();
        assert_eq!(secret_files(&last.payload).len(), 2);
        scene.shell.clear();
        for file in &mut last.payload.files {
            if let Delivery::Bind { content } = &mut file.delivery {
                *content = Secret::new(spoilt.to_owned());
            }
        }
        // Also at a later start, when there is no file any more.
        for (claude, env) in [
            ("oauth_token", "CLAUDE_CODE_OAUTH_TOKEN=claudes"),
            ("ignore", ""),
        ] {
            fs::write(scene.home.path().join("config.toml"), text(claude)).unwrap();
            last = scene
                .prepare_again(Some(&last.payload), &last.mode_words())
                .unwrap();
            assert_eq!(env_of(&last.payload), env, "{spoilt:.40}");
            assert!(secret_files(&last.payload).is_empty(), "{spoilt:.40}");
        }
        assert_eq!(
            last.lines[1].to_string(),
            "codex auth: its key is gone from its file in the container, from global"
        );
    }
}

#[test]
fn scenario_43_a_docker_flag_gives_a_key_to_those_that_read_it_from_a_variable() {
    for agent in Agent::ALL {
        let described = agent.description();
        let text = format!("[{agent}]\nauth_forward = \"api_key\"\n");
        let mut scene = scene(agent, &text);
        scene.given = [described.key_variable.to_owned()].into();
        let prepared = scene.prepare();
        assert_eq!(prepared.is_ok(), agent.takes_key_by_variable(), "{agent}");
        let Ok(prepared) = prepared else {
            continue;
        };
        assert_eq!(env_of(&prepared.payload), "");
        assert!(secret_files(&prepared.payload).is_empty());
    }
}

#[test]
fn a_folder_is_trusted_for_its_workspace_alone_and_only_where_it_says_so() {
    let text = |trust: bool| {
        format!(
            "[claude]\nauth_forward = \"api_key\"\napi_key = \"key\"\n\
             [codex]\nauth_forward = \"api_key\"\napi_key = \"key\"\n\
             [workspaces.w]\ntrust = {trust}\nmounts = [{{ src = \"/a\", dst = \"/workspace\" }}]\n\
             [workspaces.x]\ntrust = true\nmounts = [{{ src = \"/b\", dst = \"/other\" }}]\n"
        )
    };
    for (trust, workspace, seeds) in [
        (true, Some("w"), true),
        (false, Some("w"), false),
        (true, None, false),
    ] {
        let mut scene = Scene::new(&text(trust));
        scene.agents = vec![Agent::Claude, Agent::Codex];
        scene.workspace = workspace;
        let payload = scene.prepare().unwrap().payload;
        let shown = format!("{payload:?}");
        assert_eq!(shown.contains("/work"), seeds, "{shown}");
        assert!(!shown.contains("/other"), "{shown}");
        if seeds {
            assert!(shown.contains("hasTrustDialogAccepted"));
            assert!(shown.contains("trust_level = \\\"trusted\\\""));
        }
    }
}

#[test]
fn the_folder_that_a_container_starts_in_is_trusted_with_its_workspace() {
    let mut scene = scene(Agent::Codex, "");
    let app = scene.home.path().join("src/app");
    fs::create_dir_all(&app).unwrap();
    let app = app.canonicalize().unwrap();
    let workdir = app.parent().unwrap().display();
    let text = format!(
        "[codex]\nauth_forward = \"api_key\"\napi_key = \"key\"\n\
         [workspaces.w]\nworkdir = \"{workdir}\"\ntrust = true\n\
         mounts = [{{ src = \".\", dst = \"/workspace\" }}]\n"
    );
    fs::write(scene.home.path().join("config.toml"), text).unwrap();
    for (folder, trusted) in [
        (app.as_path(), vec!["/workspace", "/workspace/app"]),
        (app.parent().unwrap(), vec!["/workspace"]),
        (std::path::Path::new("/"), vec!["/workspace"]),
    ] {
        scene.folder = folder.to_owned();
        let payload = scene.prepare().unwrap().payload;
        let said = payload
            .files
            .iter()
            .filter_map(|file| match &file.delivery {
                Delivery::AppendText { unless, .. } => Some(unless.trim_matches('"')),
                Delivery::Bind { .. } | Delivery::Live { .. } | Delivery::MergeJson { .. } => None,
            });
        assert_eq!(said.collect::<Vec<_>>(), trusted);
    }
}

#[test]
fn scenario_27_a_login_in_the_systems_keyring_says_what_to_do() {
    let scene = scene(Agent::Codex, "");
    fs::create_dir(scene.home.path().join(".codex")).unwrap();
    let settings = scene.home.path().join(".codex/config.toml");
    fs::write(settings, "cli_auth_credentials_store = \"keyring\"").unwrap();
    let prepared = scene.prepare().unwrap();
    assert_eq!(prepared.payload, Payload::default());
    let home = scene.home.path().to_str().unwrap();
    let told = prepared.warnings.join(" ").replace(home, "~");
    assert_snapshot!(told, @r#"~/.codex/config.toml has Codex keep its login in the system's keyring, which is not read (set cli_auth_credentials_store = "file" in it), so nothing is forwarded; log in with `codex login` on this host"#);
}

#[test]
fn scenario_11_an_operators_variable_does_not_outrank_a_login() {
    for (mode, delivered, warnings) in [("sync", "", 1), ("ignore", "CODEX_AUTHAPI_BASE_URL=x", 0)]
    {
        let text =
            format!("[codex]\nauth_forward = \"{mode}\"\n[env]\nCODEX_AUTHAPI_BASE_URL = \"x\"\n");
        let scene = scene(Agent::Codex, &text);
        fs::create_dir(scene.home.path().join(".codex")).unwrap();
        let login = r#"{"OPENAI_API_KEY":"key"}"#;
        fs::write(scene.home.path().join(".codex/auth.json"), login).unwrap();
        let prepared = scene.prepare().unwrap();
        assert_eq!(env_of(&prepared.payload), delivered);
        assert_eq!(prepared.warnings.len(), warnings);
        for warning in prepared.warnings {
            assert_snapshot!(warning, @r#"CODEX_AUTHAPI_BASE_URL is not delivered: it would outrank an agent's login; that agent's auth_forward = "ignore" lets it through"#);
        }
    }
}
