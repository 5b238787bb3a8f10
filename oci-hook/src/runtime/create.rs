//! `create` and `run`: serving a container before the low-level runtime has it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

use super::arguments::{Arguments, Verb};
use super::engine::EngineRecord;
use super::log::Log;
use super::low_level::{self, LowLevel};
use super::{Error, hide_memory, keep, pass, resolver};
use crate::config::Config;
use crate::container::{self, Container, ContainerId, Marker};
use crate::file;
use crate::payload::Payload;
use crate::record::{Origin, Record};
use crate::redeem::{self, Bearer};
use crate::spec::{self, Hook, Spec};
use crate::store::Store;
use crate::ticket::{HANDLE_ANNOTATION, HANDLE_VARIABLE, Handle};

/// After how many seconds the runtime ends the hook.
const HOOK_TIMEOUT: u32 = 30;

/// The hook's whole environment. Never empty, and nothing of the image's.
const HOOK_ENV: [&str; 1] = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"];

/// Starts a container: with what its ticket holds, or, where it has none,
/// exactly as the low-level runtime would.
pub fn start(
    arguments: Arguments,
    low_level: &LowLevel,
    config: &Config,
    log: &Log,
) -> Result<ExitCode, Error> {
    hide_memory()?;
    let root = low_level.state_folder(&arguments);
    let Some(asked) = Asked::read(&arguments)? else {
        forget(&arguments, &root)?;
        return pass(low_level, &arguments);
    };
    super::sweep(log);
    let store = Store::open_or_create()?;
    let known = match store.find_in(&root, &asked.id)? {
        Some(container) => container
            .record()?
            .filter(|record| record.origin == Origin::Ticket(asked.handle.clone())),
        None => None,
    };
    let first = known.is_none();
    match serve(&asked, known, &store, low_level, &root, config, log) {
        Ok(served) => served.hand_over(arguments, low_level),
        Err(error) => {
            // What we refuse keeps nothing. What the low-level runtime refuses
            // keeps its login: the same container may be started again.
            if first
                && !matches!(error, Error::Container(container::Error::OtherRoot { .. }))
                && let Err(left) = store.remove(&asked.id)
            {
                log.warn(&format!("failed to forget container {}: {left}", asked.id));
            }
            Err(error)
        }
    }
}

/// A container without a ticket is a new one, whatever was served by its id.
fn forget(arguments: &Arguments, root: &Path) -> Result<(), Error> {
    let Some(id) = arguments.container() else {
        return Ok(());
    };
    let Ok(id) = ContainerId::try_from(OsString::from(id)) else {
        return Ok(());
    };
    if !Store::mentions(&id) {
        return Ok(());
    }
    if let Some(store) = Store::open()?
        && store.find_in(root, &id)?.is_some()
    {
        store.remove(&id)?;
    }
    Ok(())
}

/// A container that asks to be served.
struct Asked {
    id: ContainerId,
    handle: Handle,
    /// Whether the handle came by the variable.
    by_variable: bool,
    bundle: PathBuf,
    config_path: PathBuf,
    config: Zeroizing<Vec<u8>>,
}

impl Asked {
    /// Reads the call; `None` when the container has no ticket.
    fn read(arguments: &Arguments) -> Result<Option<Self>, Error> {
        let bundle = arguments.bundle();
        let bundle = std::path::absolute(&bundle).map_err(|source| Error::Read {
            path: bundle,
            source,
        })?;
        let config_path = arguments
            .config()
            .unwrap_or_else(|| bundle.join("config.json"));
        let config = match file::read_path(&config_path, spec::MAX_SIZE) {
            Ok(config) => config,
            // The low-level runtime says so in its own words.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let path = config_path;
                return Err(Error::Read { path, source });
            }
        };
        if !mentions_a_ticket(&config) {
            return Ok(None);
        }
        let invalid = |source| Error::Spec {
            path: config_path.clone(),
            source,
        };
        let handle = Spec::from_json(&config)
            .and_then(|spec| spec.handle())
            .map_err(invalid)?;
        let Some(found) = handle else {
            return Ok(None);
        };
        let id = arguments.container().ok_or(Error::NoContainer)?;
        Ok(Some(Self {
            id: ContainerId::try_from(OsString::from(id))?,
            handle: found.text.parse()?,
            by_variable: found.by_variable,
            bundle,
            config_path,
            config,
        }))
    }
}

/// A quick look that spares most containers the reading of their
/// `config.json`; a text that only happens to hold the word costs that.
fn mentions_a_ticket(config: &[u8]) -> bool {
    let text = String::from_utf8_lossy(config);
    [HANDLE_ANNOTATION, HANDLE_VARIABLE]
        .iter()
        .any(|name| text.contains(name))
}

/// A container that is ready for the low-level runtime.
struct Served {
    container: Container,
    bundle: PathBuf,
    hooked: bool,
}

