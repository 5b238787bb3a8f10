//! Searching for a canary everywhere a container's secret could come to light.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use nix::sys::statfs::{FsType, fstatfs, statfs};

use crate::canary::{Canary, CanaryFinder};
use crate::engine::Engine;
use crate::processes;
use crate::rig::unique;

const IN_MEMORY: [FsType; 4] = [
    nix::sys::statfs::TMPFS_MAGIC,
    nix::sys::statfs::PROC_SUPER_MAGIC,
    nix::sys::statfs::SYSFS_MAGIC,
    nix::sys::statfs::CGROUP_SUPER_MAGIC,
];

/// The surfaces on which `canary` is found. Looks at the container itself, at
/// an image made of it, at the engine's disk and at open files.
pub fn search(engine: &Engine, container: &str, canary: &Canary) -> Result<BTreeSet<String>> {
    let search = Search {
        engine,
        finder: canary.finder(),
        found: BTreeSet::new(),
    };
    search.all(container)
}

/// The surfaces that stay when a container is gone.
pub fn search_remains(engine: &Engine, canary: &Canary) -> Result<BTreeSet<String>> {
    let mut search = Search {
        engine,
        finder: canary.finder(),
        found: BTreeSet::new(),
    };
    search.disk()?;
    search.events()?;
    Ok(search.found)
}

struct Search<'a> {
    engine: &'a Engine,
    finder: CanaryFinder,
    found: BTreeSet<String>,
}

impl Search<'_> {
    fn all(mut self, container: &str) -> Result<BTreeSet<String>> {
        self.output("inspect", &["inspect", "--size", container])?;
        self.output("ps", &["ps", "--all", "--no-trunc"])?;
        self.output("logs", &["logs", "--details", container])?;
        self.output("diff", &["diff", container])?;
        self.output("export", &["export", container])?;
        self.output("cp", &["cp", &format!("{container}:/"), "-"])?;
        self.events()?;
        self.image(container)?;
        self.disk()?;
        open_files(&self.finder, &mut self.found);
        Ok(self.found)
    }

    fn events(&mut self) -> Result<()> {
        let until = format!("{}", crate::staging::now()?);
        let format = "{{json .}}";
        self.output(
            "events",
            &[
                "events", "--since", "0", "--until", &until, "--format", format,
            ],
        )
    }

    /// The image that a commit makes: its configuration, history and layers.
    fn image(&mut self, container: &str) -> Result<()> {
        let image = unique("committed");
        self.engine.docker(&["commit", container, &image])?;
        self.output("committed image", &["image", "inspect", &image])?;
        self.output("history", &["history", "--no-trunc", &image])?;
        self.output("saved image", &["save", &image])?;
        self.engine.docker(&["rmi", &image])?;
        Ok(())
    }

    fn output(&mut self, surface: &str, arguments: &[&str]) -> Result<()> {
        let mut client = self.engine.client();
        output(
            client.args(arguments),
            surface,
            &self.finder,
            &mut self.found,
        )
    }

    /// What the engine has on disk: layers, databases, temporary files, log.
    fn disk(&mut self) -> Result<()> {
        let root = self.engine.disk();
        let mut found = Vec::new();
        files(root, None, &self.finder, &mut found)?;
        for path in found {
            let path = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            let surface = match path.as_str() {
                "engine.log" => "engine's log".to_owned(),
                path if path.ends_with("meta.db") => "containerd's database".to_owned(),
                path => format!("engine's disk: {path}"),
            };
            self.found.insert(surface);
        }
        Ok(())
    }
}

/// Runs a command that must succeed, and looks at all that it prints.
pub fn output(
    command: &mut Command,
    surface: &str,
    finder: &CanaryFinder,
    found: &mut BTreeSet<String>,
) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdout = child.stdout.take().context("no output")?;
    if finder.is_in_stream(&mut stdout)? {
        found.insert(surface.to_owned());
        std::io::copy(&mut stdout, &mut std::io::sink())?;
    }
    let mut stderr = Vec::new();
    child
        .stderr
        .take()
        .context("no errors")?
        .read_to_end(&mut stderr)?;
    if !child.wait()?.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&stderr));
    }
    if finder.is_in(&stderr) {
        found.insert(format!("errors of {surface}"));
    }
    Ok(())
}

/// The files below `root`, on its own file system, that hold a canary; with
/// `since`, of those changed after it only.
pub fn files(
    root: &Path,
    since: Option<SystemTime>,
    finder: &CanaryFinder,
    found: &mut Vec<std::path::PathBuf>,
) -> Result<()> {
    let device = fs::symlink_metadata(root)?.dev();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        // Engines make and remove files all the time: what is gone is gone.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = fs::symlink_metadata(&path) else {
                continue;
            };
            if metadata.is_dir() && metadata.dev() == device {
                folders.push(path);
            } else if metadata.is_file() && changed(&metadata, since) {
                let file = File::open(&path);
                if file.is_ok_and(|file| finder.is_in_stream(file).unwrap_or(false)) {
                    found.push(path);
                }
            }
        }
    }
    Ok(())
}

/// Whether a path lies on a file system that is in memory only.
pub fn in_memory(path: &Path) -> bool {
    statfs(path).is_ok_and(|stat| IN_MEMORY.contains(&stat.filesystem_type()))
}

fn changed(metadata: &fs::Metadata, since: Option<SystemTime>) -> bool {
    let Some(since) = since else { return true };
    metadata
        .modified()
        .map_or(true, |modified| modified >= since)
}

/// Files on disk that have no name any more, but are still open somewhere.
pub fn open_files(finder: &CanaryFinder, found: &mut BTreeSet<String>) {
    for process in processes::all() {
        let entries = fs::read_dir(process.join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        for entry in entries.map(|entry| entry.path()) {
            let deleted = fs::read_link(&entry)
                .is_ok_and(|target| target.to_string_lossy().ends_with(" (deleted)"));
            if deleted && holds_on_disk(&entry, finder) {
                found.insert(format!("deleted file, open as {}", entry.display()));
            }
        }
    }
}

fn holds_on_disk(path: &Path, finder: &CanaryFinder) -> bool {
    // A pipe or a device could be read for ever.
    let Ok(metadata) = fs::metadata(path) else {
        return false;
    };
    if !metadata.is_file() || metadata.file_type().is_char_device() {
        return false;
    }
    let Ok(file) = File::open(path) else {
        return false;
    };
    let memory =
        fstatfs(file.as_fd()).is_ok_and(|stat| IN_MEMORY.contains(&stat.filesystem_type()));
    !memory && finder.is_in_stream(file).unwrap_or(false)
}
