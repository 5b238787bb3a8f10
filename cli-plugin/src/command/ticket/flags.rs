//! The flags by which a container gets its ticket, as words that a shell takes
//! apart as they are: nothing in them needs quotes.

use jackin_oci_hook::ticket::{HANDLE_ANNOTATION, HANDLE_VARIABLE, Handle};

use crate::agent::Agent;
use crate::auth::scope::Cell;
use crate::command::channel::HandleBy;
use crate::engine::installation::RUNTIME_NAME;
use crate::launch::{LaunchId, label};

/// The handle as an annotation, `name=value`.
pub(super) fn annotation(handle: &Handle) -> String {
    format!("{HANDLE_ANNOTATION}={}", handle.expose())
}

/// The handle as a variable, `name=value`.
pub(super) fn variable(handle: &Handle) -> String {
    format!("{HANDLE_VARIABLE}={}", handle.expose())
}

/// The flags, with those `labels`.
pub(super) fn words(handle: &Handle, by: HandleBy, labels: &[String]) -> Vec<String> {
    let mut words = vec!["--runtime".to_owned(), RUNTIME_NAME.to_owned()];
    words.extend(match by {
        HandleBy::Annotation => ["--annotation".to_owned(), annotation(handle)],
        HandleBy::Variable => ["-e".to_owned(), variable(handle)],
    });
    for label in labels {
        words.extend(["--label".to_owned(), label.clone()]);
    }
    words
}

/// The labels by which other verbs know the container. A name that a shell
/// would not leave as it is stays out; it stands in what is written down.
pub(super) fn labels(cell: Cell<'_>, owner: u32, id: &LaunchId, agents: &[Agent]) -> Vec<String> {
    let plain = Cell {
        workspace: cell.workspace.filter(|name| is_plain(name)),
        role: cell.role.filter(|name| is_plain(name)),
    };
    label::all(plain, owner, id.as_str(), agents)
}

fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle() -> Handle {
        format!("7.{}", "ab".repeat(16)).parse().unwrap()
    }

    #[test]
    fn the_handle_goes_by_annotation_or_variable() {
        let id = "ab".repeat(16);
        for (by, flags) in [
            (
                HandleBy::Annotation,
                format!(
                    "--runtime docker-jackin --annotation dev.jackin.ticket=7.{id} --label a=b"
                ),
            ),
            (
                HandleBy::Variable,
                format!("--runtime docker-jackin -e DOCKER_JACKIN_TICKET=7.{id} --label a=b"),
            ),
        ] {
            assert_eq!(words(&handle(), by, &["a=b".to_owned()]).join(" "), flags);
        }
    }

    #[test]
    fn a_name_that_a_shell_would_take_apart_becomes_no_word() {
        let id = LaunchId::try_from("0123456789abcdef".to_owned()).unwrap();
        let label = |role: &str, workspace: &str| {
            let cell = Cell {
                workspace: Some(workspace),
                role: Some(role),
            };
            labels(cell, 7, &id, &[Agent::Claude, Agent::Codex]).join(" ")
        };
        assert_eq!(
            label("web", "my-app"),
            "dev.jackin.role=web dev.jackin.workspace=my-app dev.jackin.owner=7 \
             dev.jackin.launch=0123456789abcdef dev.jackin.agents=claude,codex"
        );
        for name in ["a b", "*", "$(id)", "a\nb", "é"] {
            assert_eq!(
                label(name, name),
                "dev.jackin.role= dev.jackin.owner=7 dev.jackin.launch=0123456789abcdef \
                 dev.jackin.agents=claude,codex"
            );
        }
    }
}
