//! Docker's plugin protocol: metadata, help, version, completion, exit codes.

use insta::assert_snapshot;

use crate::environment::TestEnvironment;

#[test]
fn scenario_71_docker_learns_what_the_plugin_is() {
    let outcome = TestEnvironment::new("1.45").run(&["docker-cli-plugin-metadata"]);
    assert_eq!(outcome.code, 0);
    assert_snapshot!(outcome.stdout, @r#"{"SchemaVersion":"0.1.0","ShortDescription":"Start AI coding agents in containers, logged in","Vendor":"docker-jackin","Version":"v0.1.0"}"#);
}

#[test]
fn scenario_71_help_is_the_same_however_it_is_asked_for() {
    let environment = TestEnvironment::new("1.45");
    let help = environment.run(&["help", "run"]);
    assert!(
        help.stdout.contains("Usage: docker jackin run"),
        "{}",
        help.stdout
    );
    assert!(help.stdout.contains("\n  docker jackin run web -it\n"));
    for asked in [
        &["help", "jackin", "run"][..],
        &["jackin", "run", "--help"],
        &["-D", "jackin", "help", "run"],
    ] {
        let outcome = environment.run(asked);
        assert_eq!(
            (outcome.code, &outcome.stdout),
            (0, &help.stdout),
            "{asked:?}"
        );
    }
    for asked in [
        &["jackin"][..],
        &["jackin", "--help"],
        &["help", "jackin"],
        &[],
    ] {
        let outcome = environment.run(asked);
        assert_eq!(outcome.code, 0, "{asked:?}");
        assert!(
            outcome.stdout.contains("Commands:\n  run "),
            "{}",
            outcome.stdout
        );
    }
}

#[test]
fn scenario_71_the_version_is_told() {
    let environment = TestEnvironment::new("1.45");
    for asked in [
        &["jackin", "version"][..],
        &["jackin", "--version"],
        &["-v"],
    ] {
        let outcome = environment.run(asked);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (0, "docker-jackin version 0.1.0\n")
        );
    }
}

#[test]
fn scenario_71_an_unknown_verb_ends_with_2() {
    let outcome = TestEnvironment::new("1.45").run(&["jackin", "rum"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert_snapshot!(outcome.stderr, @r"
    error: unrecognized subcommand 'rum'

      tip: a similar subcommand exists: 'run'

    Usage: docker jackin [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
}

#[test]
fn scenario_71_completion_knows_verbs_and_roles() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[roles.web]\nimage = \"acme/web:1\"\nagents = []\n");
    let verbs = environment.run(&["__complete", "jackin", "ru"]);
    assert_snapshot!(verbs.stdout, @r"
    run	Start a container, with its agents logged in
    :4
    ");
    let roles = environment.run(&["__completeNoDesc", "jackin", "run", "w"]);
    assert_snapshot!(roles.stdout, @r"
    web
    :4
    ");
}
