//! The labels of a container that we started: names only, nothing that is
//! secret or tells whose account a login belongs to.

use crate::agent::Agent;
use crate::auth::scope::Cell;

/// What all of our labels and annotations begin with.
pub const OURS: &str = "dev.jackin.";

/// Its role; empty for `run --image`.
pub const ROLE: &str = "dev.jackin.role";

/// Its workspace, where it has one.
pub const WORKSPACE: &str = "dev.jackin.workspace";

/// The uid of the user who started it.
pub const OWNER: &str = "dev.jackin.owner";

/// The id of its launch.
pub const LAUNCH: &str = "dev.jackin.launch";

/// Its agents, separated by commas, the default one first.
pub const AGENTS: &str = "dev.jackin.agents";

/// The labels of a container, as `name=value`. The role is never left out: an
/// image could bring another, and be taken for it.
pub fn all(cell: Cell<'_>, owner: u32, launch: &str, agents: &[Agent]) -> Vec<String> {
    let agents: Vec<_> = agents.iter().map(|agent| agent.word()).collect();
    let mut labels = vec![format!("{ROLE}={}", cell.role.unwrap_or_default())];
    let workspace = cell.workspace;
    labels.extend(workspace.map(|workspace| format!("{WORKSPACE}={workspace}")));
    labels.push(format!("{OWNER}={owner}"));
    labels.push(format!("{LAUNCH}={launch}"));
    labels.push(format!("{AGENTS}={}", agents.join(",")));
    labels
}
