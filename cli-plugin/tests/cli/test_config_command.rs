//! `docker jackin config`: what is refused leaves the file byte for byte as it
//! was, a secret is never shown, and no edit is lost or half done.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use insta::assert_snapshot;

use crate::config_scene::{EXAMPLE, example, said, shown, text, words};
use crate::environment::TestEnvironment;

const CANARY: &str = "sk-ant-oat01-canary-in-no-output-at-all-0123456789";

#[test]
fn scenario_24_a_secret_comes_by_a_pipe_and_is_nowhere_but_in_the_file() {
    let environment = example();
    for line in [
        "config auth set api_key --from -",
        "config env set NPM_TOKEN - --role web",
    ] {
        let outcome = environment.run_with_input(&words(line), format!("{CANARY}\n").as_bytes());
        let said = shown(&outcome);
        assert!(said.ends_with("[0]") && !said.contains("canary"), "{said}");
        assert!(said.contains("plain text"), "{said}");
    }
    assert_eq!(text(&environment).matches(CANARY).count(), 2);
    for line in [
        "config auth show",
        "config auth show --format json",
        "config env list",
        "config env list --format json",
        "config check",
        "config check --format json",
        "role show web --format json",
        "role list",
        "-D config auth show --resolve --trace",
        "config auth set sync",
        "config env unset NPM_TOKEN --role web",
    ] {
        let said = said(&environment, line);
        assert!(!said.contains("canary"), "{line}: {said}");
    }
}

