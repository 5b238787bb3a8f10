//! Codex's real program: what renews its login on the host, and what becomes of
//! a session in a container.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::image::BASE;
use jackin_tests::processes;
use jackin_tests::project;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::sandbox::Sandbox;
use jackin_tests::vendor::{Ledger, Reuse, Vendor, openai};
use libtest_mimic::Trial;
use nix::mount::{MsFlags, mount};
use serde_json::{Value, json};

use crate::agents::program::{Mode, Program};
use crate::agents::stage::Stage;
use crate::lab::on_newest_engine;

const PATIENCE: Duration = Duration::from_secs(30);

/// So soon ends a login whose end Codex sees coming.
const NEAR: Duration = Duration::from_secs(250);

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn trials() -> Vec<Trial> {
    on_newest_engine("live::e41_codex_is_renewed_and_its_session_goes_on", check)
}

/// A person who is logged in to Codex, and the vendor.
struct Scene<'a> {
    stage: Stage<'a>,
    ledger: Arc<Ledger>,
    vendor: Vendor,
    beside: PathBuf,
}

fn check(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    let name = unique("codex");
    let words = ["run", &scene.stage.role, "-d", "--name", &name];
    let words = [&words[..], &["--", "sleep", "1000"]].concat();
    // Nothing renews it yet: their shell does not find the program.
    let started = scene.stage.user.run(rig, &words)?;
    let container = rig.adopt(name);
    ensure!(started.code == 0, "{started:?}");
    let first = scene.token()?;
    let mut session = Session::start(&scene, &container)?;
    session.turn()?;
    ensure!(scene.asked_with()? == [first.clone()], "the first token");

    scene.renew()?;
    let second = scene.token()?;
    ensure!(second != first, "it is as it was");
    ensure!(
        scene.ledger.renewals() == 1,
        "once: {:?}",
        scene.vendor.asked()
    );
    followed(&container, &second)?;
    session.turn()?;
    ensure!(scene.asked_with()? == [second.clone()], "the second token");

    // This one is far from its end, so that Codex does it on request alone.
    scene.renew()?;
    ensure!(scene.token()? != second, "it is as it was");
    ensure!(
        scene.ledger.renewals() == 2,
        "once: {:?}",
        scene.vendor.asked()
    );
    ensure!(
        scene.ledger.refused().is_empty(),
        "{:?}",
        scene.ledger.refused()
    );
    scene.nothing_left()
}

impl<'a> Scene<'a> {
    fn new(rig: &'a Rig) -> Result<Self> {
        let stage = Stage::logged_out(rig)?;
        stage.configure(BASE, &[(Program::Codex, Mode::Sync)], "")?;
        let beside = Sandbox::memory().join(unique("beside"));
        let bin = beside.join("bin");
        fs::create_dir_all(&bin)?;
        fs::set_permissions(&beside, Permissions::from_mode(0o755))?;
        // They may not look into root's home.
        let place = bin.join("codex");
        fs::write(&place, "")?;
        let program = project::agent("codex")?;
        let none = None::<&str>;
        mount(Some(&program), &place, none, MsFlags::MS_BIND, none)?;
        let (access, refresh) = (Canary::new()?, Canary::new()?);
        let ledger = Arc::new(Ledger::new(access, refresh, HOUR, Reuse::EndsLogin));
        let login = openai::credentials(&ledger.log_in(), SystemTime::now() + NEAR);
        let file = Program::Codex.login_file();
        stage.user.write(file, &login.to_string())?;
        Ok(Self {
            vendor: Vendor::with_ledger(&ledger, &beside)?,
            stage,
            ledger,
            beside,
        })
    }

    /// The access token that they have on the host.
    fn token(&self) -> Result<String> {
        let file = self.stage.user.home().join(Program::Codex.login_file());
        let login: Value = serde_json::from_slice(&fs::read(file)?)?;
        let token = login["tokens"]["access_token"].as_str();
        Ok(token.context("no token")?.to_owned())
    }

