//! A person with one login, a watcher that renews it, and containers that ask.

use std::cell::RefCell;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::image::BASE;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::sandbox::Sandbox;
use jackin_tests::vendor::{HOST, Ledger, Refusal, Reuse, Vendor};
use jackin_tests::{processes, project};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::inside::{ASKING, Asker};
use crate::agents::program::Program;
use crate::user::User;

/// The users of these tests: each scene has one of its own, since a user's
/// watcher knows the vendor of whoever began it.
static NEXT_UID: AtomicU32 = AtomicU32::new(4720);

/// Where containers find what they trust the vendor by.
const AUTHORITY: &str = "/authority.pem";

/// What `claude` is told in a container.
const SETTINGS: [&str; 4] = [
    "NODE_EXTRA_CA_CERTS=/authority.pem",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
    "CLAUDE_CODE_MAX_RETRIES=0",
    "DISABLE_AUTOUPDATER=1",
];

/// The person, and what is around them.
pub(super) struct Scene<'a> {
    rig: &'a Rig,
    user: User,
    role: String,
    vendor: Vendor,
    pub(super) ledger: Arc<Ledger>,
    /// What every access token holds.
    pub(super) access: Canary,
    /// Variables of their shell.
    variables: Vec<(&'static str, String)>,
    /// What the last launch said beside the container's id.
    said: RefCell<String>,
}

impl<'a> Scene<'a> {
    /// With a login whose refresh tokens hold a canary, forwarded as `refresh`
    /// says.
    pub(super) fn new(
        rig: &'a Rig,
        refresh: &str,
        canary: &Canary,
        lifetime: Duration,
    ) -> Result<Self> {
        let access = Canary::new()?;
        let ledger = Ledger::new(access.clone(), canary.clone(), lifetime, Reuse::EndsLogin);
        let ledger = Arc::new(ledger);
        let beside = Sandbox::memory().join(unique("soak"));
        fs::create_dir_all(beside.join("bin"))?;
        fs::set_permissions(&beside, Permissions::from_mode(0o755))?;
        let vendor = Vendor::with_ledger(&ledger, &beside)?;
        let scene = Self {
            rig,
            user: User::new(NEXT_UID.fetch_add(1, Ordering::Relaxed))?,
            role: unique("soak"),
            ledger,
            access,
            variables: vendor.variables()?.into(),
            said: RefCell::default(),
            vendor,
        };
        scene.user.enter()?;
        scene.log_in()?;
        scene.install(&beside)?.configure(refresh)
    }

    /// As the vendor's own program does it.
    fn log_in(&self) -> Result<()> {
        let uid = self.user.uid();
        let session = format!("/run/user/{uid}");
        fs::create_dir_all(&session)?;
        fs::set_permissions(&session, Permissions::from_mode(0o700))?;
        chown(&session, Some(uid), Some(uid))?;
        self.change_login()?;
        Ok(())
    }

    /// Another login takes the place of the one that is there; its access token.
    pub(super) fn change_login(&self) -> Result<String> {
        let login = self.ledger.log_in();
        let access = login.access.clone();
        let expires = login.expires.duration_since(UNIX_EPOCH)?.as_millis();
        let login = json!({ "claudeAiOauth": {
            "accessToken": login.access,
            "refreshToken": login.refresh,
            "expiresAt": u64::try_from(expires)?,
            "scopes": ["user:inference", "user:profile"],
            "subscriptionType": "max",
        }});
        self.user.write(".claude/.new", &login.to_string())?;
        let home = self.user.home();
        let place = home.join(Program::Claude.login_file());
        fs::rename(home.join(".claude/.new"), place)?;
        Ok(access)
    }

    /// Puts the real `claude` into their PATH.
    fn install(mut self, beside: &Path) -> Result<Self> {
        let bin = beside.join("bin");
        let place = bin.join("claude");
        fs::write(&place, "")?;
        let program = project::agent("claude")?;
        let bind = MsFlags::MS_BIND;
        mount(Some(&program), &place, None::<&str>, bind, None::<&str>)?;
        let path = self.user.shell(self.rig, "");
        let path = path
            .get_envs()
            .find_map(|(name, value)| (name == "PATH").then_some(value?.to_owned()))
            .context("no PATH")?;
        let path = format!("{}:{}", bin.display(), path.display());
        self.variables.push(("PATH", path));
        Ok(self)
    }

    fn configure(self, refresh: &str) -> Result<Self> {
        let authority = self.variable("NODE_EXTRA_CA_CERTS")?;
        let mounts = [
            Program::Claude.mount()?,
            format!("{authority}:{AUTHORITY}:ro"),
        ];
        let mut run = vec!["--network".to_owned(), "host".to_owned()];
        for mount in mounts {
            run.extend(["-v".to_owned(), mount]);
        }
        for setting in SETTINGS {
            run.extend(["-e".to_owned(), setting.to_owned()]);
        }
        let role = &self.role;
        self.user.configure(&format!(
            "[claude]\nauth_forward = \"sync\"\nsync_refresh = \"{refresh}\"\n\
             [roles.{role}]\nimage = \"{BASE}\"\nagents = [\"claude\"]\nrun = {run:?}\n"
        ))?;
        Ok(self)
    }

