//! The containers of one user on one engine, each with what was written down
//! at its launch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{LaunchFolder, LaunchId, Record, label};
use crate::engine::client::PATIENT;
use crate::engine::containers::Listed;
use crate::engine::registered::is_our_runtime;
use crate::engine::{Engine, EngineError};

/// A container that was started by one of our launches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id in full.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state in one word, such as `running` or `exited`.
    pub state: String,
    /// Its state for people, such as `Up 3 hours`.
    pub status: String,
    /// When it was created.
    pub created: SystemTime,
    /// Its role; `None` for `run --image`.
    pub role: Option<String>,
    /// Its workspace, where it has one.
    pub workspace: Option<String>,
    /// Its agents by their words, the default one first.
    pub agents: Vec<String>,
    /// Its launch.
    pub launch: LaunchId,
    /// What was written down of that; `None` when it was lost, as at the end
    /// of a user's session.
    pub record: Option<Record>,
}

/// The containers of user `uid`, running or not, the oldest first. Records of
/// launches whose containers are gone are swept.
///
/// # Errors
/// The engine does not list or describe them.
pub fn of_user(engine: &Engine, uid: u32, now: SystemTime) -> Result<Vec<Container>, EngineError> {
    let listed = engine.labelled(&format!("{}={uid}", label::OWNER), PATIENT)?;
    let launches = LaunchFolder::of_user(uid).ok();
    let mut containers = Vec::new();
    for one in listed {
        let Some(launch) = launch_of(&one) else {
            continue;
        };
        let record = launches.as_ref().and_then(|folder| folder.read(&launch));
        // Nobody else knows the id of a record. Without one the labels are
        // all there is, and an image can bring those; not the runtime.
        if record.is_some() || uses_our_runtime(engine, &one.id)? {
            containers.push(Container::new(one, launch, record));
        }
    }
    if let Some(launches) = launches {
        let alive = containers.iter().map(|one| one.launch.clone()).collect();
        launches.sweep(&engine.real_socket(), &alive, now);
    }
    Ok(containers)
}

/// The launch of a container, by its label.
pub fn launch_of(listed: &Listed) -> Option<LaunchId> {
    LaunchId::try_from(listed.labels.get(label::LAUNCH)?.clone()).ok()
}

fn uses_our_runtime(engine: &Engine, id: &str) -> Result<bool, EngineError> {
    let described = engine.describe(id)?;
    Ok(described.is_some_and(|one| is_our_runtime(&one.runtime)))
}

impl Container {
    fn new(listed: Listed, launch: LaunchId, record: Option<Record>) -> Self {
        // An image may have brought them: they are not to move the cursor.
        let plain = |text: &&String| !text.is_empty() && !text.chars().any(char::is_control);
        let label = |name: &str| listed.labels.get(name).filter(plain).cloned();
        let (role, workspace, agents) = if let Some(record) = &record {
            // A restart may have given it other agents than its label says, and
            // of a launch without a role the label is its image's.
            let logins = record.agents.iter();
            let agents = logins.map(|login| login.agent.clone()).collect();
            (record.role.clone(), record.workspace.clone(), agents)
        } else {
            let agents = label(label::AGENTS).unwrap_or_default();
            let agents = agents.split(',').filter(|word| !word.is_empty());
            let agents = agents.map(str::to_owned).collect();
            (label(label::ROLE), label(label::WORKSPACE), agents)
        };
        Self {
            role,
            workspace,
            agents,
            created: UNIX_EPOCH + Duration::from_secs(listed.created),
            id: listed.id,
            name: listed.name,
            state: listed.state,
            status: listed.status,
            launch,
            record,
        }
    }

    /// Whether a process can be started in it now.
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }
}
