//! `docker jackin import`: jackin's configurations of every form, taken over
//! into an empty configuration and into one that has something to say.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use insta::assert_snapshot;
use serde_json::Value;

use crate::config_scene::{said, said_as_json, text};
use crate::environment::TestEnvironment;
use crate::terminal::Terminal;

/// A machine with a configuration of jackin's.
fn machine(files: &[(&str, &str)]) -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    for (name, text) in files {
        environment.write(&format!(".config/jackin/{name}"), text);
    }
    environment
}

/// The same with one that is kept for tests.
fn fixture(name: &str) -> TestEnvironment {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jackin");
    let environment = TestEnvironment::new("1.45");
    for file in ["config.toml", "workspaces/shop.toml"] {
        if let Ok(text) = fs::read_to_string(fixtures.join(name).join(file)) {
            environment.write(&format!(".config/jackin/{file}"), &text);
        }
    }
    environment
}

/// Our configuration, wherever the home is.
fn ours(environment: &TestEnvironment) -> String {
    text(environment).replace(environment.home().to_str().unwrap(), "$HOME")
}

fn is_untouched(environment: &TestEnvironment) -> bool {
    !environment.home().join(".docker").exists()
}

/// The settings of a report, as `table.key`.
fn settings(report: &Value, standing: &str) -> Vec<String> {
    let changes = report["changes"].as_array().unwrap().iter();
    changes
        .filter(|change| change["standing"] == standing)
        .map(|change| {
            let table = change["table"].as_array().unwrap().iter();
            let names = table
                .chain([&change["key"]])
                .map(|name| name.as_str().unwrap());
            names.collect::<Vec<_>>().join(".")
        })
        .collect()
}

