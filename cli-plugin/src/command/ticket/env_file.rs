//! The file that tells a compose file or a devcontainer its handle.

use std::fs::{DirBuilder, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use jackin_oci_hook::ticket::{HANDLE_VARIABLE, Handle};
use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::flags;
use crate::failure::{Failure, Kind};
use crate::staged_file::{Access, StagedFile, sweep};

/// What a file of ours begins with.
const MARK: &str = "# Made by `docker jackin ticket`, and made anew each time.";

/// The most that is read of a file, in bytes: ours are far smaller.
const LIMIT: u64 = 4 << 10;

/// A place for an env-file that has been looked over.
#[derive(Debug)]
pub(super) struct EnvFile {
    path: PathBuf,
    /// The handle that the file there holds.
    pub(super) former: Option<Handle>,
}

impl EnvFile {
    /// Looks over what lies at `path`, which must be absolute. An empty file,
    /// as `mktemp` makes it, may be written.
    ///
    /// # Errors
    /// It is not ours, not the user's, or no plain file.
    pub(super) fn look_over(path: &Path, uid: u32) -> Result<Self, Failure> {
        let name = path.file_name();
        if name.is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            let message = format!("{} is no place for an env-file", path.display());
            return Err(Failure::new(Kind::Usage, message).hint("name a file, such as web.env"));
        }
        let text = read(path, uid).map_err(|reason| left_alone(path, &reason))?;
        let former = match text.as_deref() {
            None | Some("") => None,
            Some(text) => Some(
                handle_in(text)
                    .ok_or_else(|| left_alone(path, "it is none that this command made"))?,
            ),
        };
        let path = path.to_owned();
        Ok(Self { path, former })
    }

    /// Writes the handle, over what is there, all at once. Folders on the way
    /// that are missing are made, for the user alone.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub(super) fn write(
        &self,
        handle: &Handle,
        containers: u32,
        ends: Option<Timestamp>,
    ) -> Result<(), Failure> {
        let ends = ends.map_or_else(String::new, |ends| format!(", until {ends}"));
        let whom = if containers == 1 {
            "one container".to_owned()
        } else {
            format!("{containers} containers")
        };
        let handle = flags::variable(handle);
        let text = format!(
            "{MARK}\n# No login is in here: with this handle {whom} can redeem a ticket{ends}.\n{handle}\n"
        );
        self.put(text.as_bytes()).map_err(|error| {
            let message = format!("failed to write {}: {error}", self.path.display());
            Failure::new(Kind::Configuration, message)
                .hint("name a file in a folder that you may write: --env-file PATH")
        })
    }

    fn put(&self, text: &[u8]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        sweep(folder);
        StagedFile::write(folder, text, Access::Mode(0o600))?.put(&self.path)
    }
}

fn left_alone(path: &Path, reason: &str) -> Failure {
    let message = format!("{} is left alone: {reason}", path.display());
    Failure::new(Kind::Configuration, message).hint("remove it, or name another: --env-file PATH")
}

/// What lies there, at most [`LIMIT`] of it; `None` for nothing.
fn read(path: &Path, uid: u32) -> Result<Option<String>, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err("it is a symbolic link".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if metadata.uid() != uid {
        return Err(format!("it belongs to uid {}", metadata.uid()));
    }
    let mut text = String::new();
    match file.take(LIMIT).read_to_string(&mut text) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(Some("\0".to_owned())),
        Err(error) => Err(error.to_string()),
    }
}

/// The handle in a file of ours. One with anything of the user's in it is not.
fn handle_in(text: &str) -> Option<Handle> {
    let mut lines = text.lines();
    lines.next().filter(|first| *first == MARK)?;
    let mut lines = lines.filter(|line| !line.starts_with('#'));
    let (name, handle) = lines.next()?.split_once('=')?;
    let alone = name == HANDLE_VARIABLE && lines.next().is_none();
    handle.parse().ok().filter(|_| alone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn handle(digit: &str) -> Handle {
        format!("7.{}", digit.repeat(32)).parse().unwrap()
    }

    #[test]
    fn a_file_is_private_whole_and_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/web.env");
        let file = EnvFile::look_over(&path, uid()).unwrap();
        assert_eq!(file.former, None);
        file.write(&handle("a"), 1, Timestamp::from_second(0).ok())
            .unwrap();
        let expected = format!(
            "{MARK}\n# No login is in here: with this handle one container can redeem a ticket, \
             until 1970-01-01T00:00:00Z.\nDOCKER_JACKIN_TICKET=7.{}\n",
            "a".repeat(32)
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let made = fs::metadata(folder.path().join("new")).unwrap();
        assert_eq!(made.mode() & 0o7777, 0o700);

        let again = EnvFile::look_over(&path, uid()).unwrap();
        assert_eq!(again.former, Some(handle("a")));
        again.write(&handle("b"), 2, None).unwrap();
        let former = EnvFile::look_over(&path, uid()).unwrap().former;
        assert_eq!(former, Some(handle("b")));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.env");
        let ours = format!("{MARK}\n{}\n", flags::variable(&handle("a")));
        for content in [
            "A=1\n".to_owned(),
            ours.replace(MARK, "# mine"),
            format!("{ours}A=1\n"),
            format!("{MARK}\nDOCKER_JACKIN_TICKET=x\n"),
            format!("{MARK}\n"),
        ] {
            fs::write(&path, &content).unwrap();
            let failure = EnvFile::look_over(&path, uid()).unwrap_err();
            assert_eq!(failure.kind, Kind::Configuration, "{content:?}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        fs::write(&path, [0xff]).unwrap();
        assert!(EnvFile::look_over(&path, uid()).is_err());
        for content in ["", ours.as_str()] {
            fs::write(&path, content).unwrap();
            assert!(EnvFile::look_over(&path, uid()).is_ok(), "{content:?}");
        }
        let reason = EnvFile::look_over(&path, uid() + 1).unwrap_err();
        assert!(reason.message.contains("belongs to uid"), "{reason}");
    }

    #[test]
    fn a_link_a_folder_and_a_pipe_are_no_env_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(
            at("ours"),
            format!("{MARK}\n{}\n", flags::variable(&handle("a"))),
        )
        .unwrap();
        symlink("ours", at("link")).unwrap();
        symlink("nothing", at("dangling")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), 0o600.into()).unwrap();
        for name in ["link", "dangling", "folder", "pipe", "new/", ".."] {
            assert!(EnvFile::look_over(&at(name), uid()).is_err(), "{name}");
        }
    }
}
