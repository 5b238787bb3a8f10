//! A mount namespace of the tests' own, so that the machine stays as it was.
//!
//! Inside it `/run` is a fresh tmpfs, and `/etc` and `/usr/local` are overlays
//! whose upper layers lie there: products are installed and engines run in
//! their usual places, and all of it is gone with the namespace.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Uid, User};
use tempfile::TempDir;

use crate::rootless;

/// The uid and gid of the ordinary user of the tests, here and in images.
pub const USER: u32 = 1000;

/// A further group of that user's on the host.
pub const EXTRA_GROUP: u32 = 4711;

/// The user of engines with `userns-remap`, and the first of its 65536 ids.
pub const REMAPPED: (&str, u32) = ("jackin-remap", 300_000);

/// The namespace's folders.
#[derive(Debug)]
pub struct Sandbox {
    disk: TempDir,
}

impl Sandbox {
    /// Enters a new mount namespace and prepares it.
    ///
    /// # Errors
    /// When not root, or when there is a second thread already, which would
    /// stay outside.
    pub fn enter() -> Result<Self> {
        ensure!(
            Uid::effective().is_root(),
            "the end-to-end tests start engines and need root: run 'sudo make test'"
        );
        let threads = fs::read_dir("/proc/self/task")?.count();
        ensure!(
            threads == 1,
            "the namespace must be entered before there are threads"
        );
        // Images and layers go to a real disk, so that the search for secrets
        // sees what an engine would leave on one.
        let disk = TempDir::with_prefix_in("docker-jackin-tests-", "/var/tmp")?;
        unshare(CloneFlags::CLONE_NEWNS).context("failed to unshare the mount namespace")?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
        tmpfs("/run", "mode=0755")?;
        for (folder, name) in [("/etc", "etc"), ("/usr/local", "usr-local")] {
            overlay(folder, name)?;
        }
        leave_hybrid_cgroups();
        let sandbox = Self { disk };
        sandbox.prepare()?;
        Ok(sandbox)
    }

    /// A folder on a disk-backed file system.
    pub fn disk(&self) -> &Path {
        self.disk.path()
    }

    /// A folder in memory.
    pub fn memory() -> PathBuf {
        PathBuf::from("/run/jackin-tests")
    }

    fn prepare(&self) -> Result<()> {
        // An ordinary user must get to what the tests put there.
        fs::set_permissions(self.disk(), Permissions::from_mode(0o755))?;
        fs::create_dir_all(Self::memory())?;
        let session = format!("/run/user/{USER}");
        fs::create_dir_all(&session)?;
        fs::set_permissions(&session, Permissions::from_mode(0o700))?;
        chown(&session, Some(USER), Some(USER))?;
        add_users()
    }
}

/// The home of the ordinary user, as the host's passwd has it.
pub fn home_of_user() -> Result<String> {
    let user = User::from_uid(Uid::from_raw(USER))?.context("no ordinary user")?;
    Ok(user.dir.display().to_string())
}

/// Makes the users that the tests need, where the machine has none.
fn add_users() -> Result<()> {
    let uid = Uid::from_raw(USER);
    if User::from_uid(uid)?.is_none() {
        let line = format!("jackin-user:x:{USER}:{USER}::/home/jackin-user:/bin/sh");
        append("/etc/passwd", &line)?;
    }
    let name = User::from_uid(uid)?.context("no ordinary user")?.name;
    append(
        "/etc/group",
        &format!("jackin-extra:x:{EXTRA_GROUP}:{name}"),
    )?;
    let (remap, first) = REMAPPED;
    append("/etc/passwd", &format!("{remap}:x:4712:4712::/:/bin/false"))?;
    append("/etc/group", &format!("{remap}:x:4712:"))?;
    for file in ["/etc/subuid", "/etc/subgid"] {
        append(file, &format!("{remap}:{first}:65536"))?;
    }
    for user in rootless::USERS {
        let (name, uid, home) = (user.name, user.uid, user.home());
        let line = format!("{name}:x:{uid}:{uid}::{}:/bin/sh", home.display());
        append("/etc/passwd", &line)?;
        append("/etc/group", &format!("{name}:x:{uid}:"))?;
        for file in ["/etc/subuid", "/etc/subgid"] {
            append(file, &format!("{name}:{}:65536", user.first))?;
        }
        user.log_in()?;
    }
    Ok(())
}

fn append(file: &str, line: &str) -> Result<()> {
    let mut text = fs::read_to_string(file).unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
    fs::write(file, text).with_context(|| format!("failed to write {file}"))
}

fn tmpfs(at: &str, options: &str) -> Result<()> {
    mount(
        Some("tmpfs"),
        at,
        Some("tmpfs"),
        MsFlags::empty(),
        Some(options),
    )
    .with_context(|| format!("failed to mount a tmpfs on {at}"))
}

fn overlay(at: &str, name: &str) -> Result<()> {
    let layer = |part: &str| format!("/run/overlays/{name}-{part}");
    for part in ["upper", "work"] {
        fs::create_dir_all(layer(part))?;
    }
    let (upper, work) = (layer("upper"), layer("work"));
    let options = format!("lowerdir={at},upperdir={upper},workdir={work}");
    mount(
        Some("overlay"),
        at,
        Some("overlay"),
        MsFlags::empty(),
        Some(&*options),
    )
    .with_context(|| format!("failed to mount an overlay on {at}"))
}

/// crun refuses a cgroup v1 system with a v2 mount beside it, so that mount is
/// taken out of this namespace. Elsewhere there is none.
fn leave_hybrid_cgroups() {
    let _ = umount2("/sys/fs/cgroup/unified", MntFlags::MNT_DETACH);
}