#[test]
fn the_first_form_is_taken_over() {
    let environment = fixture("old");
    assert_snapshot!(said(&environment, "import --yes"), @r#"
    from $HOME/.config/jackin
      config.toml (no version, with roles called agents)
    into $HOME/.docker/jackin/config.toml

    taken over:
      [claude]
        auth_forward = "sync"
      [env]
        BANNER = plain value
        EDITOR = $EDITOR
        NPM_TOKEN = op://Private/npm/token
        TEAM = plain value
      [roles.agent-smith]
        image = "docker.io/projectjackin/jackin-agent-smith:latest"
        agents = ["claude"]
      [workspaces.scratch]
        mounts = $HOME/.gradle/caches:/home/agent/.gradle/caches:ro
      [workspaces.scratch.roles.acme-backend-dev.claude]
        auth_forward = "oauth_token"
        oauth_token = $ACME_CLAUDE_TOKEN
      [workspaces.shop]
        workdir = "/home/dev/src/shop"
        mounts = /home/dev/src/shop:/home/dev/src/shop, /home/dev/cache:/cache:ro, $HOME/.gradle/caches:/home/agent/.gradle/caches:ro
      [workspaces.shop.roles.acme-backend-dev.claude]
        auth_forward = "oauth_token"
        oauth_token = $ACME_CLAUDE_TOKEN

    taken over as something else:
    ! [roles] acme/backend-dev claude: stands in each workspace of the role; outside of them the general mode holds, which is sync
      role acme/backend-dev: is called acme-backend-dev here: a name has letters, digits, `_`, `.` and `-`
      [env] NPM_TOKEN: jackin passed this reference on as text; here 1Password is asked for it
      [roles] agent-smith: starts docker.io/projectjackin/jackin-agent-smith:latest as it is published: the agents must be in that image
      docker.mounts.gradle-cache: is at /home/agent/.gradle/caches here, where agents have their home today
      docker.mounts.gradle-cache: stands in workspace scratch
      docker.mounts.gradle-cache: stands in workspace shop
      [claude] auth_forward (config.toml:2): was called copy once, and is sync today
      [workspaces.scratch.roles.acme-backend-dev.claude] auth_forward (config.toml:18): was called token once, and is oauth_token today
      [workspaces.shop.roles.acme-backend-dev.claude] auth_forward (config.toml:18): was called token once, and is oauth_token today

    not taken over:
    ! workspace shop allowed_roles: any role can be started in a workspace here, and then has its logins and mounts
      [roles] acme/backend-dev: jackin was not told to trust it, and so its image is not taken; add it, and import again: docker jackin role add acme-backend-dev --image IMAGE
      docker.mounts.acme-certs: not in workspace scratch: it is for some roles only, and a mount is for all roles of a workspace here
      workspace scratch workdir: no mount of it shows a folder of the host, so no folder is known to be this workspace's
      docker.mounts.acme-certs: not in workspace shop: it is for some roles only, and a mount is for all roles of a workspace here
      workspace shop default_role: a role is named at the start: docker jackin run --workspace shop acme-backend-dev

    14 settings taken over into $HOME/.docker/jackin/config.toml
      see them: docker jackin config check
      and the logins: docker jackin config auth show
    [0]
    "#);
    assert_snapshot!(ours(&environment), @r#"
    [claude]
    auth_forward = "sync"

    [env]
    BANNER = "hello ${USER}"
    EDITOR = "$EDITOR"
    NPM_TOKEN = "op://Private/npm/token"
    TEAM = "platform"

    [roles.agent-smith]
    image = "docker.io/projectjackin/jackin-agent-smith:latest"
    agents = ["claude"]

    [workspaces.scratch]
    mounts = [{ src = "$HOME/.gradle/caches", dst = "/home/agent/.gradle/caches", readonly = true }]

    [workspaces.scratch.roles.acme-backend-dev.claude]
    auth_forward = "oauth_token"
    oauth_token = "$ACME_CLAUDE_TOKEN"

    [workspaces.shop]
    workdir = "/home/dev/src/shop"
    mounts = [{ src = "/home/dev/src/shop", dst = "/home/dev/src/shop" }, { src = "/home/dev/cache", dst = "/cache", readonly = true }, { src = "$HOME/.gradle/caches", dst = "/home/agent/.gradle/caches", readonly = true }]

    [workspaces.shop.roles.acme-backend-dev.claude]
    auth_forward = "oauth_token"
    oauth_token = "$ACME_CLAUDE_TOKEN"
    "#);
}

#[test]
fn the_form_with_modes_is_taken_over() {
    let environment = fixture("mid");
    environment.write(".jackin/cache/claude-token-expiry/shop", "2027-03-01\n");
    assert_snapshot!(said(&environment, "import --yes"), @r#"
    from $HOME/.config/jackin
      config.toml (v1alpha7, with auth_forward)
      workspaces/shop.toml (v1alpha7, with auth_forward)
    into $HOME/.docker/jackin/config.toml

    taken over:
      [amp]
        auth_forward = "ignore"
      [claude]
        auth_forward = "ignore"
      [codex]
        auth_forward = "api_key"
        api_key = op://vlt00000000000000000000001/itm00000000000000000000001/fld01 in account WORKACCT000000000000000001
      [env]
        COMPANY = plain value
        HTTP_PROXY = $HTTP_PROXY
      [roles.agent-smith]
        image = "docker.io/projectjackin/jackin-agent-smith:latest"
        agents = ["claude"]
      [roles.the-architect]
        image = "docker.io/projectjackin/jackin-the-architect:latest"
        agents = ["claude"]
      [workspaces.shop]
        workdir = "/home/dev/src/shop"
        mounts = /home/dev/src/shop:/workspace/shop:ro, /home/dev/docs:/workspace/docs:ro, $HOME/.gradle/caches:/home/agent/.gradle/caches:ro
      [workspaces.shop.claude]
        auth_forward = "oauth_token"
        oauth_token = op://vlt00000000000000000000002/itm00000000000000000000002/fld02 in account HOMEACCT000000000000000001
      [workspaces.shop.env]
        GH_HOST = plain value
        GH_TOKEN = op://vlt00000000000000000000001/itm00000000000000000000003/fld03
        OLD_STYLE = op://Work/legacy/token
        REGISTRY = $COMPANY_REGISTRY_URL
      [workspaces.shop.roles.acme-backend-dev.claude]
        auth_forward = "api_key"
        api_key = $ACME_ANTHROPIC_KEY
      [workspaces.shop.roles.acme-backend-dev.codex]
        auth_forward = "ignore"
      [workspaces.shop.roles.agent-smith.env]
        GH_HOST = nothing
        GH_TOKEN = nothing

    taken over as something else:
    ! workspace shop mount /workspace/shop: read-only here: agents wrote to a copy of /home/dev/src/shop, and there are no copies here
      role acme/backend-dev: is called acme-backend-dev here: a name has letters, digits, `_`, `.` and `-`
      [workspaces.shop.env] OLD_STYLE: jackin passed this reference on as text; here 1Password is asked for it
      [workspaces.shop.github.env] GH_HOST: is a variable of [workspaces.shop.env] here
      [workspaces.shop.github.env] GH_TOKEN: is a variable of [workspaces.shop.env] here
      [roles] agent-smith: starts docker.io/projectjackin/jackin-agent-smith:latest as it is published: the agents must be in that image
      [roles] the-architect: starts docker.io/projectjackin/jackin-the-architect:latest as it is published: the agents must be in that image
      docker.mounts.gradle-cache: stands in workspace shop
      workspace shop workdir: is the host's folder here: /home/dev/src/shop
      [claude] login in /home/dev/.claude-work: ignore, since it is another login than the one that is synced here; that one would be it with CLAUDE_CONFIG_DIR set at the launch
      [workspaces.shop.roles.acme-backend-dev.env] ANTHROPIC_API_KEY: is api_key of [workspaces.shop.roles.acme-backend-dev.claude] here
      [workspaces.shop.env] CLAUDE_CODE_OAUTH_TOKEN: is oauth_token of [workspaces.shop.claude] here
      [env] OPENAI_API_KEY: is api_key of [codex] here
      [workspaces.shop.roles.agent-smith.env] GH_HOST: is set to nothing, so that a wider scope's does not take its place
      [workspaces.shop.roles.agent-smith.env] GH_TOKEN: is set to nothing, so that a wider scope's does not take its place

    not taken over:
    ! workspace shop allowed_roles: any role can be started in a workspace here, and then has its logins and mounts
    ! workspace shop docker.grants.allowed_hosts: containers reach every address here; a network of docker's can bound them: run = ["--network=NAME"]
    ! workspace shop docker.profile: what the profile "hardened" kept from agents is not kept from them here; a role's run flags can bound them: run = ["--read-only", "--cap-drop=ALL"]
      [workspaces.shop.env] DEPLOY_KEY: jackin asked at every use, and gave it to no container by itself; there is nothing like it here
      [github]: the host's login of gh is not forwarded here; give a token: docker jackin config env set GH_TOKEN SOURCE
      [roles] acme/backend-dev: jackin builds its image, and publishes none that is known here; add it, and import again: docker jackin role add acme-backend-dev --image IMAGE
      docker.mounts.acme-certs: not in workspace shop: it is for some roles only, and a mount is for all roles of a workspace here
      workspace shop default_role: a role is named at the start: docker jackin run --workspace shop acme-backend-dev
      workspace shop default_agent: the role's first agent is started, unless another one is named
      expiry of the token of workspace shop: jackin expects it on 2027-03-01; see docker jackin workspace claude-token doctor shop
      docker.grants.dind: no docker is given to containers here
      docker.grants.memory: limits are flags of docker run, which a role can have: run = ["--memory=4g"]
      docker.profile: there are no profiles here
      dirty_exit_policy: containers work on your own folders here, and nothing is lost at the end
      git: commits are left alone here
      role_repo_refresh_ttl_seconds: no repositories are fetched here
      runtime: the engine that docker is set to is used
      workspace shop git_pull_on_entry: nothing is pulled at the start
      workspace shop keep_awake: the machine's sleep is left alone
      [roles.acme-backend-dev.env] LOG_LEVEL: goes with its role, which is not taken over

    23 settings taken over into $HOME/.docker/jackin/config.toml
      see them: docker jackin config check
      and the logins: docker jackin config auth show
    [0]
    "#);
}

#[test]
fn the_form_with_modes_becomes_a_configuration_of_ours() {
    let environment = fixture("mid");
    assert!(said(&environment, "import --yes").ends_with("[0]"));
    assert_snapshot!(ours(&environment), @r#"
    [amp]
    auth_forward = "ignore"

    [claude]
    auth_forward = "ignore"

    [codex]
    auth_forward = "api_key"
    api_key = { op = "op://vlt00000000000000000000001/itm00000000000000000000001/fld01", account = "WORKACCT000000000000000001" }

    [env]
    COMPANY = "acme"
    HTTP_PROXY = "$HTTP_PROXY"

    [roles.agent-smith]
    image = "docker.io/projectjackin/jackin-agent-smith:latest"
    agents = ["claude"]

    [roles.the-architect]
    image = "docker.io/projectjackin/jackin-the-architect:latest"
    agents = ["claude"]

    [workspaces.shop]
    workdir = "/home/dev/src/shop"
    mounts = [{ src = "/home/dev/src/shop", dst = "/workspace/shop", readonly = true }, { src = "/home/dev/docs", dst = "/workspace/docs", readonly = true }, { src = "$HOME/.gradle/caches", dst = "/home/agent/.gradle/caches", readonly = true }]

    [workspaces.shop.claude]
    auth_forward = "oauth_token"
    oauth_token = { op = "op://vlt00000000000000000000002/itm00000000000000000000002/fld02", account = "HOMEACCT000000000000000001" }

    [workspaces.shop.env]
    GH_HOST = "ghe.acme.example"
    GH_TOKEN = "op://vlt00000000000000000000001/itm00000000000000000000003/fld03"
    OLD_STYLE = "op://Work/legacy/token"
    REGISTRY = "$COMPANY_REGISTRY_URL"

    [workspaces.shop.roles.acme-backend-dev.claude]
    auth_forward = "api_key"
    api_key = "$ACME_ANTHROPIC_KEY"

    [workspaces.shop.roles.acme-backend-dev.codex]
    auth_forward = "ignore"

    [workspaces.shop.roles.agent-smith.env]
    GH_HOST = ""
    GH_TOKEN = ""
    "#);
}

#[test]
fn the_newest_form_is_taken_over() {
    let environment = fixture("new");
    assert_snapshot!(said(&environment, "import --yes"), @r#"
    from $HOME/.config/jackin
      config.toml (v1alpha13, with accounts)
      workspaces/shop.toml (v1alpha11, with accounts)
    into $HOME/.docker/jackin/config.toml

    taken over:
      [env]
        COMPANY = plain value
        NPM_TOKEN = op://vlt00000000000000000000001/itm00000000000000000000004/fld04
      [roles.agent-smith]
        image = "docker.io/projectjackin/jackin-agent-smith:latest"
        agents = ["claude"]
      [workspaces.shop]
        workdir = "/home/dev/src/shop"
        mounts = /home/dev/src/shop:/workspace/shop:ro, /home/dev/.gradle/caches:/home/agent/.gradle/caches:ro
      [workspaces.shop.amp]
        auth_forward = "ignore"
      [workspaces.shop.claude]
        auth_forward = "oauth_token"
        oauth_token = op://vlt00000000000000000000002/itm00000000000000000000002/fld02 in account HOMEACCT000000000000000001
      [workspaces.shop.codex]
        auth_forward = "ignore"
      [workspaces.shop.env]
        REGISTRY = $COMPANY_REGISTRY_URL
      [workspaces.shop.opencode]
        auth_forward = "ignore"
      [workspaces.shop.roles.acme-backend-dev.claude]
        auth_forward = "ignore"
      [workspaces.shop.roles.acme-backend-dev.env]
        LOG_LEVEL = plain value

    taken over as something else:
    ! workspace shop mount /workspace/shop: read-only here: agents wrote to a copy of /home/dev/src/shop, and there are no copies here
      role acme/backend-dev: is called acme-backend-dev here: a name has letters, digits, `_`, `.` and `-`
      [roles] agent-smith: starts docker.io/projectjackin/jackin-agent-smith:latest as it is published: the agents must be in that image
      docker.mounts.gradle-cache: stands in workspace shop
      workspace shop workdir: is the host's folder here: /home/dev/src/shop
      account claude-token: is oauth_token in [workspaces.shop.claude] here
      accounts: are what each workspace says about its agents here; outside of workspaces nothing is set, and the host's logins are forwarded: docker jackin config auth set ignore

    not taken over:
    ! workspace shop allowed_roles: any role can be started in a workspace here, and then has its logins and mounts
      [roles] acme/backend-dev: jackin was not told to trust it, and so its image is not taken; add it, and import again: docker jackin role add acme-backend-dev --image IMAGE
      workspace shop default_role: a role is named at the start: docker jackin run --workspace shop acme-backend-dev
      workspace shop default_agent: the role's first agent is started, unless another one is named
      [workspaces.shop.roles.acme-backend-dev.claude]: account zai: claude is given no key of zai here; ignore instead
      [workspaces.shop.codex]: account zai: codex is given no key of zai here; ignore instead
      [workspaces.shop.opencode]: account zai: opencode is given no key of zai here; ignore instead
      account amp-old: is switched off
      account openai-api: no workspace may use it, and it is for nothing else
      agent_configurations: a launch names its role, and its configuration the logins
      default_launch: a launch names its role, and its configuration the logins
      telemetry: nothing is reported anywhere here
      workspace shop dirty_exit_policy: containers work on your own folders here, and nothing is lost at the end
      workspace shop runtime: the engine that docker is set to is used

    14 settings taken over into $HOME/.docker/jackin/config.toml
      see them: docker jackin config check
      and the logins: docker jackin config auth show
    [0]
    "#);
    assert_snapshot!(ours(&environment), @r#"
    [env]
    COMPANY = "acme"
    NPM_TOKEN = "op://vlt00000000000000000000001/itm00000000000000000000004/fld04"

    [roles.agent-smith]
    image = "docker.io/projectjackin/jackin-agent-smith:latest"
    agents = ["claude"]

    [workspaces.shop]
    workdir = "/home/dev/src/shop"
    mounts = [{ src = "/home/dev/src/shop", dst = "/workspace/shop", readonly = true }, { src = "/home/dev/.gradle/caches", dst = "/home/agent/.gradle/caches", readonly = true }]

    [workspaces.shop.amp]
    auth_forward = "ignore"

    [workspaces.shop.claude]
    auth_forward = "oauth_token"
    oauth_token = { op = "op://vlt00000000000000000000002/itm00000000000000000000002/fld02", account = "HOMEACCT000000000000000001" }

    [workspaces.shop.codex]
    auth_forward = "ignore"

    [workspaces.shop.env]
    REGISTRY = "$COMPANY_REGISTRY_URL"

    [workspaces.shop.opencode]
    auth_forward = "ignore"

    [workspaces.shop.roles.acme-backend-dev.claude]
    auth_forward = "ignore"

    [workspaces.shop.roles.acme-backend-dev.env]
    LOG_LEVEL = "trace"
    "#);
}

#[test]
fn what_was_taken_over_is_in_order_and_a_second_import_has_nothing_to_do() {
    for name in ["old", "mid", "new"] {
        let environment = fixture(name);
        assert!(
            said(&environment, "import --yes").ends_with("[0]"),
            "{name}"
        );
        let before = text(&environment);
        let again = said(&environment, "import --yes");
        assert!(
            again.ends_with("nothing to do: all of it is there\n[0]"),
            "{again}"
        );
        assert_eq!(text(&environment), before, "{name}");
        for line in ["config check", "config auth show", "config env list"] {
            assert!(said(&environment, line).ends_with("[0]"), "{name}: {line}");
        }
    }
}

#[test]
fn a_mode_holds_in_the_scope_that_it_was_set_in() {
    let environment = fixture("mid");
    assert!(said(&environment, "import --yes").ends_with("[0]"));
    let line = "role add acme-backend-dev --image acme/backend:1 --agent claude --agent codex";
    assert!(said(&environment, line).ends_with("[0]"));
    // With the role there, its own variables are taken over as well.
    let again = said_as_json(&environment, "import --yes --format json");
    assert_eq!(
        settings(&again, "new"),
        ["roles.acme-backend-dev.env.LOG_LEVEL"]
    );
    let line = "config auth show --workspace shop --role acme-backend-dev";
    assert_snapshot!(said(&environment, line), @r"
    role acme-backend-dev, workspace shop
      claude  api_key  from workspace shop × role acme-backend-dev
              $ACME_ANTHROPIC_KEY, from workspace shop × role acme-backend-dev: cannot be read, $ACME_ANTHROPIC_KEY is not set in the environment of this command
      codex   ignore   from workspace shop × role acme-backend-dev
    [0]
    ");
    let line = "config auth show --workspace shop --role agent-smith";
    assert_snapshot!(said(&environment, line), @r"
    role agent-smith, workspace shop
      claude  oauth_token  from workspace shop
              op://vlt00000000000000000000002/itm00000000000000000000002/fld02 in account HOMEACCT000000000000000001, from workspace shop: not asked, --resolve reads it
    [0]
    ");
}

#[test]
fn a_dry_run_shows_all_of_it_and_changes_nothing() {
    let environment = fixture("mid");
    let shown = said(&environment, "import --dry-run");
    assert!(shown.contains("auth_forward = \"oauth_token\""), "{shown}");
    assert!(
        shown.ends_with("nothing is changed; 23 settings would be set\n[0]"),
        "{shown}"
    );
    assert!(is_untouched(&environment));
    let report = said_as_json(&environment, "import --dry-run --format json");
    assert_eq!(report["applied"], false);
    assert!(is_untouched(&environment));
}

#[test]
fn without_a_terminal_somebody_must_have_said_yes() {
    let environment = fixture("mid");
    assert_snapshot!(said(&environment, "import"), @r"
    docker-jackin: an import would change the configuration, and there is no terminal to ask on
      see what it would do: docker jackin import --dry-run
      or let it do so: docker jackin import --yes
    [2]
    ");
    assert!(is_untouched(&environment));
}

#[test]
fn on_a_terminal_it_is_asked_after_it_was_shown() {
    for (answer, code) in [(&b"\n"[..], 1), (b"n\n", 1), (b"y\n", 0)] {
        let environment = fixture("mid");
        let mut terminal = Terminal::new();
        let mut child = terminal.start(&environment, &["import"]);
        terminal.wait_for("Take this over? [y/N] ");
        assert!(
            terminal.seen.contains("kept from agents"),
            "{}",
            terminal.seen
        );
        assert!(is_untouched(&environment));
        terminal.person.write_all(answer).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(is_untouched(&environment), code == 1);
    }
}

#[test]
fn a_literal_is_never_shown_and_goes_into_a_file_of_its_owner_s_alone() {
    let files = [
        (
            "config.toml",
            "[env]\nA = \"canary-1\"\nB = \"$canary-2\"\nC = \"cmd:canary-3\"\nD = \"op://canary-4\"\n\
             DOCKER_JACKIN_X = \"canary-5\"\nE = [\"canary-6\"]\n\
             [claude]\nauth_forward = \"api_key\"\n[claude.canary]\nx = \"canary-7\"\n\
             [docker]\nprofile = \"canary-8-1234567890\"\n[github]\nauth_forward = \"token\"\n\
             env = { GH_TOKEN = \"canary-9\" }\n[roles.r]\ngit = \"https://me:canary-10@host/r.git\"\n",
        ),
        (
            "workspaces/w.toml",
            "workdir = \"/w\"\n[claude]\nauth_forward = \"canary-11\"\n[env]\n\
             ANTHROPIC_API_KEY = \"canary-12\"\n[roles.r.env]\nANTHROPIC_API_KEY = \"canary-13\"\n",
        ),
        ("workspaces/broken.toml", "[env]\nX = \"canary-14\n"),
    ];
    for line in [
        "import --dry-run",
        "import --dry-run --format json",
        "import --yes",
        "import --yes",
        "import --yes --force --format json",
    ] {
        let environment = machine(&files);
        let shown = said(&environment, line);
        assert!(shown.ends_with("[0]"), "{shown}");
        assert!(shown.contains("plain value"), "{shown}");
        assert!(
            !shown.replace("[claude] canary", "").contains("canary-"),
            "{shown}"
        );
    }
    let environment = machine(&files);
    assert!(said(&environment, "import --yes").ends_with("[0]"));
    let file = environment.home().join(".docker/jackin/config.toml");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = text(&environment);
    for (canary, taken) in [
        ("A = \"canary-1\"", true),
        ("B = \"$$canary-2\"", true),
        ("canary-3", false),
        ("canary-4", false),
        ("canary-5", false),
        ("GH_TOKEN = \"canary-9\"", true),
    ] {
        assert_eq!(text.contains(canary), taken, "{canary}: {text}");
    }
}

#[test]
fn a_file_that_others_can_read_is_given_no_literal() {
    let environment = machine(&[("config.toml", "[env]\nA = \"canary\"\n")]);
    environment.configure("[claude]\nauth_forward = \"sync\"\n");
    let file = environment.home().join(".docker/jackin/config.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = said(&environment, "import --yes");
    assert!(
        shown.contains("chmod 600") && shown.ends_with("[1]"),
        "{shown}"
    );
    assert!(!shown.contains("canary") && !text(&environment).contains("canary"));
}

#[test]
fn what_is_there_stays_unless_it_is_forced() {
    let environment = fixture("mid");
    environment.configure(
        "# mine\n[claude]\nauth_forward = \"sync\" # my login\n[env]\nCOMPANY = \"mine\"\n\
         [workspaces.shop]\nworkdir = \"/home/dev/src/shop/\"\n\
         [workspaces.shop.claude]\nauth_forward = \"ignore\"\n",
    );
    let report = said_as_json(&environment, "import --yes --format json");
    assert_eq!(
        settings(&report, "kept"),
        [
            "claude.auth_forward",
            "env.COMPANY",
            "workspaces.shop.claude.auth_forward",
            "workspaces.shop.claude.oauth_token"
        ]
    );
    let now = text(&environment);
    assert!(
        now.starts_with("# mine\n[claude]\nauth_forward = \"sync\" # my login\n"),
        "{now}"
    );
    assert!(
        now.contains("COMPANY = \"mine\"") && now.contains("HTTP_PROXY"),
        "{now}"
    );
    assert!(said(&environment, "import --yes").ends_with("nothing to do: all of it is there\n[0]"));
    let report = said_as_json(&environment, "import --yes --force --format json");
    assert_eq!(settings(&report, "replaced").len(), 4);
    let now = text(&environment);
    assert!(
        now.starts_with("# mine\n[claude]\nauth_forward = \"ignore\" # my login\n"),
        "{now}"
    );
    assert!(now.contains("COMPANY = \"acme\""), "{now}");
}

#[test]
fn a_workspace_of_the_same_name_for_another_folder_is_given_nothing() {
    let environment = fixture("mid");
    let other = "[workspaces.shop]\nworkdir = \"/home/dev/other\"\n";
    environment.configure(other);
    let report = said_as_json(&environment, "import --yes --format json");
    let new = settings(&report, "new");
    assert!(
        new.iter()
            .all(|setting| !setting.starts_with("workspaces.")),
        "{new:?}"
    );
    assert!(!text(&environment).contains("GH_TOKEN"));
}

#[test]
fn the_folder_is_the_one_that_is_named_else_jackin_s_own() {
    let environment = machine(&[("config.toml", "env = { A = \"$HOMES\" }")])
        .variable("JACKIN_CONFIG_DIR", "elsewhere");
    assert_snapshot!(said(&environment, "import --dry-run"), @r"
    docker-jackin: there is no configuration of jackin's in $HOME/elsewhere
      name its folder: docker jackin import FOLDER
    [1]
    ");
    environment.write("elsewhere/config.toml", "env = { A = \"$ELSEWHERE\" }");
    environment.write(
        "named/workspaces/w.toml",
        "workdir = \"/w\"\nenv = { A = \"$NAMED\" }",
    );
    assert!(said(&environment, "import --dry-run").contains("A = $ELSEWHERE"));
    std::os::unix::fs::symlink("named", environment.home().join("linked")).unwrap();
    for folder in ["named", "linked"] {
        let shown = said(&environment, &format!("import {folder} --dry-run"));
        assert!(shown.contains("A = $NAMED"), "{shown}");
    }
}

#[test]
fn a_configuration_that_is_broken_as_a_whole_is_an_error() {
    let environment = machine(&[("config.toml", "[env\nA = \"canary\"\n")]);
    let shown = said(&environment, "import --yes");
    assert!(shown.contains("config.toml:1: no TOML"), "{shown}");
    assert!(
        shown.ends_with("[1]") && !shown.contains("canary"),
        "{shown}"
    );
    assert!(is_untouched(&environment));
}

#[test]
fn nothing_of_jackin_s_is_changed() {
    let environment = fixture("new");
    let folder = environment.home().join(".config/jackin");
    let listing = || {
        let all = ["", "workspaces"].into_iter().flat_map(|below| {
            fs::read_dir(folder.join(below)).unwrap().map(|entry| {
                let entry = entry.unwrap();
                let changed = entry.metadata().unwrap().modified().unwrap();
                (entry.path(), changed)
            })
        });
        let mut all: Vec<_> = all.collect();
        all.sort();
        all
    };
    let before = listing();
    assert!(said(&environment, "import --yes").ends_with("[0]"));
    assert_eq!(listing(), before);
}

#[test]
fn a_trusted_role_starts_what_its_repository_publishes() {
    let environment = machine(&[(
        "config.toml",
        "[roles.\"acme/web\"]\ngit = \"x\"\ntrusted = true\n[roles.\"acme/web\".env]\nMINE = \"$MINE\"\n\
         [roles.\"evil/web\"]\ngit = \"x\"\n",
    )]);
    let manifest = "version = \"v1alpha7\"\ndockerfile = \"Dockerfile\"\n\
        published_image = \"docker.io/acme/web:latest\"\nagents = [\"claude\", \"codex\", \"kimi\"]\n\
        [env.MINE]\ndefault = \"theirs\"\n[env.THEIRS]\ndefault = \"$HOME\"\n\
        [env.EVIL]\ndefault = \"cmd:reboot\"\n[env.ASK]\ninteractive = true\n";
    for role in ["acme", "evil"] {
        environment.write(
            &format!(".jackin/roles/{role}/web/jackin.role.toml"),
            manifest,
        );
    }
    let shown = said(&environment, "import --yes");
    assert!(
        shown.contains("not told to trust it") && shown.contains("ASK"),
        "{shown}"
    );
    assert_snapshot!(ours(&environment), @r#"
    [roles.acme-web]
    image = "docker.io/acme/web:latest"
    agents = ["claude", "codex"]

    [roles.acme-web.env]
    MINE = "$MINE"
    THEIRS = "$$HOME"
    "#);
}

#[test]
fn a_credential_moves_to_its_slot_only_where_its_rank_stays_the_same() {
    // The role's key comes before that of the top level, and no slot is a role's.
    let environment = machine(&[(
        "config.toml",
        "[codex]\nauth_forward = \"api_key\"\n[env]\nOPENAI_API_KEY = \"$GENERAL\"\n\
         [roles.agent-smith]\ngit = \"x\"\n[roles.agent-smith.env]\nOPENAI_API_KEY = \"$ROLE\"\n\
         [workspaces.w]\nworkdir = \"/w\"\nmounts = [{ src = \"/w\", dst = \"/w\" }]\n\
         [workspaces.w.env]\nOPENAI_API_KEY = \"$WORKSPACE\"\nANTHROPIC_API_KEY = \"$UNUSED\"\n",
    )]);
    assert!(said(&environment, "import --yes").ends_with("[0]"));
    assert_snapshot!(ours(&environment), @r#"
    [codex]
    auth_forward = "api_key"

    [env]
    OPENAI_API_KEY = "$GENERAL"

    [roles.agent-smith]
    image = "docker.io/projectjackin/jackin-agent-smith:latest"
    agents = ["claude"]

    [roles.agent-smith.env]
    OPENAI_API_KEY = "$ROLE"

    [workspaces.w]
    workdir = "/w"
    mounts = [{ src = "/w", dst = "/w" }]

    [workspaces.w.codex]
    api_key = "$WORKSPACE"

    [workspaces.w.env]
    ANTHROPIC_API_KEY = "$UNUSED"
    "#);
}

#[test]
fn what_a_scope_is_not_to_have_does_not_come_from_a_wider_one() {
    let environment = machine(&[
        (
            "config.toml",
            "[env]\nKEY = \"$GENERAL\"\n[github]\nauth_forward = \"token\"\n[github.env]\nGH_TOKEN = \"$GH\"\n\
             [claude]\nauth_forward = \"sync\"\n",
        ),
        (
            "workspaces/w.toml",
            "workdir = \"/w\"\n[env]\nKEY = { value = \"$KEY\", on_demand = true }\nOWN = { value = \"$KEY\", on_demand = true }\n\
             [github]\nauth_forward = \"ignore\"\n[claude]\nsync_source_dir = \"/other\"\n\
             [roles.r.claude]\nauth_forward = \"sync\"\n[roles.own.claude]\nsync_source_dir = \"~/.claude\"\n",
        ),
    ]);
    assert!(said(&environment, "import --yes").ends_with("[0]"));
    assert_snapshot!(ours(&environment), @r#"
    [claude]
    auth_forward = "sync"

    [env]
    GH_TOKEN = "$GH"
    KEY = "$GENERAL"

    [workspaces.w.claude]
    auth_forward = "ignore"

    [workspaces.w.env]
    GH_TOKEN = ""
    KEY = ""

    [workspaces.w.roles.own.claude]
    auth_forward = "sync"

    [workspaces.w.roles.r.claude]
    auth_forward = "ignore"
    "#);
}

#[test]
fn mounts_of_one_place_or_of_some_roles_are_told_apart() {
    let environment = machine(&[
        (
            "config.toml",
            "[docker.mounts]\nhere = { src = \"/here\", dst = \"/w\" }\nall = { src = \"~/all\", dst = \"/all\" }\n\
             [docker.mounts.\"acme/*\"]\ncerts = { src = \"/certs\", dst = \"/certs\" }\nall = { src = \"/acme\", dst = \"/all\" }\n",
        ),
        (
            "workspaces/My Shop.toml",
            "workdir = \"/w/api\"\nallowed_roles = [\"acme/a\", \"acme/b\"]\n\
             mounts = [{ src = \"/src\", dst = \"/w\" }, { src = \"/src\", dst = \"/w\" }, { src = \"rel\", dst = \"/x\" }]\n",
        ),
        (
            "workspaces/My-Shop.toml",
            "workdir = \"/w\"\nmounts = [{ src = \"/two\", dst = \"/w\" }]\n",
        ),
    ]);
    assert!(said(&environment, "import --yes").ends_with("[0]"));
    assert_snapshot!(ours(&environment), @r#"
    [workspaces.My-Shop]
    workdir = "/two"
    mounts = [{ src = "/two", dst = "/w" }]

    [workspaces.My-Shop-2]
    workdir = "/src/api"
    mounts = [{ src = "/src", dst = "/w" }, { src = "/acme", dst = "/all" }, { src = "/certs", dst = "/certs" }]
    "#);
}

#[test]
fn an_account_is_taken_only_where_it_is_the_same_here() {
    let environment = machine(&[
        (
            "config.toml",
            "version = \"v1alpha13\"\n[claude]\nauth_forward = \"sync\"\n\
             [accounts.own]\nprovider = \"anthropic\"\n\
             credential = { type = \"profile\", agent = \"claude\", directory = \"~/.claude\" }\n\
             [accounts.other]\nprovider = \"openai\"\n\
             credential = { type = \"profile\", agent = \"codex\", directory = \"/other\" }\n\
             [accounts.gateway]\nprovider = \"anthropic\"\n\
             credential = { type = \"api_key\", value = \"$GATEWAY\", base_url = \"https://x\" }\n\
             [accounts.router]\nprovider = \"openrouter\"\n\
             credential = { type = \"api_key\", value = \"$ROUTER\" }\n\
             [accounts.amp]\nprovider = \"amp\"\n\
             credential = { type = \"api_key\", value = { value = \"$AMP\", on_demand = true } }\n",
        ),
        (
            "workspaces/bound.toml",
            "version = \"v1alpha11\"\nworkdir = \"/w\"\naccounts = [\"own\", \"other\", \"gateway\", \"router\", \"amp\"]\n\
             [account_bindings]\nclaude = \"own\"\nopencode = \"router\"\n\
             [roles.r.account_bindings]\nclaude = \"gateway\"\n",
        ),
        (
            "workspaces/several.toml",
            "version = \"v1alpha11\"\nworkdir = \"/s\"\naccounts = [\"own\", \"gateway\"]\n",
        ),
        (
            "workspaces/none.toml",
            "version = \"v1alpha11\"\nworkdir = \"/n\"\n",
        ),
        // Of the time before: what it does not say came from the top level,
        // which does not say it any more.
        (
            "workspaces/before.toml",
            "version = \"v1alpha8\"\nworkdir = \"/b\"\n[codex]\nauth_forward = \"sync\"\n",
        ),
    ]);
    assert!(said(&environment, "import --yes").ends_with("[0]"));
    assert_snapshot!(ours(&environment), @r#"
    [workspaces.before.amp]
    auth_forward = "ignore"

    [workspaces.before.claude]
    auth_forward = "ignore"

    [workspaces.before.codex]
    auth_forward = "sync"

    [workspaces.before.opencode]
    auth_forward = "ignore"

    [workspaces.bound.amp]
    auth_forward = "ignore"

    [workspaces.bound.claude]
    auth_forward = "sync"

    [workspaces.bound.codex]
    auth_forward = "ignore"

    [workspaces.bound.opencode]
    auth_forward = "api_key"
    api_key = "$ROUTER"
    provider = "openrouter"

    [workspaces.bound.roles.r.claude]
    auth_forward = "ignore"

    [workspaces.none.amp]
    auth_forward = "ignore"

    [workspaces.none.claude]
    auth_forward = "ignore"

    [workspaces.none.codex]
    auth_forward = "ignore"

    [workspaces.none.opencode]
    auth_forward = "ignore"

    [workspaces.several.amp]
    auth_forward = "ignore"

    [workspaces.several.claude]
    auth_forward = "ignore"

    [workspaces.several.codex]
    auth_forward = "ignore"

    [workspaces.several.opencode]
    auth_forward = "ignore"
    "#);
}

#[test]
fn the_report_for_programs_has_all_of_it() {
    let environment = machine(&[(
        "config.toml",
        "version = \"v1alpha7\"\n[claude]\nauth_forward = \"token\"\n[env]\nA = \"canary\"\n[docker]\nprofile = \"locked\"\n",
    )]);
    assert_snapshot!(said(&environment, "import --yes --format json"), @r#"
    {
      "from": "$HOME/.config/jackin",
      "into": "$HOME/.docker/jackin/config.toml",
      "files": [
        {
          "name": "config.toml",
          "version": "v1alpha7",
          "form": "with auth_forward"
        }
      ],
      "changes": [
        {
          "table": [
            "claude"
          ],
          "key": "auth_forward",
          "value": "\"oauth_token\"",
          "standing": "new"
        },
        {
          "table": [
            "env"
          ],
          "key": "A",
          "value": "plain value",
          "standing": "new"
        }
      ],
      "converted": [
        {
          "about": "[claude] auth_forward (config.toml:2)",
          "why": "was called token once, and is oauth_token today",
          "loses_protection": false
        }
      ],
      "left_out": [
        {
          "about": "docker.profile",
          "why": "what the profile \"locked\" kept from agents is not kept from them here; a role's run flags can bound them: run = [\"--read-only\", \"--cap-drop=ALL\"]",
          "loses_protection": true
        }
      ],
      "not_read": [],
      "applied": true
    }
    [0]
    "#);
}
