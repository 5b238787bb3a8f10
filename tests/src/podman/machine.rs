//! A machine with Podman on it: a root file system, processes and mounts of its
//! own, so that nothing it starts can outlive it or be seen by another.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

use crate::cgroup;
use crate::daemon::Daemon;
use crate::project;
use crate::sandbox::{Sandbox, USER};

const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The first of the 65536 subordinate ids of the ordinary user.
pub const SUBORDINATE: u32 = 500_000;

/// The home of the ordinary user.
pub const HOME: &str = "/home/jackin-user";

/// Where the agents' programs lie on a machine, for binding into containers.
pub const AGENTS: &str = "/run/agents";

/// Builds the file system out of an overlay, goes there, and stays: as the
/// first process of its namespace the shell reaps what others leave.
const START: &str = r#"
    mount -t overlay overlay \
        -o "lowerdir=$LOWER,upperdir=$MEMORY/upper,workdir=$MEMORY/work" "$MEMORY/root"
    cd "$MEMORY/root"
    mkdir -p var/lib/containers var/tmp home
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    mount -t tmpfs -o mode=1777 tmpfs dev/shm
    mount -t tmpfs -o mode=755 tmpfs run
    mount --bind /usr/local usr/local
    for agent in claude; do
        mkdir -p "run/agents/$agent"
        mount --bind "$AGENTS/$agent" "run/agents/$agent"
    done
    mount --bind "$DISK/containers" var/lib/containers
    mount --bind "$DISK/home" home
    mount --bind "$DISK/tmp" tmp
    mount --bind "$DISK/var-tmp" var/tmp
    mkdir -p old
    pivot_root . old
    cd /
    umount -l /old
    mount --make-rshared /
    : >/run/ready
    trap 'exit 0' TERM
    while :; do sleep 3600 & wait $!; done"#;

/// One machine.
#[derive(Debug)]
pub struct Machine {
    /// For the tests' names.
    pub name: &'static str,
    disk: PathBuf,
    daemon: Daemon,
    prepared: OnceLock<Result<(), String>>,
}

impl Machine {
    /// This system itself, with its Podman (4.3 on Debian 12).
    pub fn of_the_system(sandbox: &Sandbox) -> Result<Self> {
        Self::start("podman-4.3", Path::new("/"), sandbox)
    }

    /// Debian 13 with Podman 5.4.
    pub fn of_debian_13(sandbox: &Sandbox) -> Result<Self> {
        let root = project::cache()?.join("podman-5");
        ensure!(
            root.is_dir(),
            "Podman 5 is not there; run 'scripts/setup podman5'"
        );
        Self::start("podman-5.4", &root, sandbox)
    }

    /// Starts it and returns at once. It is tied to the calling thread.
    fn start(name: &'static str, lower: &Path, sandbox: &Sandbox) -> Result<Self> {
        let memory = Sandbox::memory().join(name);
        let disk = sandbox.disk().join(name);
        for part in ["upper", "work", "root"] {
            fs::create_dir_all(memory.join(part))?;
        }
        for part in ["containers", "home", "tmp", "var-tmp"] {
            fs::create_dir_all(disk.join(part))?;
        }
        for part in ["tmp", "var-tmp"] {
            fs::set_permissions(disk.join(part), Permissions::from_mode(0o1777))?;
        }
        let mut script = Daemon::script(START);
        script
            .env("PATH", SYSTEM_PATH)
            .env("LOWER", lower)
            .env("MEMORY", &memory)
            .env("DISK", &disk)
            .env("AGENTS", project::cache()?);
        Ok(Self {
            name,
            disk,
            daemon: Daemon::start(name, memory.join("log"), &mut script)?,
            prepared: OnceLock::new(),
        })
    }

    /// Waits until it is up, and does once what every test needs.
    pub(super) fn prepare(&self, further: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let prepare = || {
            self.wait_until_ready()?;
            self.add_users()?;
            further(self)
        };
        let prepared = self
            .prepared
            .get_or_init(|| prepare().map_err(|error| format!("{error:#}")));
        match prepared {
            Ok(()) => Ok(()),
            Err(error) => bail!("{} cannot be used: {error}", self.name),
        }
    }

