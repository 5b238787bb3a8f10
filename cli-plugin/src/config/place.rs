//! The configuration that a command is about: where it is, and whose.

use std::path::PathBuf;

use super::edit::{self, Draft, Edited};
use super::{Config, load, path_of};
use crate::failure::Failure;
use crate::host::{Host, keep_out_of_dumps};
use crate::plugin::global_flags::GlobalFlags;

/// Where the configuration is, and the machine of the user whose it is.
#[derive(Debug)]
pub struct ConfigPlace {
    /// The file, which need not be there.
    pub file: PathBuf,
    /// The user's machine.
    pub host: Host,
}

impl ConfigPlace {
    /// The configuration of this process's user. From here on the process
    /// keeps its memory to itself, since secrets may stand in the file.
    ///
    /// # Errors
    /// No home folder is known.
    pub fn of_this_process(flags: &GlobalFlags) -> Result<Self, Failure> {
        keep_out_of_dumps();
        let host = Host::of_this_process()?;
        let file = path_of(flags, &host);
        Ok(Self { file, host })
    }

    /// Reads it.
    ///
    /// # Errors
    /// It is refused.
    pub fn load(&self) -> Result<Config, Failure> {
        let mut config = load(&self.file, &self.host)?;
        config.follow_links();
        Ok(config)
    }

    /// Changes it, as [`edit::edit`] says.
    ///
    /// # Errors
    /// It is refused before or after the change, or cannot be written.
    pub fn edit<T>(
        &self,
        change: impl Fn(&mut Draft) -> Result<T, Failure>,
    ) -> Result<Edited<T>, Failure> {
        edit::edit(&self.file, &self.host, change)
    }

    /// Finds out whether it could be changed so, as [`edit::rehearse`] says.
    ///
    /// # Errors
    /// It would be refused.
    pub fn rehearse(
        &self,
        change: impl Fn(&mut Draft) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        edit::rehearse(&self.file, &self.host, change)
    }
}
