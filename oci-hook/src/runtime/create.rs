//! `create` and `run`: serving a container before the low-level runtime has it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use zeroize::Zeroizing;

use super::arguments::{Arguments, Verb};
use super::log::Log;
use super::low_level::{self, LowLevel};
use super::{Error, hide_memory, pass, sweep};
use crate::admission::{self, Admission, Applicant, Grounds};
use crate::config::Config;
use crate::container::{Container, ContainerId};
use crate::engine_record::EngineRecord;
use crate::file;
use crate::payload::Payload;
use crate::record::Record;
use crate::spec::{self, Hook, Spec};
use crate::store::Store;

/// The hook's whole environment. Never empty, and nothing of the image's.
pub(super) const HOOK_ENV: [&str; 1] = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"];

/// Starts a container: with what its ticket holds, or, where it has none,
/// exactly as the low-level runtime would.
pub fn start(
    arguments: &Arguments,
    low_level: &LowLevel,
    config: &Config,
    log: &Log,
) -> Result<ExitCode, Error> {
    hide_memory()?;
    let root = low_level.state_folder(arguments);
    let Some(call) = Call::read(arguments)? else {
        forget(arguments, &root)?;
        return pass(low_level, arguments);
    };
    let spec = call.spec()?;
    let id = ContainerId::try_from(OsString::from(
        arguments.container().ok_or(Error::NoContainer)?,
    ))?;
    let engine = EngineRecord::find(&spec, &call.bundle, &id);
    let applicant = Applicant {
        id: &id,
        root: &root,
        bundle: &call.bundle,
        config: &call.config_path,
        spec: &spec,
        engine: &engine.map_err(|source| call.invalid(source))?,
        fits: |_, _| Ok(()),
    };
    let Some(grounds) = Grounds::of(&applicant, log)? else {
        forget(arguments, &root)?;
        return pass(low_level, arguments);
    };
    sweep(log);
    let store = Store::open_or_create()?;
    let admission = Admission {
        store: &store,
        resolver: config.resolver.as_deref(),
        log,
    };
    let served = admission.admit(&applicant, &grounds, |container, mut record| {
        refuse_copy_on_disk(low_level, &root, &record.payload)?;
        call.prepare(&spec, container, &mut record)
    });
    let started = served.and_then(|served| served.hand_over(arguments.clone(), low_level, log));
    match started {
        Err(error) if grounds.starts_without() => {
            log.warn(&format!("the container starts without a login: {error}"));
            forget(arguments, &root)?;
            pass(low_level, arguments)
        }
        started => started,
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

/// What the engine calls us with, for a container that may ask to be served.
struct Call {
    bundle: PathBuf,
    config_path: PathBuf,
    config: Zeroizing<Vec<u8>>,
}

impl Call {
    /// Reads the call; `None` when the container asks for nothing of ours.
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
        Ok(admission::may_be_served(&config).then_some(Self {
            bundle,
            config_path,
            config,
        }))
    }

    fn spec(&self) -> Result<Spec<'_>, Error> {
        Spec::from_json(&self.config).map_err(|source| self.invalid(source))
    }

    fn invalid(&self, source: spec::Invalid) -> Error {
        Error::Spec {
            path: self.config_path.clone(),
            source,
        }
    }

    /// Makes an admitted container ready for the low-level runtime.
    fn prepare(
        &self,
        spec: &Spec<'_>,
        container: Container,
        record: &mut Record,
    ) -> Result<Served, Error> {
        let invalid = |source| self.invalid(source);
        record.configured = spec
            .process()
            .configured(&record.payload)
            .map_err(invalid)?;
        container.save(record)?;
        let hook_path = hook_path()?;
        let hook = Hook {
            path: &hook_path,
            args: &["docker-jackin-hook", "createRuntime"],
            env: &HOOK_ENV,
        };
        let hook = record.touches_files().then_some(&hook);
        let rootfs = spec
            .root()
            .map_err(invalid)?
            .unwrap_or_else(|| "rootfs".into());
        let rootfs = self.bundle.join(rootfs);
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
}

/// A container that is ready for the low-level runtime.
struct Served {
    container: Container,
    bundle: PathBuf,
    hooked: bool,
}

impl Served {
    /// Hands the container over to the low-level runtime.
    ///
    /// `create` with a hook is waited for, since crun tells no more of a
    /// failed hook than its exit code, and what was kept must go again.
    fn hand_over(
        self,
        arguments: Arguments,
        low_level: &LowLevel,
        log: &Log,
    ) -> Result<ExitCode, Error> {
        let waits = self.hooked && arguments.verb() == Verb::Create;
        let arguments = arguments.with_bundle(&self.bundle);
        if !waits {
            return pass(low_level, &arguments);
        }
        let _ = self.container.take_failure();
        let _ = self.container.take_warnings();
        let status = low_level.see_through(&arguments)?;
        if !status.success() {
            // Nobody ever saw these files. Where they cannot be dropped now, the
            // next start or sweep tries again.
            let _ = self.container.drop_kept();
        }
        match self.container.take_failure() {
            Some(message) if !status.success() => return Err(Error::Hook(message)),
            _ => {}
        }
        for warning in self.container.take_warnings() {
            log.warn(&warning);
        }
        Ok(ExitCode::from(low_level::exit_code(status)))
    }
}

/// The hook lies beside the wrapper.
pub(super) fn hook_path() -> Result<PathBuf, Error> {
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
