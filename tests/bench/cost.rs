//! What the wrapper, the hook and the plugin cost: medians of interleaved
//! runs, side by side with the same thing without them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::container::ContainerId;
use jackin_oci_hook::payload::Payload;
use jackin_oci_hook::store::Store;
use jackin_oci_hook::ticket::HANDLE_ANNOTATION;
use jackin_tests::binaries::{self, RUNC, RUNTIME};
use jackin_tests::bundle::Bundle;
use jackin_tests::canary::Canary;
use jackin_tests::engine::{Engine, Release};
use jackin_tests::image::{self, BASE};
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::Sandbox;
use jackin_tests::staging;

/// One way to do a thing, ready to be timed.
type Way<'a> = (&'a str, Box<dyn FnMut() -> Result<Command> + 'a>);

fn main() -> Result<()> {
    let sandbox = Sandbox::enter()?;
    binaries::install_release()?;
    let engine = Arc::new(Engine::start(Release::of_the_system(), &sandbox)?);
    let tar = image::base_tar(sandbox.disk())?;
    engine.wait_until_ready()?;
    image::import(&engine, &tar, BASE)?;
    let rootfs = sandbox.disk().join("base");
    println!(
        "{:<52} {:>9} {:>9} {:>7}",
        "median of interleaved runs", "ms", "more", "ratio"
    );
    let result = wrapper(&rootfs)
        .and_then(|()| low_level(&rootfs))
        .and_then(|()| docker(&engine));
    engine.stop()?;
    result
}

/// `create` with a low-level runtime that does nothing: the wrapper alone.
fn wrapper(rootfs: &Path) -> Result<()> {
    let nothing = "/usr/local/bin/nothing";
    fs::copy("/bin/true", nothing)?;
    let wrapper = format!("{RUNTIME}-nothing");
    symlink(RUNTIME, &wrapper)?;
    let call = |program: &[&str], served: bool| create(program, "create", rootfs, served);
    compare(
        200,
        vec![
            (
                "create: bare exec of a runtime that does nothing",
                Box::new(|| call(&[nothing], false)),
            ),
            (
                // What any program in between costs: a static one that does
                // no more than exec.
                "create: busybox env, which only execs it",
                Box::new(|| call(&["/bin/busybox", "env", nothing], false)),
            ),
            (
                "create: wrapper, no ticket",
                Box::new(|| call(&[&wrapper], false)),
            ),
            (
                "create: wrapper, ticket",
                Box::new(|| call(&[&wrapper], true)),
            ),
        ],
    )
}

/// `runc run` of `true`, the hook included.
fn low_level(rootfs: &Path) -> Result<()> {
    let call = |program: &str, served: bool| create(&[program], "run", rootfs, served);
    compare(
        40,
        vec![
            ("runc run: bare", Box::new(|| call(RUNC, false))),
            (
                "runc run: wrapper, no ticket",
                Box::new(|| call(RUNTIME, false)),
            ),
            (
                "runc run: wrapper, ticket, hook",
                Box::new(|| call(RUNTIME, true)),
            ),
        ],
    )
}

/// `docker run` and `docker jackin run` of `true`.
fn docker(engine: &Arc<Engine>) -> Result<()> {
    let rigs = Rig::all(std::slice::from_ref(engine));
    let Some(rig) = rigs.first() else {
        return Ok(());
    };
    let home = configuration("bench", TOKEN)?;
    let (copied, followed) = (
        configuration("bench-copy", "sync_refresh = \"copy\"\n")?,
        configuration("bench-live", "")?,
    );
    let plain = |runtime: &str| {
        let mut client = engine.client();
        client.args(["run", "--rm", "--runtime", runtime, BASE, "true"]);
        Ok(client)
    };
    let served = || {
        let handle = staging::stage(&staging::ticket(0, payload()?)?)?;
        let mut client = rig.with_handle("run", &handle);
        client.args(["--rm", BASE, "true"]);
        Ok(client)
    };
    let jackin = |home: &Path| {
        let mut client = engine.client();
        client.env("HOME", home);
        client.env("DOCKER_CONFIG", home.join(".docker"));
        client.args(["jackin", "run", "agent", "--rm", "--", "true"]);
        Ok(client)
    };
    compare(
        25,
        vec![
            ("docker run: runc", Box::new(|| plain("runc"))),
            (
                "docker run: wrapper, no ticket",
                Box::new(|| plain(rig.wrapper)),
            ),
            ("docker run: wrapper, ticket, hook", Box::new(served)),
            ("docker jackin run: a token", Box::new(|| jackin(&home))),
            (
                "docker jackin run: a copied login",
                Box::new(|| jackin(&copied)),
            ),
            (
                "docker jackin run: a followed login",
                Box::new(|| jackin(&followed)),
            ),
        ],
    )
}

