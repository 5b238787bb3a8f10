//! `docker jackin eject`: which containers go, and what is said.

use insta::assert_snapshot;

use crate::environment::TestEnvironment;
use crate::stand_in_engine::Container;
use crate::terminal::Terminal;

#[test]
fn the_containers_of_the_role_are_stopped_and_removed_and_no_others() {
    let environment = TestEnvironment::new("1.45");
    environment.serve("web-1", "web", "claude");
    environment
        .engine()
        .add(Container::served("web-2", "web", "claude").state("exited"));
    environment.serve("api-1", "api", "claude");
    let forged = Container::served("forged", "web", "claude").runtime("runc");
    environment.engine().add(forged);
    let labels = [("dev.jackin.owner", "4711"), ("dev.jackin.role", "web")];
    environment
        .engine()
        .add(Container::running("theirs", &labels));
    let outcome = environment.run(&["eject", "web"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let mut removed: Vec<_> = outcome.stdout.lines().collect();
    removed.sort_unstable();
    assert_eq!(
        removed,
        ["removed container web-1", "removed container web-2"]
    );
    assert_eq!(environment.engine().names(), ["api-1", "forged", "theirs"]);
    let asked = environment.engine().asked();
    let stopped: Vec<_> = asked.iter().filter(|one| one.ends_with("/stop")).collect();
    assert_eq!(
        stopped,
        ["POST containers/id-of-web-1/stop"],
        "one has ended already"
    );
}

#[test]
fn only_those_of_the_workspaces_go_when_some_are_named() {
    let environment = TestEnvironment::new("1.45");
    for (name, workspace) in [("one", "a"), ("two", "b"), ("three", "c")] {
        let served = Container::served(name, "web", "claude");
        environment
            .engine()
            .add(served.label("dev.jackin.workspace", workspace));
    }
    environment.serve("none", "web", "claude");
    let line = ["eject", "web", "--workspace", "a", "--workspace=c"];
    assert_eq!(environment.run(&line).code, 0);
    assert_eq!(environment.engine().names(), ["two", "none"]);
}

#[test]
fn the_record_of_a_launch_goes_with_its_container() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n");
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    environment.add_launched("web-1");
    let records = || std::fs::read_dir(environment.launches()).unwrap().count();
    assert_eq!(records(), 1);
    assert_eq!(environment.run(&["eject", "web"]).code, 0);
    assert_eq!(records(), 0);
}

#[test]
fn that_there_is_none_is_said_and_no_error() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[roles.web]\nimage = \"i\"\nagents = []\n");
    let outcome = environment.run(&["eject", "web"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
    assert_snapshot!(outcome.stderr, @"no container of role web");
    let outcome = environment.run(&["eject", "webb", "--workspace", "w"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
    assert_snapshot!(outcome.stderr, @r#"
    no container of role webb in workspace w
      did you mean "web"?
    "#);
}

#[test]
fn what_the_engine_does_not_remove_is_named_and_the_rest_goes() {
    let environment = TestEnvironment::new("1.45");
    environment.serve("web-1", "web", "claude");
    environment
        .engine()
        .add(Container::served("stuck", "web", "claude").stuck());
    let outcome = environment.run(&["eject", "web"]);
    assert_eq!(outcome.code, 125);
    assert_eq!(outcome.stdout, "removed container web-1\n");
    assert_snapshot!(outcome.stderr, @r"
    docker-jackin: 1 container is not removed
      stuck: the engine at unix://$HOME/docker.sock did not remove a container: Docker responded with status code 500: device or resource busy
      try again, or remove one by hand: docker rm -f <container>
    ");
    assert_eq!(environment.engine().names(), ["stuck"]);
}

#[test]
fn a_person_is_told_what_takes_its_time_and_a_file_is_not() {
    let environment = TestEnvironment::new("1.45");
    environment
        .engine()
        .add(Container::served("web-1", "web", "claude").slow());
    let mut terminal = Terminal::new();
    let mut child = terminal.start(&environment, &["eject", "web"]);
    terminal.wait_for("waiting for web-1 to end, 10 s at most …");
    terminal.wait_for("removed container web-1");
    assert!(child.wait().unwrap().success());
    environment
        .engine()
        .add(Container::served("web-2", "web", "claude").slow());
    let outcome = environment.run(&["eject", "web"]);
    assert_eq!(outcome.stdout, "removed container web-2\n");
    assert_eq!(outcome.stderr, "");
}
