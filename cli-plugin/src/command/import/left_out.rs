//! What jackin's configuration has and ours has not.

use super::planner::Planner;
use crate::jackin::Rest;

/// What is known of a key, by the beginning of its path.
struct Known {
    path: &'static str,
    why: &'static str,
    loses_protection: bool,
}

const fn gone(path: &'static str, why: &'static str) -> Known {
    Known {
        path,
        why,
        loses_protection: false,
    }
}

const fn lost(path: &'static str, why: &'static str) -> Known {
    Known {
        path,
        why,
        loses_protection: true,
    }
}

const UNKNOWN: &str = "is not understood";
const BY_RUN_FLAGS: &str =
    "limits are flags of docker run, which a role can have: run = [\"--memory=4g\"]";
const NO_NETWORK: &str = "containers reach every address here; a network of docker's can bound them: run = [\"--network=NAME\"]";
const AS_THE_IMAGE: &str = "containers run as their image says; a role's run flags can bound them";
const NO_ACCOUNTS: &str = "a launch names its role, and its configuration the logins";

const KNOWN: [Known; 24] = [
    lost("docker.grants.network", NO_NETWORK),
    lost("docker.grants.allowed_hosts", NO_NETWORK),
    lost("docker.grants.user", AS_THE_IMAGE),
    lost("docker.grants.sudo", AS_THE_IMAGE),
    lost("docker.grants.system_writes", AS_THE_IMAGE),
    gone(
        "docker.grants.dind",
        "no docker is given to containers here",
    ),
    gone(
        "docker.grants.capabilities_add",
        "capabilities are flags of docker run, which a role can have: run = [\"--cap-add=NAME\"]",
    ),
    gone("docker.grants", BY_RUN_FLAGS),
    gone("docker", "has no counterpart"),
    gone("git", "commits are left alone here"),
    gone("runtime", "the engine that docker is set to is used"),
    gone("telemetry", "nothing is reported anywhere here"),
    gone(
        "dirty_exit_policy",
        "containers work on your own folders here, and nothing is lost at the end",
    ),
    gone(
        "role_repo_refresh_ttl_seconds",
        "no repositories are fetched here",
    ),
    gone("keep_awake", "the machine's sleep is left alone"),
    gone("git_pull_on_entry", "nothing is pulled at the start"),
    gone("default_launch", NO_ACCOUNTS),
    gone("agent_configurations", NO_ACCOUNTS),
    gone("roles", UNKNOWN),
    gone("mounts", UNKNOWN),
    gone("account_scan_exclusions", ""),
    gone("bootstrap", ""),
    gone("data_dir", ""),
    gone("", UNKNOWN),
];

impl Planner<'_> {
    /// Notes what is left, in a line for each thing.
    pub(super) fn note_rest(&mut self) {
        for rest in &self.jackin.rest {
            let known = KNOWN.iter().find(|known| covers(known.path, &rest.path));
            let Some(known) = known.filter(|known| !known.why.is_empty()) else {
                continue;
            };
            if rest.path == "docker.profile" {
                self.note_profile(rest);
                continue;
            }
            let path = match known.why {
                // Each of its keys would say the same.
                why if why != UNKNOWN && !known.path.starts_with("docker") => known.path,
                _ => &rest.path,
            };
            let mut about = about(rest, path);
            if known.why == UNKNOWN {
                about = format!("{about} ({})", rest.place);
            }
            if known.loses_protection {
                self.plan.unprotected(about, known.why);
            } else {
                self.plan.left(about, known.why);
            }
        }
    }

    fn note_profile(&mut self, rest: &Rest) {
        let about = about(rest, "docker.profile");
        match rest.word.as_deref() {
            Some("standard" | "compat") => self.plan.left(about, "there are no profiles here"),
            word => {
                let word = word.unwrap_or("unknown");
                let why = format!(
                    "what the profile {word:?} kept from agents is not kept from them here; a \
                     role's run flags can bound them: run = [\"--read-only\", \"--cap-drop=ALL\"]"
                );
                self.plan.unprotected(about, why);
            }
        }
    }
}

fn about(rest: &Rest, path: &str) -> String {
    match &rest.workspace {
        Some(workspace) => format!("workspace {workspace} {path}"),
        None => path.to_owned(),
    }
}

fn covers(known: &str, path: &str) -> bool {
    known.is_empty()
        || path
            .strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
