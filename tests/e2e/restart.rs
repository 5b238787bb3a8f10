//! Scenarios 31 to 35: a restarted container has what the configuration and
//! the host's login say today, and nothing of what they said before.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jackin_tests::binaries::{self, PLUGIN, RUNC, RUNTIME_CONFIG};
use jackin_tests::canary::Canary;
use jackin_tests::image::BASE;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::sandbox::{EXTRA_GROUP, Sandbox, USER};
use libtest_mimic::Trial;
use nix::sys::signal::{Signal, kill};

use crate::delivery::outside_pid;
use crate::kept::RESTART;
use crate::lab::{on_each_engine, on_each_rig};
use crate::user::User;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_rig("restart::e31_the_newest_login", newest_login),
        on_each_rig("restart::e38_a_login_made_in_the_container", own_login),
        on_each_rig("restart::e32_e33_e34_e35_another_mode", other_modes),
        on_each_engine("restart::e32_another_mode_on_a_volume", modes_on_a_volume),
        on_each_engine("restart::e31_the_configuration_is_broken", broken_config),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Those that change the engine's side's own settings.
pub(crate) fn trials_alone() -> Vec<Trial> {
    [
        on_each_engine("restart::e31_the_resolver_is_missing", missing_resolver),
        on_each_engine("restart::e31_the_resolver_hangs", hanging_resolver),
        on_each_engine("restart::e31_what_is_followed_needs_no_resolver", followed),
        on_each_engine("restart::e31_the_resolver_is_the_users_own", whose_resolver),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Sync,
    /// `sync` with a copy that the container renews.
    Copy,
    OauthToken,
    ApiKey,
    Ignore,
}

/// A person with one credential for each mode, and their container.
struct Life<'a> {
    rig: &'a Rig,
    user: User,
    login: Canary,
    token: Canary,
    key: Canary,
}

impl<'a> Life<'a> {
    fn new(rig: &'a Rig, mode: Mode) -> Result<Self> {
        let life = Self {
            rig,
            user: User::new(USER)?,
            login: Canary::new()?,
            token: Canary::new()?,
            key: Canary::new()?,
        };
        life.user.log_in(&life.login.oauth_token(), "stays here")?;
        life.user.write("token", &life.token.oauth_token())?;
        life.user.write("key", &life.key.api_key())?;
        life.configure(mode)?;
        Ok(life)
    }

    fn configure(&self, mode: Mode) -> Result<()> {
        let home = self.user.home().display();
        let block = match mode {
            Mode::Sync => "\"sync\"".to_owned(),
            Mode::Copy => "\"sync\"\nsync_refresh = \"copy\"".to_owned(),
            Mode::OauthToken => format!("\"oauth_token\"\noauth_token = \"file:{home}/token\""),
            Mode::ApiKey => format!("\"api_key\"\napi_key = \"file:{home}/key\""),
            Mode::Ignore => "\"ignore\"".to_owned(),
        };
        self.user.configure(&format!(
            "[claude]\nauth_forward = {block}\n[roles.agent]\nimage = \"{BASE}\"\nagents = [\"claude\"]\n"
        ))
    }

    fn start(&self, flags: &[&str]) -> Result<Container> {
        let name = unique("restarted");
        let mut arguments = vec!["run", "agent", "-d", "--name", &name];
        arguments.extend_from_slice(flags);
        arguments.extend(["--", "sleep", "1000"]);
        let started = self.user.run(self.rig, &arguments)?;
        let container = self.rig.adopt(name);
        ensure!(started.code == 0, "{started:?}");
        Ok(container)
    }

    /// Changes the login on the host; the former one is given back.
    fn log_in_anew(&mut self) -> Result<Canary> {
        let former = std::mem::replace(&mut self.login, Canary::new()?);
        self.user.log_in(&self.login.oauth_token(), "stays here")?;
        Ok(former)
    }

    fn docker(&self, container: &Container, verbs: &[&[&str]]) -> Result<()> {
        for verb in verbs {
            let mut arguments = verb.to_vec();
            arguments.push(&container.name);
            self.rig.engine.docker(&arguments)?;
        }
        Ok(())
    }

