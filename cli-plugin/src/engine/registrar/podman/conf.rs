//! What Podman has in force already, read from the files that it reads.
//!
//! Lists in a later file replace those of earlier ones, so ours have to repeat
//! what is there.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use super::SYSTEM;
use crate::engine::owner::Owner;
use crate::engine::registrar::hooks_d;
use crate::engine::registration::{left_as_it_is, unreadable};
use crate::engine::whole_file::WholeFile;
use crate::failure::Failure;

/// What comes with the distribution.
const SHIPPED: &str = "/usr/share/containers/containers.conf";

/// What Podman 4.3 to 5.4 have built in. A name that there is not does no harm.
const SUPPORTS_JSON: [&str; 7] = ["crun", "crun-vm", "kata", "krun", "runc", "runsc", "youki"];

/// The same for runtimes that can do without cgroups.
const SUPPORTS_NO_CGROUP: [&str; 3] = ["crun", "crun-vm", "krun"];

/// The files in the order in which Podman reads them, less our own.
pub(super) struct Conf {
    files: Vec<DocumentMut>,
}

impl Conf {
    /// Reads them.
    ///
    /// # Errors
    /// One is there that cannot be read, or that is no TOML: every command of
    /// Podman's fails then.
    pub(super) fn read(owner: &Owner, ours: &Path) -> Result<Self, Failure> {
        let mut paths = vec![PathBuf::from(SHIPPED)];
        paths.extend(below(Path::new(SYSTEM)));
        if let Owner::User { config, .. } = owner {
            paths.extend(below(&config.join("containers")));
        }
        Self::of(paths.iter().filter(|path| path.as_path() != ours))
    }

    pub(super) fn of<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<Self, Failure> {
        let mut files = Vec::new();
        for path in paths {
            let file = WholeFile::read(path).map_err(|error| unreadable(path, &error))?;
            let text = file.text().unwrap_or_default();
            files.push(text.parse().map_err(|error| left_as_it_is(path, &error))?);
        }
        Ok(Self { files })
    }

    /// The runtimes that take `--log-format json`.
    pub(super) fn supports_json(&self) -> Vec<String> {
        self.list("runtime_supports_json", &SUPPORTS_JSON)
    }

    /// The runtimes that can do without cgroups. The key has no s at its end,
    /// whatever containers.conf(5) says.
    pub(super) fn supports_no_cgroup(&self) -> Vec<String> {
        self.list("runtime_supports_nocgroup", &SUPPORTS_NO_CGROUP)
    }

    /// The folders of hooks that are read, and one more.
    pub(super) fn hook_folders_and(&self, own: &Path) -> Vec<String> {
        let own = own.display().to_string();
        let mut folders = self.list("hooks_dir", &[hooks_d::DEFAULT_FOLDER]);
        folders.retain(|folder| *folder != own);
        folders.push(own);
        folders
    }

    fn list(&self, key: &str, built_in: &[&str]) -> Vec<String> {
        let set = self.files.iter().rev().find_map(|file| {
            let list = file.get("engine")?.get(key)?.as_array()?;
            let texts = list.iter().filter_map(toml_edit::Value::as_str);
            Some(texts.map(str::to_owned).collect())
        });
        set.unwrap_or_else(|| built_in.iter().copied().map(str::to_owned).collect())
    }
}

/// `containers.conf` and the drop-ins in a folder, in the order of their names.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("containers.conf.d"));
    let mut drop_ins: Vec<_> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "conf"))
        .collect();
    drop_ins.sort();
    let mut paths = vec![folder.join("containers.conf")];
    paths.extend(drop_ins);
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_list_counts_and_else_what_is_built_in() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("containers.conf.d");
        fs::create_dir(&own).unwrap();
        let conf = || Conf::of(below(folder.path()).iter()).unwrap();
        assert_eq!(conf().supports_json(), SUPPORTS_JSON);
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write(
            "containers.conf",
            "[engine]\nruntime_supports_json = ['a']\n",
        );
        write(
            "containers.conf.d/20.conf",
            "[engine]\nhooks_dir = ['/h']\n",
        );
        write(
            "containers.conf.d/10.conf",
            "[engine]\nhooks_dir = ['/g']\nruntime_supports_json = ['b', 'c']\n",
        );
        write("containers.conf.d/30.txt", "no TOML");
        assert_eq!(conf().supports_json(), ["b", "c"]);
        assert_eq!(conf().supports_no_cgroup(), SUPPORTS_NO_CGROUP);
        assert_eq!(conf().hook_folders_and(Path::new("/own")), ["/h", "/own"]);
        write("containers.conf.d/40.conf", "no TOML");
        assert!(Conf::of(below(folder.path()).iter()).is_err());
    }
}
