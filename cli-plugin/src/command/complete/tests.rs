//! What is offered where.

use super::*;
use crate::command::command_line;
use crate::config::{Config, Role, Workspace};

/// Names as a configuration and an engine would have them.
struct Known;

impl Names for Known {
    fn config(&self, folder: Option<&str>) -> Config {
        let role = Role {
            image: "img:1\n:0".into(),
            agents: Vec::new(),
            run: Vec::new(),
            env: [("NPM_TOKEN".try_into().unwrap(), value())].into(),
        };
        let workspace = Workspace {
            workdir: Some("/src/app".into()),
            ..Workspace::default()
        };
        let role_name = folder.unwrap_or("web");
        Config {
            roles: [(role_name.to_owned(), role)].into(),
            workspaces: [("my-app".to_owned(), workspace)].into(),
            ..Config::default()
        }
    }

    fn containers(&self, _: &GlobalFlags) -> Vec<(String, String)> {
        vec![("eager_mole".into(), "web".into())]
    }

    fn tickets(&self) -> Vec<(String, String)> {
        vec![("1000.0123456789ab".into(), "web".into())]
    }
}

fn value() -> crate::config::Value {
    crate::config::Value {
        written: crate::config::Written::Text("x".into()),
        line: 1,
    }
}

/// The candidates for the last word of a line, and the directive.
fn offered(line: &str) -> (String, u32) {
    let words: Vec<&str> = line.split(' ').collect();
    let answer = answer(&command_line(), &words, &Known);
    let candidates = answer.candidates.into_iter().map(|(word, _)| word);
    (candidates.collect::<Vec<_>>().join(" "), answer.directive)
}

#[test]
fn scenario_71_verbs_and_their_verbs_are_offered() {
    for (line, words) in [
        ("conf", "config"),
        ("resol", ""),
        ("config ", "auth env check path"),
        ("config auth ", "set unset show"),
        ("config env ", "set unset list"),
        ("workspace ", "add list show remove claude-token"),
        ("workspace claude-token ", "setup rotate revoke doctor"),
        ("role r", "remove"),
        ("ticket ", "list revoke"),
    ] {
        assert_eq!(offered(line), (words.to_owned(), 4), "{line:?}");
    }
}

#[test]
fn scenario_71_names_are_offered_where_they_are_meant() {
    for (line, words) in [
        ("run ", "web"),
        ("run --workspace ", "my-app"),
        ("run --workspace=", "my-app"),
        ("run --workspace my-app ", "web"),
        ("exec ", "web eager_mole"),
        ("eject ", "web"),
        ("purge ", "web"),
        ("ticket --role ", "web"),
        ("ticket --workspace=", "my-app"),
        ("ticket revoke ", "1000.0123456789ab"),
        ("workspace show ", "my-app"),
        ("workspace remove m", "my-app"),
        ("workspace claude-token setup ", "my-app"),
        ("workspace claude-token rotate my-app --role ", "web"),
        ("workspace claude-token revoke ", "my-app"),
        ("workspace claude-token setup my-app --store k", "keychain"),
        ("workspace claude-token doctor m", "my-app"),
        ("role show ", "web"),
        ("config auth set sync --role ", "web"),
        ("config auth show --workspace ", "my-app"),
        ("config env unset N", "NPM_TOKEN"),
        ("--config other run ", "other"),
        ("--config=other run ", "other"),
        ("-D -c ctx run ", "web"),
    ] {
        assert_eq!(offered(line), (words.to_owned(), 4), "{line:?}");
    }
}

#[test]
fn scenario_71_agents_and_only_their_modes_are_offered() {
    for (line, words) in [
        ("config auth set ", "sync api_key oauth_token ignore"),
        ("config auth set --agent codex ", "sync api_key ignore"),
        ("config auth set --agent=codex s", "sync"),
        ("config auth set sync --agent ", "claude codex amp opencode"),
        ("config auth set sync --agent=co", "codex"),
        ("run --image x --agent a", "amp"),
        ("role add x --image y --agent o", "opencode"),
        ("config auth show --format ", "text json"),
        ("config auth set sync --refresh ", "live copy"),
    ] {
        assert_eq!(offered(line), (words.to_owned(), 4), "{line:?}");
    }
}

#[test]
fn a_line_break_in_the_configuration_begins_no_candidate() {
    let words = ["run", ""];
    let answer = answer(&command_line(), &words, &Known);
    assert_eq!(
        answer.candidates,
        [("web".to_owned(), "img:1:0".to_owned())]
    );
}

#[test]
fn flags_are_offered_once_and_when_nothing_else_can_come() {
    assert_eq!(offered("config env unset X --w").0, "--workspace");
    assert_eq!(offered("config env unset --role web X --r").0, "");
    assert_eq!(
        offered("role add x --agent claude --a").0,
        "--agent",
        "it can be given more than once"
    );
    assert_eq!(
        offered("config auth unset ").0,
        "--agent --workspace --role --credential --refresh"
    );
}

#[test]
fn paths_and_sources_are_completed_by_the_shell() {
    assert_eq!(offered("workspace add x --workdir "), (String::new(), 16));
    assert_eq!(
        offered("config auth set api_key --from "),
        ("file: op:// helper: cmd:".to_owned(), 6)
    );
    assert_eq!(offered("workspace add "), (String::new(), 4));
    assert_eq!(offered("--tlscacert "), (String::new(), 0));
}

#[test]
fn behind_the_role_all_is_dockers_and_the_shell_offers_files() {
    for line in [
        "run web ",
        "run web --",
        "run web -v ./",
        "run web -- claude ",
        "run web x ",
        "exec web -- ",
        "exec web -- --a",
        "exec web -- x --agent=",
        "exec web --agent codex ",
    ] {
        assert_eq!(offered(line), (String::new(), 0), "{line:?}");
    }
}

#[test]
fn the_agent_is_offered_behind_the_container_as_well() {
    for (line, words) in [
        ("exec web --a", "--agent"),
        ("exec web -i --agent ", "claude codex amp opencode"),
        ("exec web --agent co", "codex"),
        ("exec web --agent=co", "codex"),
    ] {
        assert_eq!(offered(line), (words.to_owned(), 4), "{line:?}");
    }
}