fn serve(
    asked: &Asked,
    known: Option<Record>,
    store: &Store,
    low_level: &LowLevel,
    root: &Path,
    config: &Config,
    log: &Log,
) -> Result<Served, Error> {
    let invalid = |source| Error::Spec {
        path: asked.config_path.clone(),
        source,
    };
    let spec = Spec::from_json(&asked.config).map_err(invalid)?;
    let engine = EngineRecord::find(&spec, &asked.bundle, &asked.id).map_err(invalid)?;
    let marker = Marker {
        root: root.to_owned(),
        alive: engine.alive.clone(),
    };
    let container = store.claim(&asked.id, &marker)?;
    let mut record = if let Some(mut known) = known {
        keep::before_start(&container, &mut known, log)?;
        resolver::refresh(known, config.resolver.as_deref(), log)
    } else {
        container.drop_kept()?;
        redeem(asked, engine, store)?
    };
    refuse_copy_on_disk(low_level, root, &record.payload)?;
    record.configured = spec
        .process()
        .configured(&record.payload)
        .map_err(invalid)?;
    container.save(&record)?;
    let hook_path = hook_path()?;
    let hook = Hook {
        path: &hook_path,
        args: &["docker-jackin-hook", "createRuntime"],
        env: &HOOK_ENV,
        timeout: HOOK_TIMEOUT,
    };
    let hook = record.touches_files().then_some(&hook);
    let rootfs = spec
        .root()
        .map_err(invalid)?
        .unwrap_or_else(|| "rootfs".into());
    let rootfs = asked.bundle.join(rootfs);
    let edited = spec
        .edited(&record.payload, &rootfs, hook)
        .map_err(invalid)?;
    let bundle = container.write_bundle(&edited)?;
    Ok(Served {
        container,
        bundle,
        hooked: hook.is_some(),
    })
}

impl Served {
    /// Hands the container over to the low-level runtime.
    ///
    /// `create` with a hook is waited for, since crun tells no more of a
    /// failed hook than its exit code, and what was kept must go again.
    fn hand_over(self, arguments: Arguments, low_level: &LowLevel) -> Result<ExitCode, Error> {
        let waits = self.hooked && arguments.verb() == Verb::Create;
        let arguments = arguments.with_bundle(&self.bundle);
        if !waits {
            return pass(low_level, &arguments);
        }
        let _ = self.container.take_failure();
        let status = low_level.see_through(&arguments)?;
        if !status.success() {
            // Nobody ever saw these files. Where they cannot be dropped now, the
            // next start or sweep tries again.
            let _ = self.container.drop_kept();
        }
        match self.container.take_failure() {
            Some(message) if !status.success() => Err(Error::Hook(message)),
            _ => Ok(ExitCode::from(low_level::exit_code(status))),
        }
    }
}

fn redeem(asked: &Asked, engine: EngineRecord, store: &Store) -> Result<Record, Error> {
    if asked.by_variable && engine.image_sets(HANDLE_VARIABLE, &asked.handle.expose()) {
        return Err(Error::NamedByImage(asked.handle.masked()));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|_| Error::Clock)?;
    let bearer = Bearer {
        id: &asked.id,
        image: engine.image,
    };
    let ticket =
        redeem::redeem(store, &asked.handle, &bearer, now.as_secs()).map_err(|source| {
            Error::Redeem {
                handle: asked.handle.masked(),
                source,
            }
        })?;
    Ok(Record {
        origin: Origin::Ticket(asked.handle.clone()),
        request: ticket.request,
        payload: ticket.payload,
        user: ticket.user,
        configured: Vec::new(),
        surplus: Vec::new(),
    })
}

/// The hook lies beside the wrapper.
fn hook_path() -> Result<PathBuf, Error> {
    let own = Path::new("/proc/self/exe");
    let read = |source| Error::Read {
        path: own.to_owned(),
        source,
    };
    let hook = own
        .read_link()
        .map_err(read)?
        .with_file_name("docker-jackin-hook");
    match hook.metadata() {
        Ok(_) => Ok(hook),
        Err(source) => Err(Error::Read { path: hook, source }),
    }
}

/// Refuses variables where the low-level runtime would copy them to a disk.
fn refuse_copy_on_disk(low_level: &LowLevel, root: &Path, payload: &Payload) -> Result<(), Error> {
    if payload.env.is_empty() || !low_level.copies_config() {
        return Ok(());
    }
    let existing = root
        .ancestors()
        .find_map(|folder| std::fs::File::open(folder).ok());
    let in_memory = existing.is_some_and(|folder| file::in_memory(folder).unwrap_or(false));
    if in_memory {
        return Ok(());
    }
    Err(Error::CopyOnDisk {
        runtime: low_level.path().to_owned(),
        path: root.to_owned(),
    })
}
