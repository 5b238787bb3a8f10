//! The OCI hook, as its process runs it: `createRuntime` for a container that
//! the wrapper prepared, [`redeem`] for one that has no wrapper.

pub mod redeem;
pub mod redeliver;

use std::io;
use std::path::Path;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

use crate::container::{self, Container};
use crate::delivery::{self, Target};
use crate::payload::VariableName;
use crate::record::{Record, Surplus};
use crate::served::Served;
use crate::spec::{self, Spec};
use crate::state::{self, State};
use crate::store::Store;
use crate::ticket::{HANDLE_ANNOTATION, HANDLE_VARIABLE};
use crate::{admission, config, file};

/// The most memory that the hook may take, in bytes: it counts for no limit of
/// the container's, whose files decide how much is needed. The worst that is
/// not refused beforehand was measured to need 430 MB, an ordinary file of the
/// largest size 230 MB.
const MAX_MEMORY: u64 = 512 << 20;

/// Why a hook's run failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process could not be made safe to enter a container with.
    #[error("failed to {0}: {1}")]
    Precaution(&'static str, io::Error),
    /// What the engine said cannot be used.
    #[error(transparent)]
    State(#[from] state::Error),
    /// What was to be delivered cannot be read.
    #[error(transparent)]
    Container(#[from] container::Error),
    /// Nothing was prepared for this container.
    #[error("nothing was prepared for container {0}: its runtime is not docker-jackin-runtime")]
    Unprepared(container::ContainerId),
    /// The bundle's `config.json` cannot be read.
    #[error("failed to read {path}: {source}")]
    Bundle {
        /// The file.
        path: std::path::PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The bundle's `config.json` is not valid.
    #[error("the bundle's config.json cannot be used: {0}")]
    Spec(#[from] spec::Invalid),
    /// The files could not be delivered.
    #[error(transparent)]
    Delivery(#[from] delivery::Error),
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The container is not served.
    #[error(transparent)]
    Admission(#[from] admission::Error),
    /// It was called for a container that asks for nothing.
    #[error(
        "the container names no ticket; make one with 'docker jackin ticket --format handle', and \
         start the container with --annotation {HANDLE_ANNOTATION}=HANDLE, or without the device \
         that asks for a login"
    )]
    NoTicket,
    /// It names a ticket in a way that only the wrapper knows to handle.
    #[error(
        "the container names its ticket by the variable {HANDLE_VARIABLE}, which a hook cannot \
         take away; name it with --annotation {HANDLE_ANNOTATION}=HANDLE, or start the container \
         with --runtime docker-jackin"
    )]
    ByVariable,
    /// The login needs variables.
    #[error(
        "the login needs {} in the environment, which a hook cannot set; start the container with \
         --runtime docker-jackin", names(.0)
    )]
    NeedsVariables(Vec<VariableName>),
    /// The container has variables that go before the login.
    #[error(
        "the container sets {}, which would be used instead of the login, and which a hook cannot \
         take away; start it without, or with --runtime docker-jackin", names(.0)
    )]
    Outranked(Vec<VariableName>),
}

fn names(variables: &[VariableName]) -> String {
    let names: Vec<_> = variables.iter().map(VariableName::as_str).collect();
    names.join(", ")
}

/// What is done before anything is read: no core dump shows a secret, no
/// other process may look into this one (CVE-2019-5736), and no folder of the
/// bundle or the container is the current one (CVE-2024-21626). What a
/// container has in its files costs the host no more memory than is set here.
pub fn take_precautions() -> Result<(), Error> {
    let failed = |what| move |error: rustix::io::Errno| Error::Precaution(what, error.into());
    rustix::process::chdir("/").map_err(failed("leave the bundle"))?;
    // Every mode is spelt out where a file is made; the engine's umask has no
    // say in what the container's user may do.
    rustix::process::umask(rustix::fs::Mode::empty());
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed("forbid looking in"))?;
    // The limit is ours alone: a resolver that we start may need more.
    let maximum = getrlimit(Resource::As).maximum;
    let memory = Rlimit {
        current: Some(maximum.map_or(MAX_MEMORY, |maximum| maximum.min(MAX_MEMORY))),
        maximum,
    };
    setrlimit(Resource::As, memory).map_err(failed("limit the memory"))?;
    let core = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, core).map_err(failed("forbid core dumps"))
}