    /// The container has the credential of a mode, in its place, and no other
    /// one anywhere.
    fn has_exactly(&self, mode: Mode, container: &Container) -> Result<()> {
        let script = "tr '\\0' '\\n' </proc/1/environ | grep -E '^(CLAUDE|ANTHROPIC)'; echo =; \
            cat ~/.claude/.credentials.json 2>/dev/null; echo =; \
            grep -rhE 'jackinCanary' ~ /run /tmp 2>/dev/null; true";
        let seen = container.shell(script)?;
        let parts: Vec<&str> = seen.split("=\n").collect();
        let at = |part: usize, canary: &Canary| {
            parts
                .get(part)
                .is_some_and(|text| text.contains(canary.text()))
        };
        let (variables, file) = (0, parts.len().saturating_sub(2));
        let copied = mode == Mode::Copy;
        for (canary, owner, part) in [
            (&self.login, Mode::Sync, file),
            (&self.token, Mode::OauthToken, variables),
            (&self.key, Mode::ApiKey, variables),
        ] {
            let wanted = mode == owner || copied && owner == Mode::Sync;
            let anywhere = seen.contains(canary.text());
            ensure!(anywhere == wanted, "{mode:?}, of {owner:?}: {anywhere}");
            ensure!(
                !wanted || at(part, canary),
                "{mode:?} is in the wrong place"
            );
        }
        // A copy alone has what renews it.
        let renews = seen.contains("stays here");
        ensure!(
            renews == copied,
            "{mode:?}, with the refresh token: {renews}"
        );
        Ok(())
    }
}

fn newest_login(rig: &Rig) -> Result<()> {
    let mut life = Life::new(rig, Mode::Sync)?;
    let container = life.start(&["--restart=always"])?;
    life.has_exactly(Mode::Sync, &container)?;
    for verbs in [
        &[&["restart", "-t", "0"][..]][..],
        &[&["stop", "-t", "0"], &["start"]],
        &[],
    ] {
        let former = life.log_in_anew()?;
        if verbs.is_empty() {
            kill_it(rig, &container)?;
        }
        life.docker(&container, verbs)?;
        life.has_exactly(Mode::Sync, &container)?;
        let old = container.shell("cat ~/.claude/.credentials.json")?;
        ensure!(!old.contains(former.text()), "{verbs:?}: the former login");
    }
    Ok(())
}

/// The agent renews its copy of a login, or its user logs in by hand: that is kept until
/// the host has another one, and goes with the mode.
fn own_login(rig: &Rig) -> Result<()> {
    const LOG_IN: &str = "cd /run/docker-jackin && \
        sed 's/\"accessToken\": *\"/&renewed-/' ~/.claude/.credentials.json >new && \
        cat new >~/.claude/.credentials.json && rm new && grep -c renewed- file-*";
    let mut life = Life::new(rig, Mode::Copy)?;
    let container = life.start(&["--init", "-u", "dev"])?;
    let seen = container.shell(LOG_IN)?;
    ensure!(seen == "1", "{seen:?}");
    for verbs in [&[RESTART][..], &[&["stop"], &["start"]], &[RESTART]] {
        life.docker(&container, verbs)?;
        life.has_exactly(Mode::Copy, &container)?;
        let own = container.shell("grep -c renewed- ~/.claude/.credentials.json")?;
        ensure!(own == "1", "{verbs:?}: {own}");
    }
    life.log_in_anew()?;
    life.docker(&container, &[RESTART])?;
    life.has_exactly(Mode::Copy, &container)?;
    container.shell(LOG_IN)?;
    life.configure(Mode::Ignore)?;
    life.docker(&container, &[RESTART])?;
    life.has_exactly(Mode::Ignore, &container)
}