    /// Has the login renewed as a launch and the watcher do.
    fn renew(&self) -> Result<()> {
        let user = &self.stage.user;
        let mut command = user.jackin(self.stage.rig, &["sync", "--renew", "codex"]);
        let path = std::env::var("PATH")?;
        command.env("PATH", format!("{}/bin:{path}", self.beside.display()));
        let [proxy, (_, authority)] = self.vendor.variables()?;
        command.envs([proxy, ("SSL_CERT_FILE", authority)]);
        let outcome = run(&mut command)?;
        ensure!(outcome.code == 0, "{outcome:?}");
        // Whose login it is, too, is nobody's business.
        ensure!(outcome.text().is_empty(), "{outcome:?}");
        Ok(())
    }

    /// The tokens of the prompts since the last time.
    fn asked_with(&self) -> Result<Vec<String>> {
        let mut asked = self.stage.api.take();
        asked.retain(|asked| asked.what == Program::Codex.asks());
        let bearers = asked.iter().map(|asked| {
            let header = asked.credentials.get("authorization");
            let bearer = header.and_then(|header| header.strip_prefix("Bearer "));
            Ok(bearer.context("no token")?.to_owned())
        });
        bearers.collect()
    }

    /// No process of theirs is still at it.
    fn nothing_left(&self) -> Result<()> {
        let home = format!("HOME={}\0", self.stage.user.home().display());
        for process in processes::all() {
            let program = fs::read_link(process.join("exe")).unwrap_or_default();
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            let theirs = String::from_utf8_lossy(&environment).contains(&home);
            ensure!(
                !theirs || !program.ends_with("codex"),
                "{} is left",
                process.display()
            );
        }
        Ok(())
    }
}

/// Waits until a container has a token.
fn followed(container: &Container, token: &str) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let seen = container.shell("cat ~/.codex/auth.json")?;
        if seen.contains(token) {
            return Ok(());
        }
        ensure!(Instant::now() < until, "it has another: {seen}");
        sleep(Duration::from_millis(50));
    }
}

/// A session in a container, as an editor's: one process, which has a token in
/// its memory.
struct Session {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    thread: String,
    calls: u64,
}

impl Session {
    fn start(scene: &Scene<'_>, container: &Container) -> Result<Self> {
        let mut client = scene.stage.rig.engine.client();
        client.args(["exec", "-i", &container.name, "codex", "app-server"]);
        client.args(Program::Codex.overrides(&scene.stage.api));
        client.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = client.stderr(Stdio::null()).spawn()?;
        let output = child.stdout.take().context("no output")?;
        let (found, messages) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let message = serde_json::from_str(&line).unwrap_or_default();
                if found.send(message).is_err() {
                    return;
                }
            }
        });
        let mut session = Self {
            input: child.stdin.take().context("no input")?,
            child,
            messages,
            thread: String::new(),
            calls: 0,
        };
        let client = json!({ "name": "tests", "title": "tests", "version": "1" });
        session.call("initialize", &json!({ "clientInfo": client }))?;
        session.say(&json!({ "method": "initialized" }))?;
        let begun = session.call(
            "thread/start",
            &json!({ "cwd": "/", "approvalPolicy": "never", "sandbox": "danger-full-access" }),
        )?;
        let thread = begun["result"]["thread"]["id"].as_str();
        thread.context("no thread")?.clone_into(&mut session.thread);
        Ok(session)
    }

    /// One prompt, and its answer.
    fn turn(&mut self) -> Result<()> {
        let input = json!([{ "type": "text", "text": "ping" }]);
        self.call(
            "turn/start",
            &json!({ "threadId": self.thread, "input": input }),
        )?;
        let done = self.hear(|message| message["method"] == "turn/completed")?;
        let turn = &done["params"]["turn"];
        ensure!(turn["status"] == "completed", "{turn}");
        Ok(())
    }

    fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.calls += 1;
        let id = self.calls;
        self.say(&json!({ "id": id, "method": method, "params": params }))?;
        self.hear(|message| message["id"] == id && message["method"].is_null())
    }

    fn say(&mut self, message: &Value) -> Result<()> {
        Ok(writeln!(self.input, "{message}")?)
    }

    fn hear(&self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let message = self.messages.recv_timeout(left)?;
            if wanted(&message) {
                return Ok(message);
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