/// Delivers the files of the container whose state is on standard input, as the
/// wrapper prepared them.
///
/// Why it failed is also left in the container's folder, for a wrapper whose
/// low-level runtime tells no more than an exit code.
pub fn run(stdin: impl std::os::fd::AsFd) -> Result<(), Error> {
    let state = read_state(stdin)?;
    // Only the wrapper's own bundle calls us, and only for its container.
    let Some(container) = wrapped(&state)? else {
        return Err(Error::Unprepared(state.id));
    };
    let delivered = deliver(&state, &container);
    if let Err(error) = &delivered {
        // The runtime prints the error in any case.
        let _ = container.write_failure(&error.to_string());
    }
    delivered
}

fn read_state(stdin: impl std::os::fd::AsFd) -> Result<State, Error> {
    let bytes = file::read_bounded(stdin, state::MAX_SIZE)
        .map_err(|error| Error::Precaution("read the container state", error))?;
    Ok(State::from_json(&bytes)?)
}

/// The container of this state, if its bundle is one that the wrapper made.
fn wrapped(state: &State) -> Result<Option<Container>, Error> {
    let container = match Store::open()? {
        Some(store) => store.find(&state.id)?,
        None => None,
    };
    Ok(container.filter(|container| container.has_bundle(&state.bundle)))
}

fn deliver(state: &State, container: &Container) -> Result<(), Error> {
    let Some(mut record) = container.record()? else {
        return Err(Error::Unprepared(state.id.clone()));
    };
    let pid = state.init()?;
    let bytes = read_config(&state.bundle.join("config.json"))?;
    let spec = Spec::from_json(&bytes)?;
    let target = Target::of(&spec, &state.bundle, &record, pid)?;
    let init = init(pid)?;
    let delivered = delivery::deliver(pid, &target, &record, container)?;
    // The container has what it needs. That there is no room for a word about it
    // is no reason to take that away: without the mark it gets no other login
    // while it runs, and that is all.
    if !delivered.warnings.is_empty() {
        let _ = container.write_warnings(&delivered.warnings);
    }
    let _ = container.mark_served(&init);
    keep_surplus(container, &mut record, delivered.left)
}

/// A container's process, told from any later one.
fn init(pid: i32) -> Result<Served, Error> {
    Served::of(pid).map_err(|error| Error::Precaution("read about the container's process", error))
}

/// Keeps in mind what could not be taken out of the container's files.
fn keep_surplus(
    container: &Container,
    record: &mut Record,
    left: Vec<Surplus>,
) -> Result<(), Error> {
    if left != record.surplus {
        record.surplus = left;
        container.save(record)?;
    }
    Ok(())
}

fn read_config(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
    file::read_path(path, spec::MAX_SIZE).map_err(|source| Error::Bundle {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Set for the process in which the precautions are taken: they are for
    /// good.
    const INSIDE: &str = "JACKIN_TEST_INSIDE";

    #[test]
    fn the_hook_cannot_be_made_to_take_more_memory_than_is_its_due() {
        if std::env::var_os(INSIDE).is_some() {
            take_precautions().unwrap();
            let takes = |bytes: u64| {
                let room = usize::try_from(bytes).unwrap();
                Vec::<u8>::new().try_reserve_exact(room).is_ok()
            };
            assert!(takes(MAX_MEMORY / 2));
            assert!(!takes(MAX_MEMORY));
            return;
        }
        let own = std::env::current_exe().unwrap();
        let name = "hook::tests::the_hook_cannot_be_made_to_take_more_memory_than_is_its_due";
        let inside = std::process::Command::new(own)
            .args(["--exact", name, "--test-threads=1"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&inside.stdout);
        assert!(inside.status.success(), "{told}");
        assert!(told.contains("1 passed"), "{told}");
    }
}