#[test]
fn scenario_24_a_secret_in_an_argument_is_refused_and_not_repeated() {
    let environment = example();
    for line in [
        format!("config auth set api_key --from {CANARY}"),
        format!("config env set NPM_TOKEN {CANARY}"),
        format!("config env set HARMLESS {CANARY}"),
        format!("config env set HARMLESS={CANARY} x"),
        format!("config auth set {CANARY}"),
        format!("config env set A ${CANARY}"),
    ] {
        let said = said(&environment, &line);
        assert!(said.ends_with("[2]") && !said.contains("canary"), "{said}");
        assert_eq!(text(&environment), EXAMPLE, "{line}");
    }
    let said = said(
        &environment,
        &format!("config auth set api_key --from {CANARY}"),
    );
    assert_snapshot!(said, @r"
    docker-jackin: the value of --from is no reference, and a secret does not belong on a command line
      type or pipe the secret: docker jackin config auth set api_key --agent claude --from -
      or give a reference: '$NAME', file:PATH, age:PATH, op://VAULT/ITEM/FIELD, helper:NAME/URL, secret-service:SERVICE/ACCOUNT, keychain:SERVICE/ACCOUNT, cmd:COMMAND
      if it was the secret, it is in your shell's history now: take it out there
    [2]
    ");
}

#[test]
fn a_secret_of_several_lines_is_no_credential_and_may_be_a_variable() {
    let environment = example();
    let lines = format!("{CANARY}\nurl: example.com\n");
    let line = words("config auth set api_key --from -");
    let said = shown(&environment.run_with_input(&line, lines.as_bytes()));
    assert_snapshot!(said, @r"
    docker-jackin: claude's api_key is one line, and more was read
      type or pipe it alone
    [2]
    ");
    assert_eq!(text(&environment), EXAMPLE);
    let line = words("config env set SSH_PRIVATE_KEY -");
    let said = shown(&environment.run_with_input(&line, lines.as_bytes()));
    assert!(said.ends_with("[0]"), "{said}");
}

#[test]
fn what_cannot_be_written_down_as_a_whole_is_a_failure() {
    let environment = example();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for line in [
        "config env list --format json",
        "config auth show --agent claude",
        "role list",
    ] {
        let mut command = environment.command(&words(line));
        let output = command.stdout(full()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(
            told.contains("failed to write to standard output"),
            "{told}"
        );
    }
}

#[test]
fn scenario_74_what_cannot_be_ends_with_2_and_changes_no_byte() {
    let environment = example();
    for line in [
        "config auth set",
        "config auth set synk",
        "config auth set sync --agent cloude",
        "config auth set oauth_token --agent codex",
        "config auth set sync --workspace my-ap",
        "config auth set sync --workspace my-app --role wep",
        "config auth set sync --role web",
        "config auth set sync --from $A",
        "config auth set api_key --from file:relative",
        "config auth set api_key --from op://a/b/c --account --flag",
        "config auth set api_key --from $A --account work",
        "config auth set api_key --provider anthropic",
        "config auth set sync --agent opencode --provider anthropic",
        "config auth unset --workspace nope",
        "config env set DOCKER_JACKIN_TICKET x",
        "config env set A=b c",
        "config env set A x --role nope",
        "config env unset OPENAI_KEY",
        "config env list --role nope",
        "workspace add my-app",
        "workspace add -x",
        "workspace add x --workdir /nonexistent",
        "workspace add x --mount nowhere",
        "workspace remove my-ap",
        "role add web --image x",
        "role add x",
        "role add x --image y --run stray",
        "role add x/y --image z",
        "role remove nope",
    ] {
        let said = said(&environment, line);
        assert!(said.ends_with("[2]"), "{line}: {said}");
        assert_eq!(text(&environment), EXAMPLE, "{line}");
    }
}

#[test]
fn scenario_74_refusals_say_what_to_do() {
    let environment = example();
    let refusals = [
        "config auth set synk",
        "config auth set oauth_token --agent codex",
        "config auth set sync --workspace my-ap",
        "config auth set sync --workspace my-app --role api",
        "config auth set sync --from $A",
        "config env set DOCKER_JACKIN_TICKET x",
        "config env unset OPENAI_KEY",
    ]
    .map(|line| said(&environment, line));
    assert_snapshot!(refusals.join("\n"), @r#"
    docker-jackin: unknown mode "synk" for claude
      did you mean "sync"?
    [2]
    docker-jackin: `oauth_token` is for claude only, and this is codex
      use "sync", "api_key" or "ignore" here
    [2]
    docker-jackin: unknown workspace "my-ap"
      did you mean "my-app"?
    [2]
    docker-jackin: unknown role "api"
      there are: web
    [2]
    docker-jackin: the mode sync takes no credential
      leave out --from
    [2]
    docker-jackin: the variable DOCKER_JACKIN_TICKET is docker-jackin's own
      choose another name
    [2]
    docker-jackin: OPENAI_KEY is not set in [env]
      did you mean "OPENAI_API_KEY"?
    [2]
    "#);
}

#[test]
fn path_tells_where_the_configuration_is_or_would_be() {
    let environment = TestEnvironment::new("1.45");
    assert_snapshot!(said(&environment, "config path"), @r"
    $HOME/.docker/jackin/config.toml
    [0]
    ");
    assert_snapshot!(said(&environment, "--config /dc config path"), @r"
    /dc/jackin/config.toml
    [0]
    ");
}

#[test]
fn a_file_that_others_can_write_is_neither_read_nor_changed() {
    let environment = example();
    let file = environment.home().join(".docker/jackin/config.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let said = said(&environment, "config auth set ignore");
    assert_snapshot!(said, @r"
    docker-jackin: $HOME/.docker/jackin/config.toml can be changed by others (mode 0666)
      make it yours alone: chmod 600 $HOME/.docker/jackin/config.toml
    [1]
    ");
    assert_eq!(text(&environment), EXAMPLE);
}

/// The program, to be started with many others of its kind.
fn writer(environment: &TestEnvironment, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docker-jackin"));
    command
        .args(words(line))
        .env_clear()
        .env("HOME", environment.home())
        .stdout(Stdio::null());
    command
}

#[test]
fn scenario_75_the_edits_of_processes_at_once_are_all_in_the_file() {
    let environment = example();
    let writers: Vec<_> = (0..12)
        .map(|number| {
            let line = format!("config env set V_{number} x");
            writer(&environment, &line).spawn().unwrap()
        })
        .collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let text = text(&environment);
    for number in 0..12 {
        assert!(text.contains(&format!("\nV_{number} = \"x\"\n")), "{text}");
    }
    let others = text.lines().filter(|line| !line.starts_with("V_"));
    assert_eq!(
        others.collect::<Vec<_>>(),
        EXAMPLE.lines().collect::<Vec<_>>()
    );
}

/// How many writers are killed.
const ROUNDS: u32 = 120;

/// How the file ends that they write.
const END: &str = "\n[amp]\nauth_forward = \"ignore\"\n";

#[test]
fn scenario_76_a_writer_killed_at_any_point_leaves_the_old_file_or_the_new() {
    let environment = example();
    // From right after the start to long past the end of a writer.
    let start = Instant::now();
    let mut first = writer(&environment, "config auth set ignore --agent amp");
    assert!(first.spawn().unwrap().wait().unwrap().success());
    let step = start.elapsed() * 3 / ROUNDS;
    let (mut before, mut old, mut new) = (text(&environment), 0, 0);
    for round in 0..ROUNDS {
        let line = format!("config env set ROUND {round}");
        let mut writer = writer(&environment, &line).spawn().unwrap();
        std::thread::sleep(step * round);
        writer.kill().unwrap();
        writer.wait().unwrap();
        let after = text(&environment);
        let whole = format!("\nROUND = \"{round}\"\n");
        if after == before {
            old += 1;
        } else {
            assert!(after.contains(&whole) && after.ends_with(END), "{after}");
            new += 1;
        }
        before = after;
    }
    assert!(
        old > 0 && new > 0,
        "killed too early or too late: {old} {new}"
    );
    assert!(said(&environment, "config env set ROUND last").ends_with("[0]"));
}
