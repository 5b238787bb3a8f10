//! `docker jackin run`: what the user sees, how docker is called, and what
//! lies in the ticket.

use insta::assert_snapshot;
use jackin_oci_hook::payload::Delivery;

use crate::environment::TestEnvironment;

const CANARY: &str = "sk-ant-oat01-canary-in-no-output-at-all-0123456789";

const TOKEN_ROLE: &str = r#"
[claude]
auth_forward = "oauth_token"
oauth_token = "sk-ant-oat01-canary-in-no-output-at-all-0123456789"
[codex]
auth_forward = "ignore"
[roles.web]
image = "acme/web:1"
agents = ["claude", "codex"]
run = ["--memory", "4g"]
"#;

#[test]
fn scenario_72_docker_is_called_with_the_flags_as_given() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(TOKEN_ROLE);
    let outcome = environment.run(&[
        "-D", "jackin", "run", "web", "-it", "--name", "a  b", "-e", "X=--", "--", "sh", "-c",
        "a -- b",
    ]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    let argv = environment.docker_argv().unwrap();
    assert_snapshot!(argv.join("|"), @"--debug|run|--runtime|docker-jackin|--annotation|dev.jackin.ticket=<handle>|--label|dev.jackin.role=web|--label|dev.jackin.owner=<uid>|--label|dev.jackin.launch=<id>|--label|dev.jackin.agents=claude,codex|--memory|4g|-it|--name|a  b|-e|X=--|acme/web:1|sh|-c|a -- b");
    let ticket = environment.ticket();
    assert_eq!(ticket.limits.image.as_deref(), Some("acme/web:1"));
    assert_eq!(ticket.payload.env[0].value.expose(), CANARY);
}

#[test]
fn one_line_an_agent_is_shown_before_the_start() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(TOKEN_ROLE);
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.stdout, "");
    assert_snapshot!(outcome.stderr, @r"
    claude auth: long-lived OAuth token (plain value, from global)
    codex auth:  none (manual login required), from global
    ");
}

#[test]
fn an_old_engine_or_client_gets_the_handle_by_variable_and_not_on_the_command_line() {
    for (api, client, pinned) in [
        ("1.41", "28.2.2", ""),
        ("1.45", "20.10.24+dfsg1", ""),
        ("1.45", "28.2.2", "1.42"),
    ] {
        let environment = TestEnvironment::new(api)
            .docker_version(client)
            .variable("DOCKER_API_VERSION", pinned);
        environment.configure(TOKEN_ROLE);
        let outcome = environment.run(&["run", "web"]);
        assert_eq!(outcome.code, 7, "{}", outcome.stderr);
        let argv = environment.docker_argv().unwrap();
        assert_eq!(
            argv.join("|"),
            "run|--runtime|docker-jackin|--env|DOCKER_JACKIN_TICKET|--label|dev.jackin.role=web|--label|dev.jackin.owner=<uid>|--label|dev.jackin.launch=<id>|--label|dev.jackin.agents=claude,codex|--memory|4g|acme/web:1"
        );
        let handle = environment.ticket().handle().expose();
        assert!(
            environment
                .docker_env()
                .contains(&format!("DOCKER_JACKIN_TICKET={handle}"))
        );
    }
}

#[test]
fn a_workspace_is_found_by_folder_and_mounted() {
    let environment = TestEnvironment::new("1.45");
    let role = "[roles.web]\nimage = \"i\"\nagents = []\n";
    let mounts = "mounts = [{ src = \".\", dst = \"/workspace\" }]";
    let home = environment.home().display();
    environment.configure(&format!(
        "{role}[workspaces.my-app]\nworkdir = \"{home}\"\n{mounts}\n"
    ));
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    let argv = environment.docker_argv().unwrap();
    assert_snapshot!(argv.join("|"), @"run|--runtime|docker-jackin|--annotation|dev.jackin.ticket=<handle>|--label|dev.jackin.role=web|--label|dev.jackin.workspace=my-app|--label|dev.jackin.owner=<uid>|--label|dev.jackin.launch=<id>|--label|dev.jackin.agents=|--mount|type=bind,source=$HOME,target=/workspace|--workdir|/workspace|i");
}

#[test]
fn a_workspace_behind_a_link_is_found_by_the_folder_it_leads_to() {
    let environment = TestEnvironment::new("1.45");
    let home = environment.home().display();
    std::os::unix::fs::symlink(environment.home(), environment.home().join("link")).unwrap();
    environment.configure(&format!(
        "[roles.web]\nimage = \"i\"\nagents = []\n[workspaces.w]\nworkdir = \"{home}/link/\"\n\
         mounts = [{{ src = \"link\", dst = \"/w\" }}]\n"
    ));
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    let argv = environment.docker_argv().unwrap().join("|");
    assert!(argv.contains("dev.jackin.workspace=w"), "{argv}");
    assert!(argv.contains("target=/w|--workdir|/w|"), "{argv}");
}

