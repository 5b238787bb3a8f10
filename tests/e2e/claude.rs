//! Scenarios 33 to 35, 39 and 42: the real claude is logged in, in each mode,
//! as root and as an ordinary user, and is not met by its wizard.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::{Outcome, run};
use jackin_tests::image::{BASE, build};
use jackin_tests::mock_api::{ANSWER, Asked, MockApi};
use jackin_tests::project;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::terminal::Terminal;
use libtest_mimic::Trial;

use crate::lab::{on_each_engine, on_each_rig};
use crate::user::User;

const PATIENCE: Duration = Duration::from_secs(40);

/// The wizard's first screen, or what it shows where it finds no network: an
/// onboarded claude asks for neither.
const WIZARD: [&str; 3] = [
    "Unable to connect to Anthropic services",
    "Choose the text style",
    "Select login method",
];

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine("claude::e42_sync", |rig| both_users(rig, Mode::Sync)),
        on_each_engine("claude::e42_api_key", |rig| both_users(rig, Mode::ApiKey)),
        on_each_rig("claude::e42_oauth_token", |rig| {
            both_users(rig, Mode::OauthToken)
        }),
        on_each_engine("claude::e42_ignore", |rig| both_users(rig, Mode::Ignore)),
        on_each_engine("claude::e42_without_us_the_wizard_comes", wizard),
        on_each_engine("claude::e39_e42_no_wizard_with_the_flag", no_wizard),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Sync,
    ApiKey,
    OauthToken,
    Ignore,
}

/// A launch: its user with a configuration, a canary, and the vendor's API.
struct Launch<'a> {
    rig: &'a Rig,
    user: User,
    canary: Canary,
    api: MockApi,
}

impl<'a> Launch<'a> {
    fn new(rig: &'a Rig, mode: Mode, image: &str) -> Result<Self> {
        let launch = Self {
            rig,
            user: User::new(1000)?,
            canary: Canary::new()?,
            api: MockApi::start()?,
        };
        launch.configure(mode, image)?;
        Ok(launch)
    }

    fn configure(&self, mode: Mode, image: &str) -> Result<()> {
        // The host is logged in whatever the mode: it must not matter.
        let elsewhere = Canary::new()?;
        let login = if mode == Mode::Sync {
            &self.canary
        } else {
            &elsewhere
        };
        self.user
            .log_in(&login.oauth_token(), "no refresh token may arrive")?;
        self.user.write("token", &self.canary.oauth_token())?;
        self.user.write("key", &self.canary.api_key())?;
        let home = self.user.home().display();
        let block = match mode {
            Mode::Sync => "auth_forward = \"sync\"".to_owned(),
            Mode::ApiKey => format!("auth_forward = \"api_key\"\napi_key = \"file:{home}/key\""),
            Mode::OauthToken => {
                format!("auth_forward = \"oauth_token\"\noauth_token = \"file:{home}/token\"")
            }
            Mode::Ignore => "auth_forward = \"ignore\"".to_owned(),
        };
        let claude = project::claude()?;
        let mount = format!("{}:/usr/local/bin/claude:ro", claude.display());
        let api = format!("ANTHROPIC_BASE_URL={}", self.api.url());
        let flags = [
            "--network",
            "host",
            "-v",
            &mount,
            "-e",
            &api,
            "-e",
            "CLAUDE_CODE_MAX_RETRIES=0",
            "-e",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
            "-e",
            "DISABLE_AUTOUPDATER=1",
        ];
        self.user.configure(&format!(
            "[claude]\n{block}\n[roles.agent]\nimage = \"{image}\"\nagents = [\"claude\"]\nrun = {flags:?}\n"
        ))
    }

    /// Asks claude something in a new container.
    fn ask(&self, flags: &[&str]) -> Result<Outcome> {
        let mut arguments = vec!["run", "agent", "--rm"];
        arguments.extend_from_slice(flags);
        arguments.extend(["--", "claude", "-p", "ping"]);
        self.user.run(self.rig, &arguments)
    }

