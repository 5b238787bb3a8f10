//! A person with a login of every agent on their machine, a configuration, and
//! the vendors' APIs; and what arrived there.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, bail, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::Outcome;
use jackin_tests::image::{BASE, build};
use jackin_tests::mock_api::{ANSWER, Asked, MockApi};
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::sandbox::USER;

use super::program::{Mode, Program, Secrets};
use crate::user::User;

/// The host's network, to reach the stand-in, but nobody who knows a name: what
/// else a program wants of the network fails at once rather than in time.
const NETWORK: [&str; 16] = [
    "--network",
    "host",
    "--dns",
    "127.0.0.1",
    "--dns-opt",
    "timeout:1",
    "--dns-opt",
    "attempts:1",
    "--add-host",
    "chatgpt.com:127.0.0.1",
    "--add-host",
    "api.openai.com:127.0.0.1",
    "--add-host",
    "github.com:127.0.0.1",
    "--add-host",
    "api.github.com:127.0.0.1",
];

/// Everything but the configuration, which each test writes.
pub(crate) struct Stage<'a> {
    pub(crate) rig: &'a Rig,
    pub(crate) user: User,
    pub(crate) api: MockApi,
    /// The role's name, which no other test uses.
    pub(crate) role: String,
    secrets: BTreeMap<Program, Secrets>,
}

impl<'a> Stage<'a> {
    /// A person who is logged in to everything.
    pub(crate) fn new(rig: &'a Rig) -> Result<Self> {
        Self::logged_out(rig)?.logged_in()
    }

    /// The same, with one canary in all of their secrets.
    pub(crate) fn with_one_secret(rig: &'a Rig, canary: &Canary) -> Result<Self> {
        let mut stage = Self::logged_out(rig)?;
        for secrets in stage.secrets.values_mut() {
            *secrets = Secrets::of_one(canary);
        }
        stage.logged_in()
    }

    fn logged_in(self) -> Result<Self> {
        for program in Program::ALL {
            self.log_in(program, program.login_file())?;
        }
        Ok(self)
    }

    /// A person who is logged in to nothing.
    pub(crate) fn logged_out(rig: &'a Rig) -> Result<Self> {
        let mut secrets = BTreeMap::new();
        for program in Program::ALL {
            secrets.insert(program, Secrets::new()?);
        }
        Ok(Self {
            rig,
            user: User::new(USER)?,
            api: MockApi::start()?,
            role: unique("agent"),
            secrets,
        })
    }

    /// Puts an agent's login on the host, its place relative to the home.
    pub(crate) fn log_in(&self, program: Program, place: &str) -> Result<()> {
        let login = program.login(self.secrets(program)?, &self.api);
        self.user.write(place, &login.to_string())
    }

    pub(crate) fn secrets(&self, program: Program) -> Result<&Secrets> {
        self.secrets.get(&program).context("an agent without any")
    }

    /// Writes a configuration with the stage's role, an operator variable of
    /// every name that any agent takes a credential from, and what is `further`.
    pub(crate) fn configure(
        &self,
        image: &str,
        modes: &[(Program, Mode)],
        further: &str,
    ) -> Result<()> {
        let mut text = String::from("[env]\n");
        for program in Program::ALL {
            for (name, value) in program.variables(&self.secrets(program)?.operator) {
                writeln!(text, "{name} = '{value}'")?;
            }
        }
        for (program, mode) in modes {
            text += &self.block(*program, *mode)?;
        }
        let agents: Vec<&str> = modes.iter().map(|(program, _)| program.word()).collect();
        writeln!(
            text,
            "[roles.{}]\nimage = \"{image}\"\nagents = {agents:?}",
            self.role
        )?;
        write!(text, "run = {:?}\n{further}", self.flags(modes)?)?;
        self.user.configure(&text)
    }

    fn block(&self, program: Program, mode: Mode) -> Result<String> {
        let word = mode.word();
        let mut block = format!("[{}]\nauth_forward = \"{word}\"\n", program.word());
        if let Some(value) = self.secrets(program)?.slot(mode) {
            let file = format!("secrets/{}", program.word());
            self.user.write(&file, &value)?;
            writeln!(
                block,
                "{word} = \"file:{}/{file}\"",
                self.user.home().display()
            )?;
        }
        if program == Program::Opencode {
            block += "provider = \"anthropic\"\n";
        }
        Ok(block)
    }