/// Kills process 1 and waits until the engine has started it again.
pub(crate) fn kill_it(rig: &Rig, container: &Container) -> Result<()> {
    let pid = container.inspect("{{.State.Pid}}")?;
    let outside = outside_pid(rig, &pid)?;
    kill(nix::unistd::Pid::from_raw(outside), Signal::SIGKILL)?;
    for _ in 0..200 {
        let state = container.inspect("{{.State.Status}} {{.RestartCount}} {{.State.Pid}}")?;
        if state.starts_with("running 1 ") && !state.ends_with(&format!(" {pid}")) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    anyhow::bail!("not started again")
}

/// Every change that the scenarios name, one after the other.
const CHANGES: [Mode; 8] = [
    Mode::OauthToken,
    Mode::Sync,
    Mode::Copy,
    Mode::Sync,
    Mode::ApiKey,
    Mode::Copy,
    Mode::Ignore,
    Mode::Sync,
];

fn other_modes(rig: &Rig) -> Result<()> {
    go_through_modes(rig, &["-u", "dev"]).map(drop)
}

fn go_through_modes<'a>(rig: &'a Rig, flags: &[&str]) -> Result<Life<'a>> {
    let life = Life::new(rig, Mode::Sync)?;
    let container = life.start(flags)?;
    life.has_exactly(Mode::Sync, &container)?;
    for mode in CHANGES {
        life.configure(mode)?;
        life.docker(&container, &[&["stop", "-t", "0"], &["start"]])?;
        life.has_exactly(mode, &container)
            .with_context(|| format!("after the change to {mode:?}"))?;
    }
    Ok(life)
}

fn modes_on_a_volume(rig: &Rig) -> Result<()> {
    let volume = unique("home");
    let mount = format!("{volume}:/home/dev");
    let life = go_through_modes(rig, &["-u", "dev", "-v", &mount])?;
    let script = "cat /home/dev/.claude.json; grep -r jackinCanary /home/dev; true";
    let seen = rig
        .engine
        .docker(&["run", "--rm", "-v", &mount, BASE, "sh", "-c", script])?;
    rig.engine.docker(&["volume", "rm", &volume])?;
    ensure!(seen.contains("hasCompletedOnboarding"), "no seed: {seen}");
    for canary in [&life.login, &life.token, &life.key] {
        ensure!(!seen.contains(canary.text()), "left on the volume: {seen}");
    }
    Ok(())
}

fn broken_config(rig: &Rig) -> Result<()> {
    let mut life = Life::new(rig, Mode::Copy)?;
    let container = life.start(&[])?;
    life.user.configure("[claude\nauth_forward = nonsense")?;
    starts_with_the_former_login(&mut life, &container)
}

/// The start succeeds all the same, with the copy that the container had.
fn starts_with_the_former_login(life: &mut Life, container: &Container) -> Result<()> {
    let former = life.log_in_anew()?;
    life.docker(container, &[&["restart", "-t", "0"]])?;
    let newest = std::mem::replace(&mut life.login, former);
    life.has_exactly(Mode::Copy, container)?;
    life.login = newest;
    Ok(())
}

/// Another resolver for as long as this lives.
pub(crate) struct Resolver;

impl Resolver {
    fn at(path: &str) -> Result<Self> {
        let text = format!("low_level = \"{RUNC}\"\nresolver = \"{path}\"\n");
        fs::write(RUNTIME_CONFIG, text)?;
        Ok(Self)
    }

    /// A script of root's.
    pub(crate) fn script(body: &str) -> Result<Self> {
        let path = "/usr/local/libexec/docker-jackin/resolver-of-the-tests";
        fs::write(path, format!("#!/bin/sh\n{body}\n"))?;
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
        Self::at(path)
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        let _ = binaries::configure(Path::new(RUNTIME_CONFIG), RUNC);
    }
}

fn missing_resolver(rig: &Rig) -> Result<()> {
    let mut life = Life::new(rig, Mode::Copy)?;
    let container = life.start(&[])?;
    let resolver = Resolver::at("/usr/local/libexec/docker-jackin/not-there")?;
    starts_with_the_former_login(&mut life, &container)?;
    // Found again, it is asked again.
    drop(resolver);
    life.docker(&container, &[&["restart", "-t", "0"]])?;
    life.has_exactly(Mode::Copy, &container)
}

