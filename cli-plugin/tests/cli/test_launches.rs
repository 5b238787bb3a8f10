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

/// Launches `web`, and puts its container into the engine in this state.
fn launch(environment: &TestEnvironment, name: &str, state: &'static str) -> String {
    let outcome = environment.run(&["run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    let id = launch_id(environment);
    let uid = rustix::process::geteuid().as_raw().to_string();
    let labels = [
        ("dev.jackin.owner", uid.as_str()),
        ("dev.jackin.launch", &id),
    ];
    let container = Container::running(name, &labels).state(state);
    environment.engine().add(container);
    outcome.stderr
}

/// The line that warns of other containers.
fn warning_of_others(shown: &str) -> Option<&str> {
    shown.lines().find(|line| line.contains("also in use"))
}

/// A login with a refresh token, and a role whose containers get it like that.
fn with_renewable_login(refresh: &str) -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    environment.write(
        ".claude/.credentials.json",
        &format!(
            r#"{{"claudeAiOauth":{{"accessToken":"access-canary","refreshToken":"refresh-canary","expiresAt":{FAR}000}}}}"#
        ),
    );
    environment.configure(&format!(
        "[claude]\nsync_refresh = \"{refresh}\"\n{SYNC_ROLE}"
    ));
    environment
}

#[test]
fn scenario_41_a_copy_names_the_running_containers_with_the_same_login() {
    let environment = with_renewable_login("copy");
    let first = launch(&environment, "web-1", "running");
    assert_eq!(warning_of_others(&first), None);
    launch(&environment, "api-2", "running");
    launch(&environment, "stopped", "exited");
    // One that only claims to be ours has no record.
    let uid = rustix::process::geteuid().as_raw().to_string();
    let labels = [
        ("dev.jackin.owner", uid.as_str()),
        ("dev.jackin.launch", "0123456789abcdef"),
    ];
    environment
        .engine()
        .add(Container::running("stranger", &labels));
    let shown = environment.run(&["run", "web"]).stderr;
    assert_snapshot!(warning_of_others(&shown).unwrap(), @"warning: claude's login is also in use by api-2, web-1, and this container gets a copy of it: its refresh token works once, so whoever renews first logs out the others, this host included (401); have it follow the host's login: docker jackin config auth unset --refresh --agent claude; or give it a token of its own: docker jackin config auth set oauth_token");
    assert!(
        shown.contains("claude auth: copied host session (sync_refresh = \"copy\" from global)"),
        "{shown}"
    );
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn scenario_41_a_copy_beside_containers_that_follow_is_told_from_either_side() {
    let environment = with_renewable_login("live");
    launch(&environment, "first", "running");
    // Any number of containers may follow one login.
    let shown = launch(&environment, "second", "running");
    assert_eq!(warning_of_others(&shown), None);
    assert!(shown.contains("claude auth: forwarded host session (sync)"));
    environment.configure(&format!("[claude]\nsync_refresh = \"copy\"\n{SYNC_ROLE}"));
    let shown = launch(&environment, "with-a-copy", "running");
    let warning = warning_of_others(&shown).unwrap();
    assert!(
        warning.contains("in use by first, second, and"),
        "{warning}"
    );
    environment.configure(SYNC_ROLE);
    let shown = environment.run(&["run", "web"]).stderr;
    assert_snapshot!(warning_of_others(&shown).unwrap(), @r#"warning: claude's login is also in use by with-a-copy as a copy, which logs out this container and this host once it renews itself (401); start that one anew with sync_refresh = "live", or give it a token of its own: docker jackin config auth set oauth_token"#);
}

#[test]
fn scenario_41_a_login_that_nothing_renews_is_shared_in_copies_without_a_word() {
    let environment = TestEnvironment::new("1.45");
    environment.write_login(FAR);
    environment.configure(&format!("[claude]\nsync_refresh = \"copy\"\n{SYNC_ROLE}"));
    launch(&environment, "first", "running");
    let shown = launch(&environment, "second", "running");
    assert!(shown.contains("copied host session"), "{shown}");
    assert_eq!(warning_of_others(&shown), None);
}

#[test]
fn scenario_41_a_container_with_another_login_is_not_named() {
    let environment = with_renewable_login("copy");
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    environment.add_launched("web-1");
    let login = environment.home().join(".claude/.credentials.json");
    let other = environment.write("work/.credentials.json", "");
    std::fs::copy(login, other).unwrap();
    let mut command = environment.command(&["run", "web"]);
    let folder = environment.home().join("work");
    let output = command.env("CLAUDE_CONFIG_DIR", folder).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(shown.contains("copied host session"), "{shown}");
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
