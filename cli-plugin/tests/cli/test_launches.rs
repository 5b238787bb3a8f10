//! What is written down of a launch, and what a later one says of it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::environment::{FAR, TestEnvironment};
use crate::stand_in_engine::Container;

const SYNC_ROLE: &str = "[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n";

/// The id of the launch that docker was called for.
fn launch_id(environment: &TestEnvironment) -> String {
    let noted = std::fs::read_to_string(environment.home().join("argv")).unwrap();
    let (_, id) = noted.split_once("dev.jackin.launch=").unwrap();
    id[..16].to_owned()
}

#[test]
fn a_launch_is_written_down_without_any_secret() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    environment.configure(SYNC_ROLE);
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    let id = launch_id(&environment);
    let text = std::fs::read_to_string(environment.launches().join(&id)).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["id"], id.as_str());
    record["id"] = "<id>".into();
    record["created"] = 0.into();
    let follows = record["agents"][0]["follows"].take();
    assert!(
        environment
            .logins()
            .join(follows.as_str().unwrap())
            .is_dir()
    );
    let home = environment.home().to_str().unwrap();
    let text = serde_json::to_string_pretty(&record).unwrap();
    assert_snapshot!(text.replace(home, "$HOME"), @r#"
    {
      "agents": [
        {
          "agent": "claude",
          "ends": 4102444800,
          "follows": null,
          "mode": "sync",
          "origin": "$HOME/.claude/.credentials.json",
          "scope": null,
          "source": "$HOME/.claude/.credentials.json"
        }
      ],
      "created": 0,
      "id": "<id>",
      "image": "i",
      "role": "web",
      "socket": "$HOME/docker.sock",
      "version": 1,
      "workspace": null
    }
    "#);
    let request = environment.ticket().request.unwrap();
    assert!(request.get().contains(&format!(r#""launch":"{id}""#)));
}

#[test]
fn scenario_41_running_containers_with_the_same_login_are_named() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    environment.configure(SYNC_ROLE);
    let uid = rustix::process::geteuid().as_raw().to_string();
    let launch = |name: &str, state: &'static str| {
        let outcome = environment.run(&["run", "web"]);
        assert_eq!(outcome.code, 7, "{}", outcome.stderr);
        let id = launch_id(&environment);
        let labels = [
            ("dev.jackin.owner", uid.as_str()),
            ("dev.jackin.launch", &id),
        ];
        let container = Container::running(name, &labels).state(state);
        environment.engine().add(container);
        outcome.stderr
    };
    let first = launch("web-1", "running");
    assert!(!first.contains("also in use"), "{first}");
    launch("api-2", "running");
    launch("stopped", "exited");
    // One that only claims to be ours has no record.
    let labels = [
        ("dev.jackin.owner", uid.as_str()),
        ("dev.jackin.launch", "0123456789abcdef"),
    ];
    environment
        .engine()
        .add(Container::running("stranger", &labels));
    let shown = environment.run(&["run", "web"]).stderr;
    let warning = shown
        .lines()
        .find(|line| line.contains("also in use"))
        .unwrap();
    let (before, days) = warning.split_once("(in ").unwrap();
    let (days, after) = days.split_once(')').unwrap();
    assert!(days.ends_with(" days"), "{warning}");
    assert_snapshot!(format!("{before}(in <span>){after}"), @"warning: claude's login is also in use by api-2, web-1; each keeps the copy it was started with until it ends (in <span>): restart them then, or give them tokens of their own: docker jackin config auth set oauth_token");
    assert!(
        shown.contains("claude auth: forwarded host session"),
        "{shown}"
    );
}

#[test]
fn scenario_41_a_container_with_another_login_is_not_named() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    environment.configure(SYNC_ROLE);
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    environment.add_launched("web-1");
    let login = environment.home().join(".claude/.credentials.json");
    let other = environment.write("work/.credentials.json", "");
    std::fs::copy(login, other).unwrap();
    let mut command = environment.command(&["run", "web"]);
    let folder = environment.home().join("work");
    let output = command.env("CLAUDE_CONFIG_DIR", folder).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(shown.contains("forwarded host session"), "{shown}");
    assert!(!shown.contains("also in use"), "{shown}");
}

#[test]
fn an_engine_without_launches_of_ours_is_asked_for_its_version_only() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(SYNC_ROLE);
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    assert_eq!(environment.engine().asked(), Vec::<String>::new());
}

#[test]
fn a_launch_that_cannot_be_written_down_starts_all_the_same() {
    let environment = TestEnvironment::new("1.45");
    environment.configure(SYNC_ROLE);
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    if !environment.has_folder() {
        // Only root has a folder of its own here that may be spoilt.
        return;
    }
    let folder = environment.launches();
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "").unwrap();
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    let told = "warning: this launch is not written down: cannot use";
    assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
}

#[test]
fn a_docker_that_does_not_start_leaves_neither_a_record_nor_a_ticket() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    environment.configure(SYNC_ROLE);
    let docker = environment.write("bin/docker", "#!/nonexistent\n");
    std::fs::set_permissions(&docker, Permissions::from_mode(0o755)).unwrap();
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 125, "{}", outcome.stderr);
    let launches = environment.launches();
    let tickets = launches.with_file_name("tickets");
    let login = environment.login();
    assert_eq!(std::fs::read_dir(login.join("wanted")).unwrap().count(), 0);
    for folder in [launches, tickets] {
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "{folder:?}");
    }
}