/// One that follows the host's login has the newest without being resolved.
fn followed(rig: &Rig) -> Result<()> {
    let mut life = Life::new(rig, Mode::Sync)?;
    let container = life.start(&[])?;
    let _resolver = Resolver::at("/usr/local/libexec/docker-jackin/not-there")?;
    for verbs in [&[][..], &[RESTART]] {
        life.log_in_anew()?;
        life.docker(&container, verbs)?;
        let mut attempts = 0..100;
        while let Err(error) = life.has_exactly(Mode::Sync, &container) {
            attempts.next().context(error)?;
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// It gets 10 s, with all that it started, and no more.
fn hanging_resolver(rig: &Rig) -> Result<()> {
    let mut life = Life::new(rig, Mode::Copy)?;
    let container = life.start(&[])?;
    let _resolver = Resolver::script("sleep 2017 & exec sleep 2018")?;
    let begin = Instant::now();
    starts_with_the_former_login(&mut life, &container)?;
    let took = begin.elapsed().as_secs();
    ensure!((10..20).contains(&took), "it took {took} s");
    for process in jackin_tests::processes::all() {
        let words = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
        let left = words == "sleep\x002017\0" || words == "sleep\x002018\0";
        ensure!(!left, "the resolver is left");
    }
    Ok(())
}

/// It runs as the ticket's owner, with what is theirs and nothing of root's.
fn whose_resolver(rig: &Rig) -> Result<()> {
    let mut life = Life::new(rig, Mode::Sync)?;
    let container = life.start(&[])?;
    the_ticket_folder_is_theirs()?;
    let report = Sandbox::memory().join(unique("resolver"));
    fs::write(&report, "")?;
    fs::set_permissions(&report, Permissions::from_mode(0o666))?;
    let _resolver = Resolver::script(&format!(
        "[ \"$1\" = resolve ] && {{ id -u; id -g; id -G; env | grep -v '^\\(PWD\\|_\\|SHLVL\\|OLDPWD\\)='; pwd; \
         grep -E '^(Cap...|NoNewPrivs|Groups)' /proc/$$/status; \
         find /proc/$$/fd -type l -printf 'fd %f %l\\n'; }} >{}\nexec {PLUGIN} \"$@\"",
        report.display()
    ))?;
    let former = life.log_in_anew()?;
    life.docker(&container, &[&["restart", "-t", "0"]])?;
    life.has_exactly(Mode::Sync, &container)?;
    let seen = container.shell("cat ~/.claude/.credentials.json")?;
    ensure!(!seen.contains(former.text()), "the former login");
    let told = fs::read_to_string(report)?;
    let mut lines = told.lines();
    ensure!(
        lines.next() == Some("1000") && lines.next() == Some("1000"),
        "{told}"
    );
    let groups: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    ensure!(groups.contains(&EXTRA_GROUP.to_string().as_str()), "{told}");
    ensure!(!groups.contains(&"0"), "{told}");
    let home = format!("HOME={}", jackin_tests::sandbox::home_of_user()?);
    for line in lines {
        let expected = match line.split_once([':', ' ', '=']) {
            Some(("HOME", _)) => line == home,
            Some(("PATH", _)) => line == "PATH=/usr/local/bin:/usr/bin:/bin",
            Some(("CapBnd", _)) => true,
            Some((name, value)) if name.starts_with("Cap") => value.trim() == "0000000000000000",
            Some(("Groups", value)) => !value.split(' ').any(|group| group == "0"),
            Some(("NoNewPrivs", _)) => true,
            // The shell's own copy of the script, and the three that it was given.
            Some(("fd", rest)) => {
                let (number, target) = rest.split_once(' ').unwrap_or_default();
                number.parse::<u32>().is_ok_and(|number| number < 3)
                    || target.ends_with("resolver-of-the-tests")
                    || target.starts_with("/memfd:")
            }
            _ => line == "/",
        };
        ensure!(expected, "{line:?} in {told}");
    }
    Ok(())
}

/// Where the user's `docker jackin run` put its ticket, which is gone now.
fn the_ticket_folder_is_theirs() -> Result<()> {
    for folder in [
        "/run/user/1000/docker-jackin",
        "/run/user/1000/docker-jackin/tickets",
    ] {
        let metadata = fs::symlink_metadata(folder).context(folder)?;
        let (uid, mode) = (metadata.uid(), metadata.mode() & 0o7777);
        ensure!((uid, mode) == (USER, 0o700), "{folder}: {uid} {mode:o}");
    }
    Ok(())
}
