//! Where something happens before a login changes: the folders on the way to
//! its file, and on the way to what links on that way lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// How many links are followed one after the other.
const LINKS: u32 = 8;

/// What is looked out for in a folder. Who writes without ever closing is seen
/// by looking from time to time.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// What matters in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Names {
    /// Everything that is finished.
    Finished,
    /// Entries of these names.
    These(BTreeSet<OsString>),
}

impl Names {
    /// Entries of these names.
    pub(super) fn these<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::These(names.into_iter().map(OsString::from).collect())
    }

    fn has(&self, name: &OsStr) -> bool {
        match self {
            Self::Finished => !name.as_bytes().starts_with(b"."),
            Self::These(names) => names.contains(name),
        }
    }

    fn add(&mut self, more: &Self) {
        match (&mut *self, more) {
            (Self::These(names), Self::These(more)) => names.extend(more.iter().cloned()),
            (Self::Finished, _) => {}
            (Self::These(_), Self::Finished) => *self = Self::Finished,
        }
    }
}

/// Folders, each with what matters in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places(BTreeMap<PathBuf, Names>);

impl Places {
    /// Adds a folder.
    pub(super) fn add(&mut self, folder: &Path, names: Names) {
        match self.0.get_mut(folder) {
            Some(known) => known.add(&names),
            None => {
                self.0.insert(folder.to_owned(), names);
            }
        }
    }

    /// Adds all folders by which a change of the file at `path` is seen, when
    /// everything from `top` on may be replaced, and `top` too.
    pub(super) fn add_way_to(&mut self, path: &Path, top: &Path) {
        self.walk(path, top, LINKS);
    }

    fn walk(&mut self, path: &Path, top: &Path, links: u32) {
        let mut below = PathBuf::new();
        let mut entry = path;
        while let Some(folder) = entry.parent() {
            if let Some(name) = entry.file_name() {
                self.add(folder, Names::These([name.to_owned()].into()));
                if let Ok(target) = fs::read_link(entry)
                    && links > 0
                {
                    let target = folder.join(target);
                    let top = target.parent().unwrap_or(&target).to_owned();
                    // Joining nothing would leave a slash behind.
                    let path: PathBuf = target.join(&below).components().collect();
                    self.walk(&path, &top, links - 1);
                }
                below = Path::new(name).join(below);
            }
            // The one above it, or the next that is there: in it comes back
            // what has gone.
            if !folder.starts_with(top) && folder.is_dir() {
                return;
            }
            entry = folder;
        }
    }
}

/// The folders that are being watched.
#[derive(Debug)]
pub(super) struct Lookout {
    /// One that never has news where the system gives no more of them.
    inotify: OwnedFd,
    given: bool,
    watched: BTreeMap<i32, Names>,
    /// Whether a folder that is there is not watched.
    misses: bool,
}

impl Lookout {
    /// One that watches nothing yet. Where the system gives no more of them to
    /// this user, whose other programs have them all, it is one that misses
    /// everything until there is one.
    ///
    /// # Errors
    /// The system gives us no file.
    pub(super) fn new() -> io::Result<Self> {
        let (inotify, given) = match init() {
            Ok(inotify) => (inotify, true),
            Err(error) => {
                tracing::debug!(%error, "folders are not watched");
                (eventfd(0, EventfdFlags::CLOEXEC)?, false)
            }
        };
        Ok(Self {
            inotify,
            given,
            watched: BTreeMap::new(),
            misses: !given,
        })
    }

    /// Whether something may happen that it does not see.
    pub(super) fn misses(&self) -> bool {
        self.misses
    }

    /// Watches these places and no others from now on. What is not there, or
    /// cannot be watched, is seen by looking from time to time.
    pub(super) fn turn_to(&mut self, places: &Places) {
        if !self.given
            && let Ok(inotify) = init()
        {
            (self.inotify, self.given) = (inotify, true);
        }
        self.misses = !self.given;
        if self.misses {
            return;
        }
        let mut watched: BTreeMap<i32, Names> = BTreeMap::new();
        for (folder, names) in &places.0 {
            match inotify::add_watch(&self.inotify, folder, CHANGES) {
                // Several paths may lead to one folder.
                Ok(number) => match watched.get_mut(&number) {
                    Some(known) => known.add(names),
                    None => {
                        watched.insert(number, names.clone());
                    }
                },
                Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => {}
                Err(error) => {
                    tracing::debug!(%error, folder = %folder.display(), "not watched");
                    self.misses = true;
                }
            }
        }
        for number in self.watched.keys().filter(|one| !watched.contains_key(one)) {
            // One whose folder is gone is gone, too.
            let _ = inotify::remove_watch(&self.inotify, *number);
        }
        self.watched = watched;
    }

    /// Takes in what has happened; whether something of it matters.
    pub(super) fn take_in(&self) -> bool {
        if !self.given {
            return false;
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut matters = false;
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name();
                    let name = name.map(|name| OsStr::from_bytes(name.to_bytes()));
                    matters |= self.matters(event.wd(), event.events(), name);
                }
                Err(Errno::INTR) => {}
                // Nothing is left, or nothing can be read.
                Err(_) => return matters,
            }
        }
    }

    fn matters(&self, number: i32, events: ReadFlags, name: Option<&OsStr>) -> bool {
        if events.contains(ReadFlags::QUEUE_OVERFLOW) {
            return true;
        }
        // Of one that is watched no more.
        let Some(names) = self.watched.get(&number) else {
            return false;
        };
        // Without a name it is the folder itself.
        name.is_none_or(|name| names.has(name))
    }
}

