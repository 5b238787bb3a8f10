//! Completion as docker asks for it: `docker-jackin __complete jackin …`.

use insta::assert_snapshot;

use crate::environment::TestEnvironment;

fn environment() -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    environment.configure(
        "[roles.web]\nimage = \"acme/web:1\"\nagents = []\n[workspaces.my-app]\nworkdir = \"/srv\"\n",
    );
    environment
}

#[test]
fn scenario_71_verbs_below_verbs_are_completed_with_their_descriptions() {
    let outcome = environment().run(&["__complete", "jackin", "config", "auth", ""]);
    assert_snapshot!(outcome.stdout, @r"
    set	Set in which mode an agent gets its login
    unset	Let a scope say nothing any more about an agent's mode
    show	Show in which mode agents get their logins, and whether there are any
    :4
    ");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
}

#[test]
fn scenario_71_modes_of_the_agent_on_the_line_are_completed() {
    let line = [
        "__complete",
        "jackin",
        "config",
        "auth",
        "set",
        "--agent",
        "codex",
        "",
    ];
    assert_snapshot!(environment().run(&line).stdout, @r"
    sync	the host's own login
    api_key	an API key
    ignore	no login
    :4
    ");
}

#[test]
fn scenario_71_workspaces_and_roles_are_completed() {
    let environment = environment();
    let line = ["__complete", "jackin", "run", "--workspace", ""];
    assert_snapshot!(environment.run(&line).stdout, @r"
    my-app	/srv
    :4
    ");
    let line = ["__completeNoDesc", "jackin", "eject", ""];
    assert_snapshot!(environment.run(&line).stdout, @r"
    web
    :4
    ");
}

#[test]
fn scenario_71_another_configuration_is_asked_for_its_own_names() {
    let environment = environment();
    environment.write(
        "other/jackin/config.toml",
        "[roles.api]\nimage = \"acme/api:1\"\nagents = []\n",
    );
    let line = ["__completeNoDesc", "--config", "other", "jackin", "run", ""];
    assert_snapshot!(environment.run(&line).stdout, @r"
    api
    :4
    ");
}

#[test]
fn scenario_71_a_broken_configuration_completes_without_its_names() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[claud]\n");
    let outcome = environment.run(&["__complete", "jackin", "run", ""]);
    assert_eq!(
        (outcome.stdout.as_str(), outcome.stderr.as_str()),
        (":4\n", "")
    );
}

#[test]
fn a_folder_is_completed_by_the_shell() {
    let line = [
        "__complete",
        "jackin",
        "workspace",
        "add",
        "x",
        "--workdir",
        "s",
    ];
    assert_eq!(environment().run(&line).stdout, ":16\n");
}
