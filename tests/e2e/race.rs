//! Scenario 58: somebody who shares the home volume swaps what lies there
//! while containers start; nothing outside is written, no device is opened.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow, ensure};
use jackin_oci_hook::payload::Payload;
use jackin_tests::canary::Canary;
use jackin_tests::command::Outcome;
use jackin_tests::image::BASE;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::{Sandbox, USER};
use jackin_tests::staging;
use libtest_mimic::Trial;
use nix::fcntl::{RenameFlags, renameat2};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;

use crate::lab::on_each_engine;

/// Starts for each thing that is swapped in.
const STARTS: usize = 5;

pub(crate) fn trials() -> Vec<Trial> {
    on_each_engine("race::e58_paths_change_during_starts", swapped)
}

/// What is swapped with what, and how the second comes to be.
type Swap = (&'static str, fn(&Home, &Path) -> Result<()>);

const SWAPS: [Swap; 8] = [
    (".claude.json", |home, place| {
        link(&home.outside.join("file"), place)
    }),
    (".claude.json", |_, place| {
        link(Path::new("/outside/file"), place)
    }),
    (".claude.json", |_, place| {
        link(Path::new("/outside/new"), place)
    }),
    (".claude.json", |_, place| {
        Ok(mkfifo(place, Mode::from_bits_truncate(0o666))?)
    }),
    (".claude.json", |_, place| device(place)),
    (".claude", |home, place| link(&home.outside, place)),
    (".claude", |_, place| link(Path::new("/outside"), place)),
    (".claude/.credentials.json", |_, place| device(place)),
];

fn link(target: &Path, place: &Path) -> Result<()> {
    Ok(symlink(target, place)?)
}

/// The kernel's log, which whoever opens it may write to.
fn device(place: &Path) -> Result<()> {
    mknod(
        place,
        SFlag::S_IFCHR,
        Mode::from_bits_truncate(0o666),
        makedev(1, 11),
    )?;
    fs::set_permissions(place, Permissions::from_mode(0o666))?;
    Ok(())
}

/// A home that containers share, and a folder of root's that they also see.
struct Home {
    folder: PathBuf,
    outside: PathBuf,
}

impl Home {
    fn new() -> Result<Self> {
        let folder = Sandbox::memory().join(unique("shared"));
        let outside = Sandbox::memory().join(unique("outside"));
        let home = Self { folder, outside };
        fs::create_dir_all(home.folder.join(".claude"))?;
        fs::create_dir_all(&home.outside)?;
        fs::write(home.outside.join("file"), "{\"the\":\"host's own\"}")?;
        fs::write(home.outside.join(".credentials.json"), "the host's own")?;
        for path in [".", ".claude"] {
            chown(home.folder.join(path), Some(USER), Some(USER))?;
        }
        for path in [".claude.json", ".claude/.credentials.json"] {
            let path = home.folder.join(path);
            fs::write(&path, "{}")?;
            chown(&path, Some(USER), Some(USER))?;
        }
        Ok(home)
    }
}

/// Hears of everything that happens to some inodes, whatever they are called.
struct Ear(Inotify);

impl Ear {
    fn on(paths: &[(&Path, AddWatchFlags)]) -> Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        for (path, what) in paths {
            inotify.add_watch(*path, *what | AddWatchFlags::IN_DONT_FOLLOW)?;
        }
        Ok(Self(inotify))
    }

    /// What was done to them; that one is replaced by a new file is no harm.
    fn heard(&self) -> Vec<AddWatchFlags> {
        let events = self.0.read_events().unwrap_or_default();
        let masks = events.into_iter().map(|event| event.mask);
        masks
            .filter(|mask| *mask != AddWatchFlags::IN_IGNORED)
            .collect()
    }
}

/// Exchanges two names as fast as it can.
struct Swapper {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Swapper {
    fn start(one: PathBuf, other: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let count = Arc::new(AtomicU64::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&count));
        let thread = thread::spawn(move || {
            let here = nix::fcntl::AT_FDCWD;
            while !stopped.load(Ordering::Relaxed) {
                if renameat2(here, &one, here, &other, RenameFlags::RENAME_EXCHANGE).is_ok() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self {
            stop,
            count,
            thread,
        }
    }

    fn finish(self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("the swapper died"))?;
        Ok(self.count.load(Ordering::Relaxed))
    }
}

fn payload(canary: &Canary) -> Result<Payload> {
    let mut payload = staging::variables(&[("TOKEN", canary.text())])?;
    let login = staging::bound_file(".claude/.credentials.json", canary.text())?;
    payload.files.push(login);
    payload.files.push(staging::onboarding()?);
    Ok(payload)
}

fn swapped(rig: &Rig) -> Result<()> {
    let mut swaps = 0;
    for (index, (name, make)) in SWAPS.into_iter().enumerate() {
        for _ in 0..STARTS {
            swaps += once(rig, name, make).with_context(|| format!("swap {index} of {name}"))?;
        }
    }
    ensure!(swaps > 10_000, "only {swaps} swaps");
    Ok(())
}

/// One start while `name` is swapped; how often that was done.
fn once(rig: &Rig, name: &str, make: fn(&Home, &Path) -> Result<()>) -> Result<u64> {
    let home = Home::new()?;
    let other = home.folder.join(unique("other"));
    make(&home, &other)?;
    let written = AddWatchFlags::IN_MODIFY
        | AddWatchFlags::IN_ATTRIB
        | AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_MOVE;
    let mut watched = vec![(home.outside.as_path(), written)];
    if !fs::symlink_metadata(&other)?.is_symlink() {
        let opened = AddWatchFlags::IN_OPEN | AddWatchFlags::IN_MODIFY;
        watched.push((&other, opened));
    }
    let ear = Ear::on(&watched)?;
    let swapper = Swapper::start(home.folder.join(name), other.clone());
    let outcome = start(rig, &home);
    let swaps = swapper.finish()?;
    served_or_refused(&outcome?)?;
    let heard = ear.heard();
    ensure!(heard.is_empty(), "{heard:?}");
    let names = fs::read_dir(&home.outside)?.count();
    ensure!(names == 2, "{names} files outside");
    fs::remove_dir_all(home.folder)?;
    fs::remove_dir_all(home.outside)?;
    Ok(swaps)
}

fn start(rig: &Rig, home: &Home) -> Result<Outcome> {
    let shared = format!("{}:/home/dev", home.folder.display());
    let outside = format!("{}:/outside", home.outside.display());
    // A mounted file keeps its mount under the name that others give it later.
    let script = "[ -n \"$TOKEN\" ] && grep -qE 'home/dev/|credentials.json' /proc/self/mountinfo";
    let mut arguments = vec!["--rm", "-u", "dev", "-v", &shared, "-v", &outside];
    arguments.extend([BASE, "sh", "-c", script]);
    rig.run(payload(&Canary::new()?)?, &arguments)
}

/// Started with both, or not started and told why.
fn served_or_refused(outcome: &Outcome) -> Result<()> {
    let refused = outcome.code == 125
        && outcome.stderr.contains("docker-jackin")
        && outcome.stderr.contains("in the container");
    ensure!(outcome.code == 0 || refused, "{outcome:?}");
    Ok(())
}