#[test]
fn scenario_52_a_ticket_that_no_container_came_for_ends_with_docker() {
    let environment = TestEnvironment::new("1.45").variable("LEAVES_TICKET", "1");
    environment.configure(TOKEN_ROLE);
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    environment.ticket();
    assert!(environment.ticket_is_gone());
}

#[test]
fn a_runtime_that_the_user_names_is_the_only_one() {
    let environment = TestEnvironment::new("1.45")
        .variable("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "/nonexistent")
        .variable("DOCKER_CLI_PLUGIN_SOCKET", "");
    environment.configure(TOKEN_ROLE);
    let outcome = environment.run(&["run", "web", "--runtime=docker-jackin-crun"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    let argv = environment.docker_argv().unwrap().join("|");
    assert_eq!(argv.matches("--runtime").count(), 1, "{argv}");
    let env = environment.docker_env();
    assert!(
        !env.contains("DOCKER_CLI_PLUGIN"),
        "docker is no plugin: {env}"
    );
}

#[test]
fn scenario_24_the_value_is_in_no_output_in_any_mode() {
    let login =
        format!(r#"{{"claudeAiOauth":{{"accessToken":"{CANARY}","refreshToken":"{CANARY}"}}}}"#);
    let role = "[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n";
    for (mode, slot) in [
        ("sync", String::new()),
        ("ignore", format!("api_key = \"{CANARY}\"\n")),
        ("api_key", "api_key = \"file:~/key\"\n".to_owned()),
        ("oauth_token", format!("oauth_token = \"{CANARY}\"\n")),
    ] {
        for api in ["1.41", "1.45"] {
            let environment = TestEnvironment::new(api);
            environment.write(".claude/.credentials.json", &login);
            environment.write("key", CANARY);
            environment.configure(&format!(
                "[claude]\nauth_forward = \"{mode}\"\n{slot}{role}"
            ));
            let outcome = environment.run(&["-D", "--log-level=debug", "run", "web"]);
            assert_eq!(outcome.code, 7, "{}", outcome.stderr);
            assert!(outcome.stderr.contains("DEBUG"), "{}", outcome.stderr);
            let argv = environment.docker_argv().unwrap().join("\n");
            let env = environment.docker_env();
            for shown in [&outcome.stdout, &outcome.stderr, &argv, &env] {
                assert!(!shown.contains("canary"), "{mode}: {shown}");
            }
            let delivered = environment.ticket().to_json().unwrap();
            let delivered = String::from_utf8_lossy(&delivered).contains("canary");
            assert_eq!(delivered, mode != "ignore", "{mode}");
        }
    }
}

#[test]
fn scenario_41a_sync_delivers_the_login_without_its_refresh_token() {
    let environment = TestEnvironment::new("1.45");
    environment.write(
        ".claude/.credentials.json",
        r#"{"claudeAiOauth":{"accessToken":"access","refreshToken":"refresh-canary","scopes":["user:inference"]}}"#,
    );
    environment.write(
        ".claude.json",
        r#"{"oauthAccount":{"emailAddress":"me@example.org"},"projects":{}}"#,
    );
    environment.configure("[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n");
    let outcome = environment.run(&["run", "web"]);
    assert_snapshot!(outcome.stderr, @"claude auth: forwarded host session (sync)");
    let payload = environment.ticket().payload;
    let Delivery::Live { content, .. } = &payload.files[0].delivery else {
        panic!("the login is followed");
    };
    assert_eq!(
        content.expose(),
        r#"{"claudeAiOauth":{"accessToken":"access","scopes":["user:inference"]}}"#
    );
    let Delivery::MergeJson { object } = &payload.files[1].delivery else {
        panic!("the seed is merged");
    };
    let seed = serde_json::to_string(object).unwrap();
    assert_snapshot!(seed, @r#"{"hasCompletedOnboarding":true,"oauthAccount":{"emailAddress":"me@example.org"}}"#);
}

#[test]
fn scenario_12_a_misspelt_key_starts_nothing() {
    let environment = TestEnvironment::new("1.45");
    environment
        .configure("[claude]\nauth_forwad = \"ignore\"\n[roles.web]\nimage = \"i\"\nagents = []\n");
    let outcome = environment.run(&["run", "web"]);
    assert_eq!((outcome.code, environment.docker_argv()), (125, None));
    assert_snapshot!(outcome.stderr, @r"
    docker-jackin: $HOME/.docker/jackin/config.toml:2: unknown key `auth_forwad` in [claude]
      did you mean `auth_forward`?
    ");
}

#[test]
fn scenario_19_a_variable_of_the_shell_is_read_at_launch() {
    let environment = TestEnvironment::new("1.45").variable("MY_KEY", CANARY);
    environment
        .configure("[env]\nTOOL_KEY = \"${MY_KEY}\"\n[roles.web]\nimage = \"i\"\nagents = []\n");
    let outcome = environment.run(&["-D", "run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    let ticket = environment.ticket();
    assert_eq!(ticket.payload.env[0].value.expose(), CANARY);
    assert!(!ticket.request.unwrap().get().contains("canary"));
}

#[test]
fn what_cannot_be_is_refused_with_2_and_the_next_step() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(TOKEN_ROLE);
    for (arguments, told) in [
        (&["run"][..], "wants a role"),
        (
            &["run", "-it", "web"],
            "the role comes before docker's flags",
        ),
        (&["run", "--", "web"], "wants a role"),
        (
            &["run", "--agent", "codex", "web"],
            "they are `agents` of [roles.web] in $HOME/.docker/jackin/config.toml",
        ),
        (
            &["run", "--image", "i", "--agent", "cluade"],
            "similar value exists: 'claude'",
        ),
        (&["run", "--image", "i", "bash"], "behind `--`"),
        (
            &["run", "web", "--label", "dev.jackin.owner=0"],
            "docker-jackin's own",
        ),
        (&["run", "wab"], "did you mean \"web\"?"),
        (
            &["run", "acme/web:1"],
            "without a role by: docker jackin run --image acme/web:1",
        ),
        (&["run", "--image", ""], "an image is a name"),
        (
            &["run", "--workspace", "nope", "web"],
            "unknown workspace \"nope\"",
        ),
        (&["run", "web", "bash"], "behind `--`"),
        (&["run", "web", "--runtime", "runc"], "without its login"),
        (
            &["run", "web", "-e", "DOCKER_JACKIN_TICKET=1"],
            "docker-jackin's own",
        ),
    ] {
        let outcome = environment.run(arguments);
        assert_eq!(
            (outcome.code, environment.docker_argv()),
            (2, None),
            "{arguments:?}"
        );
        assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    }
}

#[test]
fn an_engine_elsewhere_or_gone_is_refused_with_125() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(TOKEN_ROLE);
    for (host, told) in [
        ("tcp://10.0.0.1:2376", "another machine"),
        ("ssh://me@far", "another machine"),
        ("unix:///nonexistent.sock", "cannot reach the engine"),
    ] {
        let outcome = environment.run(&["-H", host, "run", "web"]);
        assert_eq!(
            (outcome.code, environment.docker_argv()),
            (125, None),
            "{host}"
        );
        assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
    }
}

#[test]
fn scenario_43_a_credential_given_by_flag_wins_and_is_warned_about() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(TOKEN_ROLE);
    let outcome = environment.run(&["run", "web", "-e", "CLAUDE_CODE_OAUTH_TOKEN=mine"]);
    let ticket = environment.ticket();
    assert!(ticket.payload.env.is_empty());
    // So that it is not taken away by a restart either.
    let request = ticket.request.unwrap();
    let given = r#""given":["CLAUDE_CODE_OAUTH_TOKEN"]"#;
    assert!(request.get().contains(given), "{}", request.get());
    assert_snapshot!(outcome.stderr, @r"
        warning: CLAUDE_CODE_OAUTH_TOKEN is given by a docker flag, which wins; its value shows in `docker inspect`
        claude auth: long-lived OAuth token (CLAUDE_CODE_OAUTH_TOKEN from a docker flag), from global
        codex auth:  none (manual login required), from global
        ");
}

#[test]
fn every_agent_of_a_role_is_provisioned_by_its_own_mode() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        r#"
[claude]
auth_forward = "oauth_token"
oauth_token = "claudes-token"
[codex]
auth_forward = "api_key"
api_key = "codexs-key"
[amp]
auth_forward = "api_key"
api_key = "amps-key"
[opencode]
auth_forward = "ignore"
api_key = "opencodes-key"
[roles.web]
image = "i"
agents = ["claude", "codex", "amp", "opencode"]
"#,
    );
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert_snapshot!(outcome.stderr, @r"
    claude auth:   long-lived OAuth token (plain value, from global)
    codex auth:    API key (plain value, from global)
    amp auth:      API key (plain value, from global)
    opencode auth: none (manual login required), from global
    ");
    let ticket = environment.ticket();
    let json = ticket.to_json().unwrap();
    let delivered = String::from_utf8_lossy(&json);
    for value in ["claudes-token", "codexs-key", "amps-key"] {
        assert!(delivered.contains(value), "{value}");
    }
    assert!(!delivered.contains("opencodes-key"));
}

#[test]
fn scenario_18_a_missing_credential_ends_the_launch_before_the_engine_is_asked() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        "[claude]\nauth_forward = \"api_key\"\n[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n",
    );
    // An engine that is gone would be told of, if it were asked.
    let outcome = environment.run(&["-H", "unix:///nonexistent.sock", "run", "web"]);
    assert_eq!((outcome.code, environment.docker_argv()), (125, None));
    assert!(
        outcome.stderr.contains("no credential for claude"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("engine"), "{}", outcome.stderr);
    assert!(!environment.has_folder(), "something was written down");
}
