//! Each of jackin's forms, as it is read.

use std::fs;
use std::path::Path;

use super::*;

fn fixture(name: &str) -> Jackin {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jackin");
    read(&Folder::open(fixtures.join(name)))
}

/// A folder with these files.
fn of(files: &[(&str, &str)]) -> Jackin {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("workspaces")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    read(&Folder::open(folder.path().to_owned()))
}

fn remarks(jackin: &Jackin) -> Vec<String> {
    let remarks = jackin.remarks.iter();
    remarks
        .map(|remark| format!("{}: {}", remark.place, remark.what))
        .collect()
}

fn mode<'a>(layer: &'a Layer, agent: &str) -> Option<&'a str> {
    layer.blocks.get(agent)?.mode.as_deref()
}

#[test]
fn the_first_form_calls_roles_agents() {
    let jackin = fixture("old");
    assert_eq!(jackin.files[0].format, Format::Agents);
    assert_eq!(mode(&jackin.global, "claude"), Some("copy"));
    let role = &jackin.roles["acme/backend-dev"];
    assert_eq!(mode(&role.layer, "claude"), Some("token"));
    assert!(!role.trusted && jackin.roles["agent-smith"].trusted);
    let shop = &jackin.workspaces["shop"];
    assert_eq!(shop.default_role.as_deref(), Some("acme/backend-dev"));
    assert_eq!(shop.default_agent, None);
    assert_eq!(shop.mounts.len(), 2);
    assert!(shop.allows("agent-smith") && !shop.allows("the-architect"));
    assert!(jackin.workspaces["scratch"].allows("any"));
    let scopes: Vec<_> = jackin.mounts.iter().map(|one| one.scope.clone()).collect();
    assert_eq!(scopes, [Some("acme/*".to_owned()), None]);
    assert!(jackin.remarks.is_empty() && jackin.rest.is_empty());
}

#[test]
fn the_form_with_modes_has_its_workspaces_in_files_of_their_own() {
    let jackin = fixture("mid");
    let versions: Vec<_> = jackin
        .files
        .iter()
        .map(|file| (file.name.as_str(), file.format))
        .collect();
    assert_eq!(
        versions,
        [
            ("config.toml", Format::Modes),
            ("workspaces/shop.toml", Format::Modes)
        ]
    );
    let claude = &jackin.global.blocks["claude"];
    assert_eq!(
        claude.source_folder.as_deref(),
        Some("/home/dev/.claude-work")
    );
    let shop = &jackin.workspaces["shop"];
    assert!(matches!(shop.layer.env["DEPLOY_KEY"], EnvValue::OnDemand));
    assert!(matches!(shop.layer.env["OLD_STYLE"], EnvValue::BareOp(_)));
    assert!(
        matches!(&shop.layer.env["REGISTRY"], EnvValue::HostVariable(name) if name == "COMPANY_REGISTRY_URL")
    );
    assert_eq!(shop.default_agent.as_deref(), Some("claude"));
    assert_eq!(shop.mounts[0].isolation.as_deref(), Some("worktree"));
    assert_eq!(shop.mounts[1].isolation, None);
    assert_eq!(
        mode(&shop.roles["acme/backend-dev"], "codex"),
        Some("ignore")
    );
    assert!(jackin.remarks.is_empty());
    let rest: Vec<_> = jackin.rest.iter().map(|rest| rest.path.as_str()).collect();
    assert!(rest.contains(&"docker.grants.memory") && rest.contains(&"keep_awake.enabled"));
}

#[test]
fn the_newest_form_has_accounts() {
    let jackin = fixture("new");
    assert!(jackin.has_accounts);
    assert!(!jackin.accounts["amp-old"].enabled);
    assert!(jackin.accounts["zai"].base_url);
    assert!(matches!(
        &jackin.accounts["claude-token"].credential,
        Credential::OauthToken(EnvValue::Op { account: Some(account), .. }) if account.starts_with("HOME")
    ));
    let shop = &jackin.workspaces["shop"];
    assert_eq!(shop.accounts.as_ref().unwrap().len(), 3);
    assert_eq!(shop.roles["acme/backend-dev"].bindings["claude"], "zai");
    assert_eq!(jackin.global.bindings["codex"], "openai-api");
    assert!(jackin.remarks.is_empty());
}

#[test]
fn a_version_that_is_unknown_or_none_is_told_and_the_rest_is_read() {
    for (text, remark) in [
        ("[env]\nA = \"1\"\n", None),
        ("[env]\nA = \"1\"\n[x]\nversion = 1\n", None),
        ("env = { A = \"1\" }\nversion = \"v1alpha1\"\n", None),
        (
            "version = \"v1alpha99\"\n[env]\nA = \"1\"\n",
            Some("config.toml:1: a version that is not known here; read as far as it is known"),
        ),
        (
            "version = 7\n[env]\nA = \"1\"\n",
            Some("config.toml:1: the version is no text; read as far as it is known"),
        ),
    ] {
        let jackin = of(&[("config.toml", text)]);
        assert!(jackin.global.env.contains_key("A"), "{text}");
        assert_eq!(remarks(&jackin), Vec::from_iter(remark), "{text}");
    }
}