    fn variable(&self, name: &str) -> Result<&str> {
        let mut variables = self.variables.iter();
        let found = variables.find(|(is, _)| *is == name);
        let (_, value) = found.with_context(|| format!("no {name}"))?;
        Ok(value)
    }

    /// What was refused so far. But the vendor's own program on the host may ask
    /// with a token that has just ended, before it renews it.
    pub(super) fn refused(&self) -> Vec<Refusal> {
        let mut refused = self.ledger.refused();
        refused.retain(|refusal| refusal.asker != HOST || refusal.what == "invalid_grant");
        refused
    }

    /// Starts containers that ask without end, of root and of a user in turn.
    pub(super) fn start(&self, count: usize) -> Result<Vec<Asker>> {
        let users = ["root", "dev"].into_iter().cycle();
        users.take(count).map(|user| self.start_one(user)).collect()
    }

    fn start_one(&self, user: &str) -> Result<Asker> {
        let name = unique("asker");
        // By its proxy the vendor knows who asks.
        let proxy = format!("HTTPS_PROXY={}", self.vendor.proxy_of(&name)?);
        let flags = ["--init", "-u", user, "-e", &proxy];
        Asker::new(
            self.rig,
            self.launch(name.clone(), &flags, &["sh", "-c", ASKING])?,
        )
    }

    /// Starts a container that asks when it is told to.
    pub(super) fn start_quiet(&self, user: &str) -> Result<Container> {
        let name = unique("quiet");
        let proxy = format!("HTTPS_PROXY={}", self.vendor.proxy_of(&name)?);
        let flags = ["--init", "-u", user, "-e", &proxy];
        self.launch(name.clone(), &flags, &["sleep", "100000"])
    }

    /// Starts containers that follow, and do nothing else.
    pub(super) fn start_sleeping(&self, count: usize) -> Result<Vec<Container>> {
        let start = |_| self.launch(unique("sleeper"), &[], &["sleep", "100000"]);
        (0..count).map(start).collect()
    }

    fn launch(&self, name: String, flags: &[&str], command: &[&str]) -> Result<Container> {
        let mut words = vec!["run", &self.role, "-d", "--name", &name];
        words.extend_from_slice(flags);
        words.push("--");
        words.extend_from_slice(command);
        let mut launch = self.user.jackin(self.rig, &words);
        let outcome = run(launch.envs(self.variables.iter().cloned()))?;
        let container = self.rig.adopt(name);
        ensure!(outcome.code == 0, "{outcome:?}");
        self.said.replace(outcome.stderr);
        Ok(container)
    }

    /// What the last launch said beside the container's id.
    pub(super) fn said(&self) -> String {
        self.said.borrow().clone()
    }

    /// `docker jackin sync --now` for these containers.
    pub(super) fn sync_now<'b>(&self, names: impl IntoIterator<Item = &'b str>) -> Result<()> {
        let mut words = vec!["sync", "--now"];
        words.extend(names);
        let mut command = self.user.jackin(self.rig, &words);
        let outcome = run(command.envs(self.variables.iter().cloned()))?;
        ensure!(outcome.code == 0, "{outcome:?} {}", self.told()?);
        Ok(())
    }

    /// What the watcher tells about itself, for whoever looks into a failure.
    pub(super) fn told(&self) -> Result<String> {
        let mut command = self.user.jackin(self.rig, &["sync", "--format", "json"]);
        let outcome = run(command.envs(self.variables.iter().cloned()))?;
        let refused = self.ledger.refused();
        Ok(format!("{} refused {refused:?}", outcome.text()))
    }

    /// The watcher's process.
    pub(super) fn watcher(&self) -> Result<i32> {
        let watches = |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains("\0sync\0")
        };
        self.processes().find(watches).context("no watcher")
    }

    /// Nobody needs the watcher any more, so it ends.
    pub(super) fn watcher_ends(&self, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        while let Some(pid) = self.processes().next() {
            ensure!(Instant::now() < until, "process {pid} is still there");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The person's own processes on the host.
    fn processes(&self) -> impl Iterator<Item = i32> {
        let home = format!("HOME={}\0", self.user.home().display());
        processes::all().filter_map(move |process| {
            let environment = fs::read(process.join("environ")).ok()?;
            let theirs = String::from_utf8_lossy(&environment).contains(&home);
            theirs.then(|| process.file_name()?.to_str()?.parse().ok())?
        })
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}