/// Times every way in turn, round after round, and prints the medians. The
/// first way is what the others are held against.
fn compare(rounds: usize, mut ways: Vec<Way<'_>>) -> Result<()> {
    let mut times = vec![Vec::with_capacity(rounds); ways.len()];
    for _ in 0..rounds {
        for ((name, prepare), times) in ways.iter_mut().zip(&mut times) {
            let mut command = prepare()?;
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let start = Instant::now();
            let status = command.status()?;
            times.push(start.elapsed());
            ensure!(status.success(), "{name} failed: {status}");
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    let base = medians.first().copied().unwrap_or_default();
    for ((name, _), median) in ways.iter().zip(&medians) {
        println!(
            "{name:<52} {median:>9.2} {:>+9.2} {:>6.2}x",
            median - base,
            median / base
        );
    }
    Ok(())
}

/// The median, in milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    middle.as_secs_f64() * 1000.0
}

/// A call of a runtime for a new bundle of its own.
fn create(program: &[&str], verb: &str, rootfs: &Path, served: bool) -> Result<Command> {
    let folder = Sandbox::memory().join("bench");
    fs::create_dir_all(&folder)?;
    forget_containers()?;
    let bundle = Bundle::new(&folder, rootfs, &["true"])?;
    if served {
        let handle = staging::stage(&staging::ticket(0, payload()?)?)?.expose();
        bundle.edit(|config| {
            config["annotations"] = serde_json::json!({ HANDLE_ANNOTATION: handle });
            config["root"]["readonly"] = true.into();
        })?;
    }
    let mut command = Command::new(program[0]);
    command
        .args(&program[1..])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.arg("--root").arg(folder.join("state"));
    command
        .arg("--log")
        .arg(folder.join("log.json"))
        .args(["--log-format", "json"]);
    command
        .arg(verb)
        .arg("--bundle")
        .arg(&bundle.path)
        .arg(unique("bench"));
    Ok(command)
}

/// A machine has few containers at a time, and each start looks at all.
fn forget_containers() -> Result<()> {
    let Some(store) = Store::open()? else {
        return Ok(());
    };
    for entry in fs::read_dir("/run/docker-jackin/containers")? {
        store.remove(&ContainerId::try_from(entry?.file_name())?)?;
    }
    Ok(())
}

/// What Claude in its `oauth_token` mode is given, less the seed, for which
/// these bundles' read-only root has no place.
fn payload() -> Result<Payload> {
    let token = Canary::new()?.oauth_token();
    let mut payload = staging::variables(&[("CLAUDE_CODE_OAUTH_TOKEN", &token)])?;
    payload
        .files
        .push(staging::bound_file("/tmp/token", &token)?);
    Ok(payload)
}

/// What a role's agent is logged in by that has a token of its own.
const TOKEN: &str = "auth_forward = \"oauth_token\"\noauth_token = \"sk-ant-oat01-bench\"\n";

/// A home with a login and a role, whose Claude is configured so.
fn configuration(name: &str, claude: &str) -> Result<PathBuf> {
    let home = Sandbox::memory().join(name);
    let config = home.join(".docker/jackin/config.toml");
    let login = home.join(".claude/.credentials.json");
    for (file, text) in [
        (
            config,
            format!("[claude]\n{claude}[roles.agent]\nimage = \"{BASE}\"\nagents = [\"claude\"]\n"),
        ),
        (
            login,
            format!(
                r#"{{"claudeAiOauth":{{"accessToken":"{}","expiresAt":4102444800000}}}}"#,
                Canary::new()?.oauth_token()
            ),
        ),
    ] {
        fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
        fs::write(&file, text)?;
        fs::set_permissions(&file, Permissions::from_mode(0o600))?;
    }
    Ok(home)
}