fn init() -> Result<OwnedFd, Errno> {
    inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)
}

impl AsFd for Lookout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    type Change = fn(&Path);

    /// A home with a login in it.
    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("me/.claude")).unwrap();
        fs::write(home.path().join("me/.claude/login"), "1").unwrap();
        home
    }

    /// Whether one that looks at the login sees that `change` is made.
    fn seen(home: &Path, change: impl FnOnce(&Path)) -> bool {
        let me = home.join("me");
        let mut lookout = Lookout::new().unwrap();
        let mut places = Places::default();
        places.add_way_to(&me.join(".claude/login"), &me);
        lookout.turn_to(&places);
        assert!(!lookout.take_in());
        change(&me);
        lookout.take_in()
    }

    #[test]
    fn every_way_of_changing_a_file_is_seen_and_nothing_else() {
        let other = |me: &Path| fs::write(me.join(".claude/other"), "2").unwrap();
        assert!(!seen(home().path(), other));
        let elsewhere = |me: &Path| fs::create_dir(me.join("project")).unwrap();
        assert!(!seen(home().path(), elsewhere));
        let changes: [(&str, Change); 7] = [
            ("in place", |me| {
                fs::write(me.join(".claude/login"), "2").unwrap();
            }),
            ("by rename", |me| {
                fs::write(me.join("new"), "2").unwrap();
                fs::rename(me.join("new"), me.join(".claude/login")).unwrap();
            }),
            ("removed", |me| {
                fs::remove_file(me.join(".claude/login")).unwrap();
            }),
            ("its folder moved away", |me| {
                fs::rename(me.join(".claude"), me.join("old")).unwrap();
            }),
            ("its folder removed", |me| {
                fs::remove_dir_all(me.join(".claude")).unwrap();
            }),
            ("the home moved away", |me| {
                fs::rename(me, me.with_file_name("you")).unwrap();
            }),
            ("a link in its place", |me| {
                fs::rename(me.join(".claude"), me.join("real")).unwrap();
                symlink("real", me.join(".claude")).unwrap();
            }),
        ];
        for (what, change) in changes {
            assert!(seen(home().path(), change), "{what}");
        }
    }

    #[test]
    fn what_is_not_there_yet_is_seen_when_it_comes() {
        let home = tempfile::tempdir().unwrap();
        assert!(seen(home.path(), |me| fs::create_dir(me).unwrap()));
        assert!(seen(home.path(), |me| {
            fs::create_dir(me.join(".claude")).unwrap();
        }));
        assert!(seen(home.path(), |me| {
            fs::write(me.join(".claude/login"), "1").unwrap();
        }));
    }

    #[test]
    fn a_link_is_followed_to_where_its_target_changes() {
        let home = home();
        let me = home.path().join("me");
        fs::create_dir(me.join("dotfiles")).unwrap();
        fs::rename(me.join(".claude"), me.join("dotfiles/claude")).unwrap();
        symlink("dotfiles/claude", me.join(".claude")).unwrap();
        fs::rename(me.join("dotfiles/claude/login"), me.join("real")).unwrap();
        symlink("../../real", me.join("dotfiles/claude/login")).unwrap();
        assert!(seen(home.path(), |me| {
            fs::write(me.join("real"), "2").unwrap();
        }));
        assert!(seen(home.path(), |me| {
            fs::rename(me.join("dotfiles/claude"), me.join("dotfiles/other")).unwrap();
        }));
        symlink("loop", me.join("loop")).unwrap();
        Places::default().add_way_to(&me.join("loop"), &me);
    }

    #[test]
    fn unfinished_files_are_no_news() {
        let folder = tempfile::tempdir().unwrap();
        let mut lookout = Lookout::new().unwrap();
        let mut places = Places::default();
        places.add(folder.path(), Names::Finished);
        lookout.turn_to(&places);
        fs::write(folder.path().join(".new"), "").unwrap();
        assert!(!lookout.take_in());
        fs::rename(folder.path().join(".new"), folder.path().join("new")).unwrap();
        assert!(lookout.take_in());
        lookout.turn_to(&Places::default());
        fs::write(folder.path().join("more"), "").unwrap();
        assert!(!lookout.take_in(), "it looks elsewhere now");
    }

    /// Set for the process that is given none, or one that watches nothing.
    const INSIDE: &str = "JACKIN_TEST_INSIDE";

    #[test]
    fn where_the_system_gives_no_more_of_them_it_knows_what_it_misses() {
        if std::env::var_os(INSIDE).is_some() {
            let home = home();
            let mut lookout = Lookout::new().unwrap();
            let mut places = Places::default();
            places.add(home.path(), Names::Finished);
            lookout.turn_to(&places);
            assert!(lookout.misses());
            assert!(!lookout.take_in());
            return;
        }
        let mut lookout = Lookout::new().unwrap();
        lookout.turn_to(&Places::default());
        assert!(!lookout.misses());
        let name = "live::watch::places::tests::\
                    where_the_system_gives_no_more_of_them_it_knows_what_it_misses";
        for limit in ["max_inotify_instances", "max_inotify_watches"] {
            let script = format!("echo 0 > /proc/sys/user/{limit} && exec \"$0\" --exact {name}");
            let inside = std::process::Command::new("unshare")
                .args(["--user", "--map-root-user", "sh", "-c", &script])
                .arg(std::env::current_exe().unwrap())
                .env(INSIDE, "1")
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&inside.stdout);
            assert!(inside.status.success(), "{limit}: {told}");
            assert!(told.contains("1 passed"), "{limit}: {told}");
        }
    }
}