    /// The role's flags: the programs, and what sends them to the stand-in.
    pub(crate) fn flags(&self, modes: &[(Program, Mode)]) -> Result<Vec<String>> {
        let mut flags: Vec<String> = NETWORK.iter().map(|&flag| flag.to_owned()).collect();
        for (program, _) in modes {
            flags.extend(["-v".to_owned(), program.mount()?]);
            for setting in program.settings(&self.api) {
                flags.extend(["-e".to_owned(), setting]);
            }
        }
        Ok(flags)
    }

    /// An image that sets every variable that would outrank a mode.
    pub(crate) fn meddling_image(&self) -> Result<String> {
        let name = unique("meddling");
        let mut dockerfile = format!("FROM {BASE}\nENV");
        for program in Program::ALL {
            for (name, value) in program.variables(&self.secrets(program)?.image) {
                write!(dockerfile, " {name}='{value}'")?;
            }
        }
        build(&self.rig.engine, &name, &dockerfile)?;
        Ok(name)
    }

    /// Asks a program in a new container.
    pub(crate) fn ask(&self, program: Program, flags: &[&str]) -> Result<Outcome> {
        let question = program.question(&self.api);
        let mut arguments = vec!["run", &self.role, "--rm"];
        arguments.extend_from_slice(flags);
        arguments.push("--");
        arguments.extend(question.iter().map(String::as_str));
        self.user.run(self.rig, &arguments)
    }

    /// Asks a program in a container that runs, by `docker exec`.
    pub(crate) fn ask_in(&self, container: &Container, program: Program) -> Result<Outcome> {
        let question = program.question(&self.api);
        let question: Vec<&str> = question.iter().map(String::as_str).collect();
        container.exec(&question)
    }

    /// Holds an answer, and everything that was asked since the last time,
    /// against the credential that had to arrive, and no other.
    pub(crate) fn check(&self, program: Program, mode: Mode, outcome: &Outcome) -> Result<()> {
        let secrets = self.secrets(program)?;
        let expected = program.expected(mode, secrets);
        let asked = self.api.take();
        self.nothing_else(&asked, secrets.of(mode))?;
        for asked in &asked {
            let mut credentials = asked.credentials.iter();
            ensure!(
                credentials.all(|(name, value)| expected.get(name) == Some(value)),
                "{asked:?}, and {expected:?} was expected"
            );
        }
        if mode == Mode::Ignore {
            let complaint = program.complains();
            ensure!(
                outcome.code != 0 && outcome.text().contains(complaint),
                "{outcome:?}"
            );
            return Ok(());
        }
        ensure!(outcome.code == 0, "{outcome:?}");
        ensure!(outcome.stdout.contains(ANSWER), "{outcome:?}");
        let question =
            |asked: &Asked| asked.what == program.asks() && asked.credentials == expected;
        ensure!(
            asked.iter().any(question),
            "{program:?} did not ask with {expected:?}: {asked:?}"
        );
        Ok(())
    }

    /// No request holds any secret but one.
    fn nothing_else(&self, asked: &[Asked], granted: Option<&Canary>) -> Result<()> {
        let granted = granted.map(Canary::text);
        for (program, secrets) in &self.secrets {
            for (kind, canary) in secrets.all() {
                if Some(canary.text()) == granted {
                    continue;
                }
                let mut holding = asked.iter().filter(|asked| asked.holds(canary));
                if let Some(asked) = holding.next() {
                    bail!("{program:?}'s {kind} arrived without being granted: {asked:?}");
                }
            }
        }
        Ok(())
    }
}

/// The line that a launch says about an agent.
pub(crate) fn auth_line(outcome: &Outcome, program: Program) -> Result<&str> {
    let start = format!("{} auth:", program.word());
    let mut lines = outcome.stderr.lines();
    let line = lines.find(|line| line.starts_with(&start));
    line.with_context(|| format!("no line of {program:?}: {outcome:?}"))
}