    /// The credential that the vendor must see, and nothing beside it.
    fn expected(&self, mode: Mode) -> Asked {
        let bearer = format!("Bearer {}", self.canary.oauth_token());
        Asked {
            what: "POST /v1/messages".to_owned(),
            authorization: (mode != Mode::ApiKey).then_some(bearer),
            api_key: (mode == Mode::ApiKey).then(|| self.canary.api_key()),
        }
    }
}

fn both_users(rig: &Rig, mode: Mode) -> Result<()> {
    for flags in [&[][..], &["--user", "dev"]] {
        let launch = Launch::new(rig, mode, BASE)?;
        let outcome = launch.ask(flags)?;
        says_the_mode(mode, &outcome)?;
        let prompts = launch.api.prompts();
        if mode == Mode::Ignore {
            ensure!(
                outcome.code != 0 && prompts.is_empty(),
                "{outcome:?} {prompts:?}"
            );
            continue;
        }
        ensure!(outcome.stdout.contains(ANSWER), "{flags:?}: {outcome:?}");
        let expected = launch.expected(mode);
        ensure!(!prompts.is_empty(), "no prompt arrived");
        ensure!(
            prompts.iter().all(|asked| *asked == expected),
            "{prompts:?}"
        );
    }
    Ok(())
}

/// The auth line, before the container starts; never with the value.
fn says_the_mode(mode: Mode, outcome: &Outcome) -> Result<()> {
    let line = outcome
        .stderr
        .lines()
        .find(|line| line.starts_with("claude auth:"));
    let line = line.with_context(|| format!("no auth line: {outcome:?}"))?;
    let words = match mode {
        Mode::Sync => "forwarded host session (sync)",
        Mode::ApiKey => "API key",
        Mode::OauthToken => "long-lived OAuth token",
        Mode::Ignore => "none",
    };
    ensure!(line.contains(words), "{line}");
    Ok(())
}

/// The control: the token alone, by `-e`, still meets the wizard.
fn wizard(rig: &Rig) -> Result<()> {
    let mount = format!("{}:/usr/local/bin/claude:ro", project::claude()?.display());
    let token = format!(
        "CLAUDE_CODE_OAUTH_TOKEN={}",
        Canary::control()?.oauth_token()
    );
    let mut client = rig.engine.client();
    client.args([
        "run",
        "--rm",
        "-it",
        "--network",
        "host",
        "-v",
        &mount,
        "-e",
        &token,
    ]);
    let terminal = Terminal::start(client.args([BASE, "claude"]))?;
    terminal.wait_for(&WIZARD, PATIENCE)?;
    Ok(())
}

/// The image's own keys survive the merge (its folder is trusted there), so
/// claude comes up ready to be asked, and answers.
fn no_wizard(rig: &Rig) -> Result<()> {
    let image = unique("trusting");
    let keys = r#"{"projects":{"/":{"hasTrustDialogAccepted":true}},"ofTheImage":1}"#;
    let dockerfile = format!("FROM {BASE}\nUSER dev\nRUN echo '{keys}' >/home/dev/.claude.json\n");
    build(&rig.engine, &image, &dockerfile)?;
    let launch = Launch::new(rig, Mode::OauthToken, &image)?;
    let name = unique("interactive");
    let arguments = ["run", "agent", "-it", "--name", &name, "--", "claude"];
    let mut terminal = Terminal::start(&launch.user.jackin(rig, &arguments))?;
    let container = rig.adopt(name);
    let mut screens = vec!["? for shortcuts", "shift+tab to cycle"];
    screens.extend(WIZARD);
    let met = terminal.wait_for(&screens, PATIENCE)?;
    ensure!(met < 2, "the wizard came up:\n{}", terminal.contents());
    terminal.send("ping\r")?;
    terminal.wait_for(&[ANSWER], PATIENCE)?;
    ensure!(
        launch
            .api
            .prompts()
            .contains(&launch.expected(Mode::OauthToken))
    );
    let kept =
        run(rig
            .engine
            .client()
            .args(["exec", &container.name, "cat", "/home/dev/.claude.json"]))?;
    ensure!(kept.stdout.contains("ofTheImage"), "{kept:?}");
    Ok(())
}
