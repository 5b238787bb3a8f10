//! `docker jackin exec`: which container is meant, and how docker is called.

use insta::assert_snapshot;

use crate::environment::TestEnvironment;
use crate::stand_in_engine::Container;
use crate::terminal::Terminal;

/// An environment with one running container of role `web`.
fn with_web() -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    environment.serve("web-1", "web", "claude,codex");
    environment
}

/// How docker is called.
fn called(environment: &TestEnvironment, arguments: &[&str]) -> String {
    let outcome = environment.run(arguments);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert_eq!(outcome.stderr, "", "docker has the screen to itself");
    environment.docker_argv().unwrap().join("|")
}

#[test]
fn an_agent_starts_in_the_only_container_of_its_role() {
    for (arguments, argv) in [
        (&["exec", "web"][..], "exec|-i|web-1|claude"),
        (&["exec", "web-1"], "exec|-i|web-1|claude"),
        (&["exec", "id-of-web-1"], "exec|-i|web-1|claude"),
        (&["exec", "web", "--agent", "codex"], "exec|-i|web-1|codex"),
        (&["exec", "--agent=codex", "web"], "exec|-i|web-1|codex"),
        (
            &["exec", "web", "-w", "/x", "--agent=codex", "-e", "A=b c"],
            "exec|-i|-w|/x|-e|A=b c|web-1|codex",
        ),
        (
            &["exec", "web", "-dt", "--", "sh", "-c", "a -- b"],
            "exec|-dt|web-1|sh|-c|a -- b",
        ),
        (
            &["-D", "jackin", "exec", "web", "--"],
            "--debug|exec|-i|web-1|claude",
        ),
    ] {
        assert_eq!(called(&with_web(), arguments), argv);
    }
}

#[test]
fn a_stopped_container_of_the_role_does_not_stand_in_the_way() {
    let environment = with_web();
    environment
        .engine()
        .add(Container::served("web-2", "web", "claude").state("exited"));
    assert_eq!(
        called(&environment, &["exec", "web"]),
        "exec|-i|web-1|claude"
    );
}

#[test]
fn what_cannot_be_is_refused_before_docker_is_called() {
    let environment = with_web();
    for (arguments, told) in [
        (&["exec"][..], "wants a container or a role"),
        (&["exec", "-it", "web"], "comes before docker's flags"),
        (&["exec", "web", "bash"], "behind `--`"),
        (
            &["exec", "web", "--agent", "cluade"],
            "there are claude, codex, amp, opencode",
        ),
        (&["exec", "web", "--agent"], "flag needs an argument"),
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

/// What is said when docker is not called.
fn refused(environment: &TestEnvironment, code: i32, arguments: &[&str]) -> String {
    let outcome = environment.run(arguments);
    assert_eq!((outcome.code, environment.docker_argv()), (code, None));
    outcome.stderr
}

#[test]
fn an_agent_that_the_container_has_not_is_refused_with_those_it_has() {
    let environment = with_web();
    let told = refused(&environment, 2, &["exec", "web", "--agent", "amp"]);
    assert_snapshot!(told, @r"
    docker-jackin: amp is no agent of web-1, and has no login there
      its agents: claude, codex
      start one that has it: docker jackin run
    ");
}

#[test]
fn a_role_with_several_containers_is_refused_with_their_names() {
    let environment = with_web();
    environment.serve("web-2", "web", "claude");
    let told = refused(&environment, 2, &["exec", "web"]);
    assert_snapshot!(told, @r"
    docker-jackin: 2 containers of role web run
      name one of them:
        web-1
        web-2
    ");
}

#[test]
fn a_role_without_a_running_container_is_refused_with_how_to_start_one() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n");
    let told = refused(&environment, 1, &["exec", "web"]);
    assert_snapshot!(told, @r"
    docker-jackin: no container of role web runs
      start one with: docker jackin run web
    ");
    let ended = Container::served("web-1", "web", "claude").state("exited");
    environment.engine().add(ended);
    let told = refused(&environment, 1, &["exec", "web"]);
    assert_snapshot!(told, @r"
    docker-jackin: no container of role web runs
      start the one that has ended: docker start web-1
      or a new one: docker jackin run web
    ");
    let told = refused(&environment, 1, &["exec", "web-1"]);
    assert_snapshot!(told, @r"
    docker-jackin: container web-1 does not run: it is exited
      start it again, with its login of today: docker start web-1
    ");
}

#[test]
fn a_container_that_is_not_ours_is_refused_with_what_to_do() {
    let environment = TestEnvironment::new("1.45");
    environment
        .engine()
        .add(Container::running("db", &[]).runtime("runc"));
    let told = refused(&environment, 1, &["exec", "db"]);
    assert_snapshot!(told, @r"
    docker-jackin: container db was not started by docker-jackin, and has no login
      start one with: docker jackin run <role>, or docker jackin run --image <image>
      for a plain process in it: docker exec db <command>
    ");
    // An image can bring our labels, but not our runtime.
    let forged = Container::served("forged", "web", "claude").runtime("runc");
    environment.engine().add(forged);
    let told = refused(&environment, 1, &["exec", "web"]);
    assert_snapshot!(told, @r#"
    docker-jackin: no container and no role is called "web"
      list yours with: docker jackin ps
    "#);
    let labels = [("dev.jackin.owner", "4711")];
    environment
        .engine()
        .add(Container::running("theirs", &labels));
    let told = refused(&environment, 1, &["exec", "theirs"]);
    assert_snapshot!(told, @r"
    docker-jackin: container theirs is served for the user with uid 4711
      start one with: docker jackin run <role>, or docker jackin run --image <image>
      for a plain process in it: docker exec theirs <command>
    ");
    // Nor does an image move the cursor by it.
    let labels = [("dev.jackin.owner", "\u{1b}[2J4711")];
    environment
        .engine()
        .add(Container::running("moving", &labels));
    let told = refused(&environment, 1, &["exec", "moving"]);
    assert!(
        told.contains("moving was not started by docker-jackin"),
        "{told}"
    );
    assert!(!told.contains(char::from(27)), "{told}");
}

#[test]
fn a_person_at_a_terminal_gets_one_in_the_container() {
    let environment = with_web();
    let terminal = Terminal::new();
    let mut child = terminal.start(&environment, &["exec", "web"]);
    assert_eq!(child.wait().unwrap().code(), Some(7));
    let argv = environment.docker_argv().unwrap().join("|");
    assert_eq!(argv, "exec|-it|web-1|claude");
}

#[test]
fn an_image_that_was_launched_without_a_role_cannot_claim_one() {
    let environment = TestEnvironment::new("1.45");
    environment.configure("[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n");
    let launch = ["run", "--image", "acme/other:1"];
    assert_eq!(environment.run(&launch).code, 7);
    environment.add_launched_of("other", &[("dev.jackin.role", "web")]);
    for arguments in [["exec", "web"], ["eject", "web"]] {
        let told = environment.run(&arguments).stderr;
        assert!(told.contains("no container of role web"), "{told}");
    }
    assert_eq!(environment.engine().names(), ["other"]);
    // By its name it is there.
    assert_eq!(
        called(&environment, &["exec", "other"]),
        "exec|-i|other|claude"
    );
}
