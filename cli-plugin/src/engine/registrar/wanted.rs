//! What is to be registered: programs that may be run, and under which names.

use std::path::{Path, PathBuf};

use super::change::FileChange;
use super::settings_file::{installation_failure, planned};
use crate::engine::installation::{Installation, RUNTIME_NAME};
use crate::engine::owner::Owner;
use crate::failure::Failure;

/// What the command line asks for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Where the wrapper is.
    pub wrapper: Option<PathBuf>,
    /// The low-level runtime.
    pub low_level: Option<String>,
    /// Whether the wrapper becomes the engine's default runtime.
    pub default_runtime: bool,
}

/// What is to be registered with one owner's engine.
pub struct Wanted {
    /// The wrapper and the hook, which nobody else can change.
    pub installation: Installation,
    /// The names and the programs to register as runtimes.
    pub runtimes: Vec<(String, PathBuf)>,
    /// The runtime that does the work.
    pub low_level: PathBuf,
    /// Whether the wrapper becomes the engine's default runtime.
    pub default_runtime: bool,
    settings: FileChange<'static>,
}

impl Wanted {
    /// Finds and checks the programs: they are looked at before any file that
    /// names them is written.
    ///
    /// # Errors
    /// One is missing, or could be changed by others.
    pub fn find(asked: &Asked, plugin: &Path, owner: &Owner) -> Result<Self, Failure> {
        let failed = |error| installation_failure(&error);
        let installation = Installation::find(asked.wrapper.as_deref(), plugin).map_err(failed)?;
        installation.require_alone(owner.uid()).map_err(failed)?;
        let (settings, low_level) = planned(owner, asked.low_level.as_deref(), plugin)?;
        Ok(Self {
            runtimes: installation.runtimes(),
            installation,
            low_level,
            default_runtime: asked.default_runtime,
            settings,
        })
    }

    /// The change of the engine side's settings, which comes before any
    /// engine may call that side.
    pub fn into_settings(self) -> FileChange<'static> {
        self.settings
    }

    /// The name of the runtime that `--default-runtime` is about.
    pub fn default_name() -> &'static str {
        RUNTIME_NAME
    }
}

#[cfg(test)]
impl Wanted {
    /// What would be registered of an installation in `libexec`.
    pub(super) fn of(libexec: &Path, default_runtime: bool) -> Self {
        let wrapper = libexec.join("docker-jackin-runtime");
        let named = |low_level: &str| {
            let program = wrapper.with_file_name(format!("docker-jackin-runtime-{low_level}"));
            (format!("{RUNTIME_NAME}-{low_level}"), program)
        };
        Self {
            runtimes: vec![
                (RUNTIME_NAME.to_owned(), wrapper.clone()),
                named("runc"),
                named("crun"),
            ],
            installation: Installation {
                hook: libexec.join("docker-jackin-hook"),
                wrapper,
            },
            low_level: "/usr/bin/runc".into(),
            default_runtime,
            settings: FileChange::new(Path::new("/nowhere"), None, None),
        }
    }
}