#[test]
fn a_workspace_s_account_is_for_references_without_one() {
    let text = "version = \"v1alpha4\"\nop_account = \"ACCT\"\n\
                env = { A = { op = \"op://v/i/f\" }, B = { op = \"op://v/i/f\", account = \"OTHER\" } }\n\
                [roles.r.github.env]\nGH_TOKEN = { op = \"op://v/i/g\", path = \"V/I/G\" }\n";
    let jackin = of(&[("workspaces/w.toml", text)]);
    let account = |value: &EnvValue| match value {
        EnvValue::Op { account, .. } => account.clone().unwrap(),
        _ => panic!("it is a reference"),
    };
    let workspace = &jackin.workspaces["w"];
    assert_eq!(account(&workspace.layer.env["A"]), "ACCT");
    assert_eq!(account(&workspace.layer.env["B"]), "OTHER");
    let github = workspace.roles["r"].github.as_ref().unwrap();
    assert_eq!(account(&github.env["GH_TOKEN"]), "ACCT");
}

#[test]
fn a_workspace_in_the_file_for_all_is_read_in_its_own_form() {
    let text = "version = \"v1alpha12\"\n[workspaces.x]\nworkdir = \"/x\"\n\
                [workspaces.x.roles.r.codex]\nauth_forward = \"api_key\"\n";
    let jackin = of(&[("config.toml", text)]);
    assert!(jackin.has_accounts);
    let workspace = &jackin.workspaces["x"];
    assert_eq!(workspace.format, Format::Modes);
    assert_eq!(mode(&workspace.roles["r"], "codex"), Some("api_key"));
}

#[test]
fn a_file_of_its_own_comes_before_the_table_in_the_file_for_all() {
    let jackin = of(&[
        (
            "config.toml",
            "[workspaces.w]\nworkdir = \"/old\"\nkeep_awake = { enabled = true }\n",
        ),
        ("workspaces/w.toml", "workdir = \"/new\"\n"),
    ]);
    assert_eq!(jackin.workspaces["w"].workdir.as_deref(), Some("/new"));
    assert_eq!(
        remarks(&jackin),
        ["config.toml: [workspaces.w] gives way to workspaces/w.toml"]
    );
    assert!(jackin.rest.is_empty());
}

#[test]
fn a_broken_file_does_not_stop_the_others_and_is_not_quoted() {
    let jackin = of(&[
        ("config.toml", "\u{feff}[env]\r\nA = \"1\"\r\n"),
        (
            "workspaces/bad.toml",
            "workdir = \"/x\"\n[env]\nK = \"canary\n",
        ),
        ("workspaces/good.toml", "workdir = \"/good\"\n"),
        ("workspaces/readme.md", "not read"),
        ("workspaces/good.toml.tmp.123.0", "half"),
        ("workspaces/My Shop.v2.toml", "workdir = \"/shop\"\n"),
    ]);
    assert!(jackin.global.env.contains_key("A"));
    let names: Vec<_> = jackin.workspaces.keys().collect();
    assert_eq!(names, ["My Shop.v2", "good"]);
    let [remark] = &remarks(&jackin)[..] else {
        panic!("{:?}", remarks(&jackin))
    };
    assert!(
        remark.starts_with("workspaces/bad.toml:3: no TOML"),
        "{remark}"
    );
    assert!(!remark.contains("canary") && !format!("{jackin:?}").contains("canary"));
}

#[test]
fn a_scope_of_mounts_may_hold_one_that_is_called_src() {
    let text = "[docker.mounts.src]\nsrc = { src = \"/a\", dst = \"/b\" }\n\
                [docker.mounts]\nplain = { src = \"/c\", dst = \"/d\", isolation = \"shared\" }\n";
    let jackin = of(&[("config.toml", text)]);
    let mounts: Vec<_> = jackin
        .mounts
        .iter()
        .map(|one| {
            (
                one.scope.as_deref(),
                one.name.as_str(),
                one.mount.src.as_str(),
            )
        })
        .collect();
    assert_eq!(mounts, [(None, "plain", "/c"), (Some("src"), "src", "/a")]);
}

#[test]
fn the_token_s_slot_of_a_while_is_read_and_what_is_no_text_is_told() {
    let text = "[claude]\nauth_forward = \"oauth_token\"\noauth_token = { op = \"op://v/i/f\" }\n\
                spelled = 1\n[env]\nPORT = 3000\n";
    let jackin = of(&[("config.toml", text)]);
    assert!(jackin.global.blocks["claude"].oauth_token.is_some());
    assert_eq!(
        remarks(&jackin),
        [
            "config.toml:6: PORT is no text, and is left out",
            "config.toml:4: spelled means nothing in [claude]"
        ]
    );
}

#[test]
fn what_is_no_small_regular_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("config.toml")).unwrap();
    fs::create_dir_all(folder.path().join("workspaces")).unwrap();
    fs::write(
        folder.path().join("workspaces/big.toml"),
        vec![b'#'; (1 << 20) + 1],
    )
    .unwrap();
    fs::write(folder.path().join("config.publish.journal"), "").unwrap();
    let read_folder = Folder::open(folder.path().to_owned());
    assert!(read_folder.is_empty());
    assert_eq!(
        read_folder.remarks().len(),
        3,
        "{:?}",
        read_folder.remarks()
    );
    assert!(
        Folder::open(folder.path().join("none"))
            .remarks()
            .is_empty()
    );
}

#[test]
fn a_stamp_is_a_day_and_nothing_else() {
    let state = tempfile::tempdir().unwrap();
    let stamps = state.path().join("cache/claude-token-expiry");
    fs::create_dir_all(&stamps).unwrap();
    fs::write(stamps.join("a"), "2027-03-01\n").unwrap();
    fs::write(stamps.join("b"), "canary").unwrap();
    assert_eq!(stamp(state.path(), "a").as_deref(), Some("2027-03-01"));
    for none in ["b", "c", "../../x", ""] {
        assert_eq!(stamp(state.path(), none), None, "{none}");
    }
}
