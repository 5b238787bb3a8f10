//! Where an agent keeps a file of its own, on the host and in a container.

use std::path::PathBuf;

use jackin_oci_hook::payload::{MovedBy, Place};
use zeroize::Zeroizing;

use super::host_file::{self, HostFileError};
use crate::host::Host;

/// A file of an agent's: below the home, unless a variable names another
/// folder for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnFile {
    /// Its path below the home.
    pub at_home: &'static str,
    /// The variable that names another folder; an empty one counts for none.
    pub variable: &'static str,
    /// Its path below that folder.
    pub in_folder: &'static str,
}

impl OwnFile {
    /// Where it lies on this host.
    pub fn on(&self, host: &Host) -> PathBuf {
        match self.folder_on(host) {
            Some(folder) => folder.join(self.in_folder),
            None => host.home().join(self.at_home),
        }
    }

    /// The folder that the variable names on this host.
    pub fn folder_on(&self, host: &Host) -> Option<PathBuf> {
        let folder = host.path_variable(self.variable)?;
        // Of two folders that are called the same, each has a login of its own.
        Some(host.folder().join(folder))
    }

    /// What it holds on this host; `None` when it is not there. It may be a
    /// link that stays inside the home, or inside the folder that was named.
    ///
    /// # Errors
    /// It is there, and cannot or must not be read.
    pub fn read(
        &self,
        host: &Host,
        limit: u64,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, HostFileError> {
        let path = self.on(host);
        let Some(folder) = self.folder_on(host) else {
            return host_file::read(&path, host.home(), limit);
        };
        match host_file::read(&path, &folder, limit) {
            // A folder that the user named may link back into the home.
            Err(HostFileError::LeadsOutside { .. }) => host_file::read(&path, host.home(), limit),
            read => read,
        }
    }

    /// Its place in a container.
    pub fn in_container(&self) -> Place {
        Place {
            path: constant(self.at_home),
            moved_by: Some(MovedBy {
                variable: constant(self.variable),
                path: constant(self.in_folder),
            }),
        }
    }
}

#[expect(clippy::expect_used, reason = "the names are constants of the agents")]
fn constant<T>(text: &'static str) -> T
where
    T: TryFrom<&'static str, Error: std::fmt::Debug>,
{
    T::try_from(text).expect("a constant name or path is well formed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const FILE: OwnFile = OwnFile {
        at_home: ".agent/login.json",
        variable: "AGENT_HOME",
        in_folder: "login.json",
    };

    fn host(home: &std::path::Path, folder: Option<&std::path::Path>) -> Host {
        let folder = folder.map(|folder| folder.to_str().unwrap().to_owned());
        Host::new(
            home,
            "/",
            folder.map(|folder| ("AGENT_HOME".to_owned(), folder)),
        )
    }

    #[test]
    fn scenario_36_a_variable_moves_the_file_on_the_host_and_in_the_container() {
        let home = std::path::Path::new("/home/me");
        assert_eq!(FILE.on(&host(home, None)), home.join(".agent/login.json"));
        let folder = std::path::Path::new("/srv/agent");
        let moved = host(home, Some(folder));
        assert_eq!(FILE.on(&moved), folder.join("login.json"));
        let relative = [("AGENT_HOME".to_owned(), "own".to_owned())];
        let relative = Host::new(home, "/place", relative);
        assert_eq!(
            FILE.on(&relative),
            std::path::Path::new("/place/own/login.json")
        );
        let empty = host(home, Some(std::path::Path::new("")));
        assert_eq!(FILE.on(&empty), home.join(".agent/login.json"));

        let place = FILE.in_container();
        assert_eq!(place.path.as_str(), ".agent/login.json");
        let moved_by = place.moved_by.unwrap();
        assert_eq!(moved_by.variable.as_str(), "AGENT_HOME");
        assert_eq!(moved_by.path.as_str(), "login.json");
    }

    #[test]
    fn scenario_30_a_link_in_a_named_folder_may_lead_into_the_home_and_nowhere_else() {
        let home = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let host = host(home.path(), Some(folder.path()));
        let link = folder.path().join("login.json");
        for (target, allowed) in [
            (home.path(), true),
            (folder.path(), true),
            (elsewhere.path(), false),
        ] {
            let target = target.join("real");
            fs::write(&target, "content").unwrap();
            symlink(&target, &link).unwrap();
            let read = FILE.read(&host, 100);
            assert_eq!(read.is_ok(), allowed, "{read:?}");
            fs::remove_file(&link).unwrap();
        }
        assert!(FILE.read(&host, 100).unwrap().is_none());
    }
}
