//! The user's word to the engine's side that they ask for a container's login to
//! be delivered again: an exec alone could be the image's doing.

use std::path::PathBuf;

use jackin_oci_hook::published::ASKED;

use super::private_file;
use crate::failure::{Failure, Kind};
use crate::handoff::TicketFolder;

/// A word that was left. It is taken back when this is dropped, unless the
/// engine's side took it.
#[derive(Debug)]
pub struct Asked {
    path: PathBuf,
}

impl Asked {
    /// Leaves the word of user `uid` for the container of this id, as a file of
    /// mode 0600 in the folder [`ASKED`] beside the tickets.
    ///
    /// # Errors
    /// It cannot be written there.
    pub fn leave(uid: u32, container: &str) -> Result<Self, Failure> {
        let folder = TicketFolder::of_user(uid)?.beside(ASKED)?;
        let path = folder.join(container);
        private_file::sweep(&folder);
        match private_file::write(&folder, container, b"", 0o600) {
            Ok(()) => Ok(Self { path }),
            Err(error) => {
                let message = format!("cannot write to {}: {error}", folder.display());
                Err(Failure::new(Kind::Configuration, message)
                    .hint("make room on its file system, and try again"))
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let _ = private_file::remove(&self.path);
    }
}