    fn wait_until_ready(&self) -> Result<()> {
        self.daemon
            .wait_until(|| Ok(self.path("/run/ready").is_ok_and(|ready| ready.exists())))
    }

    /// The ordinary user with subordinate ids, and those that Podman hands out
    /// for `--userns auto`.
    fn add_users(&self) -> Result<()> {
        let name = "jackin-user";
        let others = |file: &str| -> Result<String> {
            let text = fs::read_to_string(self.path(file)?).unwrap_or_default();
            let id = USER.to_string();
            let mut kept = String::new();
            for line in text.lines() {
                if line.split(':').nth(2) != Some(&*id) {
                    writeln!(kept, "{line}")?;
                }
            }
            Ok(kept)
        };
        let passwd = others("/etc/passwd")? + &format!("{name}:x:{USER}:{USER}::{HOME}:/bin/sh\n");
        self.write("/etc/passwd", &passwd)?;
        let group = others("/etc/group")? + &format!("{name}:x:{USER}:\n");
        self.write("/etc/group", &group)?;
        let ids = format!("{name}:{SUBORDINATE}:65536\ncontainers:1000000:1000000\n");
        self.write("/etc/subuid", &ids)?;
        self.write("/etc/subgid", &ids)?;
        for folder in [HOME.to_owned(), format!("/run/user/{USER}")] {
            let folder = self.path(&folder)?;
            fs::create_dir_all(&folder)?;
            chown(&folder, Some(USER), Some(USER))?;
            fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        }
        Ok(())
    }

    /// Where the machine's `path` is seen from here. Links in it are resolved
    /// here, so there must be none.
    pub fn path(&self, path: &str) -> Result<PathBuf> {
        let below = path.trim_start_matches('/');
        Ok(PathBuf::from(format!("/proc/{}/root", self.daemon.init()?)).join(below))
    }

    /// Writes a file of root's there, for everybody to read.
    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.path(path)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))
    }

    /// A command on the machine, as root or as the ordinary user, with an
    /// otherwise empty environment. It ends by itself when it takes too long.
    pub fn command(&self, rootless: bool, words: &[&str]) -> Result<Command> {
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            &self.daemon.init()?.to_string(),
            "--mount",
            "--pid",
            "--root",
        ]);
        command.args([
            "--wdns=/",
            "timeout",
            "--foreground",
            "--kill-after=5",
            "120",
        ]);
        let user = USER.to_string();
        if rootless {
            command.args([
                "setpriv",
                "--reuid",
                &user,
                "--regid",
                &user,
                "--init-groups",
            ]);
        }
        command.args(words);
        command
            .env_clear()
            .env("PATH", SYSTEM_PATH)
            .env("TERM", "xterm");
        // Podman 5 warns of cgroup v1 in each of its commands.
        command.env("PODMAN_IGNORE_CGROUPSV1_WARNING", "1");
        if rootless {
            command.env("HOME", HOME).env("USER", "jackin-user");
            command.env("XDG_RUNTIME_DIR", format!("/run/user/{USER}"));
        } else {
            command.env("HOME", "/root");
        }
        Ok(command)
    }

    /// The cgroup for the containers of its root.
    pub fn cgroup(&self) -> String {
        cgroup::of(self.name)
    }

    /// What it has on disk, or would have: containers, homes, temporary files,
    /// and what differs from the file system below.
    pub fn disks(&self) -> [PathBuf; 2] {
        let changed = Sandbox::memory().join(self.name).join("upper");
        [self.disk.clone(), changed]
    }

    /// The process namespace of its processes.
    pub fn process_namespace(&self) -> Result<PathBuf> {
        self.daemon.process_namespace()
    }

    /// Ends it, and every process and mount on it.
    pub fn stop(&self) -> Result<()> {
        self.daemon.stop()?;
        cgroup::remove(&self.cgroup());
        Ok(())
    }
}
