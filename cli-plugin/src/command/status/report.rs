//! The status as data, and as people read it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::policy::PolicyStatus;
use crate::engine::registrar::Part;
use crate::failure::Failure;

/// All that a status says. What could not be found out is absent, and then
/// `problems` says why.
#[derive(Debug, Default, Serialize)]
pub(in crate::command) struct Status {
    /// This program.
    pub(in crate::command) plugin: Program,
    /// The wrapper that the engine calls.
    pub(in crate::command) wrapper: Option<Program>,
    /// The hook that the wrapper adds.
    pub(in crate::command) hook: Option<Program>,
    /// The runtime that does the work.
    pub(in crate::command) low_level: Option<Program>,
    /// The program that resolves a request again at a restart.
    pub(in crate::command) resolver: Option<PathBuf>,
    /// The engine.
    pub(in crate::command) engine: Option<EngineStatus>,
    /// Where the engine's side keeps its state.
    pub(in crate::command) engine_folder: Memory,
    /// Which containers are served without a ticket.
    pub(in crate::command) policy: PolicyStatus,
    /// Where this user's tickets lie.
    pub(in crate::command) tickets: Option<PathBuf>,
    /// What keeps the logins up to date that containers follow.
    pub(in crate::command) sync: Option<Sync>,
    /// Whether a delivery works with Docker; `None` when it was not looked at.
    pub(in crate::command) delivery: Option<Delivery>,
    /// Engines other than Docker.
    pub(in crate::command) engines: Vec<Part>,
    /// What is missing or wrong, with what to do about it.
    pub(in crate::command) problems: Vec<String>,
}

/// A program that is installed.
#[derive(Debug, Default, Serialize)]
pub(in crate::command) struct Program {
    /// Where.
    pub(in crate::command) path: PathBuf,
    /// In its own words; `None` when it has none for us.
    pub(in crate::command) version: Option<String>,
}

/// An engine that answers.
#[derive(Debug, Serialize)]
pub(in crate::command) struct EngineStatus {
    /// The context's name.
    pub(in crate::command) context: String,
    /// What chose it.
    pub(in crate::command) chosen_by: String,
    /// Where it listens.
    pub(in crate::command) endpoint: String,
    /// Its version.
    pub(in crate::command) version: String,
    /// Its API's version.
    pub(in crate::command) api: String,
    /// What carries a ticket's handle: `annotation` or `variable`.
    pub(in crate::command) handle_by: &'static str,
    /// The names under which the wrapper is registered.
    pub(in crate::command) runtimes: Vec<String>,
    /// Whether the wrapper is its default runtime.
    pub(in crate::command) is_default: bool,
}

/// A folder that has to lie in memory.
#[derive(Debug, Default, Serialize)]
pub(in crate::command) struct Memory {
    /// The folder.
    pub(in crate::command) path: PathBuf,
    /// Whether it lies, or would lie, on tmpfs.
    pub(in crate::command) in_memory: bool,
}

/// What keeps logins up to date.
#[derive(Debug, Default, Serialize)]
pub(in crate::command) struct Sync {
    /// The process that does; `None` when none runs.
    pub(in crate::command) process: Option<i32>,
    /// How many logins are published for containers.
    pub(in crate::command) logins: usize,
}

/// Whether a delivery works.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::command) enum Delivery {
    /// Nobody asked.
    #[default]
    NotVerified,
    /// A marker arrived, and the engine knows nothing of it.
    Verified,
    /// It does not; `problems` says why.
    Failed,
}

impl Status {
    /// Takes down what a verification found.
    pub(in crate::command) fn note_delivery(&mut self, outcome: Result<(), Failure>) {
        self.delivery = Some(match outcome {
            Ok(()) => Delivery::Verified,
            Err(failure) => {
                let problem = failure.to_string();
                // What is missing for a delivery may have been found already.
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
                Delivery::Failed
            }
        });
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} ({version})", self.path.display()),
            None => write!(f, "{}", self.path.display()),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MISSING: &str = "missing";
        let or_missing = |text: Option<String>| text.unwrap_or_else(|| MISSING.to_owned());
        let path = |path: &Option<PathBuf>| {
            or_missing(path.as_ref().map(|path| path.display().to_string()))
        };
        let program =
            |program: &Option<Program>| or_missing(program.as_ref().map(Program::to_string));
        writeln!(f, "plugin     {}", self.plugin)?;
        writeln!(f, "wrapper    {}", program(&self.wrapper))?;
        writeln!(f, "hook       {}", program(&self.hook))?;
        writeln!(f, "low-level  {}", program(&self.low_level))?;
        writeln!(f, "resolver   {}", path(&self.resolver))?;
        match &self.engine {
            Some(engine) => write!(f, "{engine}")?,
            None if self.delivery.is_some() => writeln!(f, "engine     {MISSING}")?,
            None => {}
        }
        let place = if self.engine_folder.in_memory {
            "in memory"
        } else {
            "on disk"
        };
        writeln!(
            f,
            "state      {} ({place})",
            self.engine_folder.path.display()
        )?;
        writeln!(f, "tickets    {}", path(&self.tickets))?;
        if let Some(sync) = &self.sync {
            writeln!(f, "sync       {sync}")?;
        }
        write!(f, "{}", self.policy)?;
        if let Some(delivery) = &self.delivery {
            writeln!(f, "delivery   {delivery}")?;
        }
        for engine in &self.engines {
            write!(f, "{engine}")?;
        }
        for problem in &self.problems {
            writeln!(f, "\nproblem: {problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for EngineStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version,
            endpoint,
            context,
            chosen_by,
            api,
            handle_by,
            ..
        } = self;
        writeln!(
            f,
            "engine     {version} at {endpoint} (context {context}, {chosen_by})"
        )?;
        writeln!(
            f,
            "           API {api}: a ticket's handle goes by {handle_by}"
        )?;
        let runtimes = self.runtimes.join(", ");
        match (runtimes.as_str(), self.is_default) {
            ("", _) => writeln!(f, "registered nothing"),
            (runtimes, true) => writeln!(f, "registered {runtimes} (default)"),
            (runtimes, false) => writeln!(f, "registered {runtimes}"),
        }
    }
}

impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logins = match self.logins {
            1 => "1 login".to_owned(),
            many => format!("{many} logins"),
        };
        match (self.process, self.logins) {
            (Some(pid), _) => write!(f, "{logins}, kept up to date by process {pid}"),
            (None, 0) => f.write_str("no container follows a login"),
            (None, _) => write!(
                f,
                "{logins}, which nothing keeps up to date; run: docker jackin sync"
            ),
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotVerified => "not verified; run: docker jackin status --verify --image IMAGE",
            Self::Verified => {
                "verified: a variable and a file arrived, and `docker inspect` shows neither"
            }
            Self::Failed => "failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Status {
        let program = |path: &str, version: &str| Program {
            path: path.into(),
            version: Some(version.into()),
        };
        Status {
            plugin: program("/p/docker-jackin", "0.1.0"),
            wrapper: Some(program("/l/docker-jackin-runtime", "0.1.0")),
            hook: Some(program("/l/docker-jackin-hook", "0.1.0")),
            low_level: Some(program("/usr/bin/runc", "runc version 1.1.5")),
            resolver: Some("/p/docker-jackin".into()),
            engine: Some(EngineStatus {
                context: "default".into(),
                chosen_by: "by default".into(),
                endpoint: "unix:///var/run/docker.sock".into(),
                version: "26.1.5".into(),
                api: "1.45".into(),
                handle_by: "annotation",
                runtimes: vec!["docker-jackin".into(), "docker-jackin-crun".into()],
                is_default: true,
            }),
            engine_folder: Memory {
                path: "/run/docker-jackin".into(),
                in_memory: true,
            },
            policy: PolicyStatus::default(),
            tickets: Some("/run/user/0/docker-jackin/tickets".into()),
            sync: Some(Sync {
                process: Some(7),
                logins: 2,
            }),
            delivery: Some(Delivery::NotVerified),
            engines: Vec::new(),
            problems: Vec::new(),
        }
    }

    #[test]
    fn a_whole_installation_reads_line_by_line() {
        insta::assert_snapshot!(whole().to_string(), @"
        plugin     /p/docker-jackin (0.1.0)
        wrapper    /l/docker-jackin-runtime (0.1.0)
        hook       /l/docker-jackin-hook (0.1.0)
        low-level  /usr/bin/runc (runc version 1.1.5)
        resolver   /p/docker-jackin
        engine     26.1.5 at unix:///var/run/docker.sock (context default, by default)
                   API 1.45: a ticket's handle goes by annotation
        registered docker-jackin, docker-jackin-crun (default)
        state      /run/docker-jackin (in memory)
        tickets    /run/user/0/docker-jackin/tickets
        sync       2 logins, kept up to date by process 7
        policy     none
        delivery   not verified; run: docker jackin status --verify --image IMAGE
        ");
    }

    #[test]
    fn what_is_missing_is_said_with_what_to_do() {
        let mut status = Status {
            plugin: whole().plugin,
            engine_folder: Memory {
                path: "/run/docker-jackin".into(),
                in_memory: false,
            },
            ..Status::default()
        };
        status.note_delivery(Err(
            Failure::new(crate::failure::Kind::Engine, "no").hint("do this")
        ));
        insta::assert_snapshot!(status.to_string(), @"
        plugin     /p/docker-jackin (0.1.0)
        wrapper    missing
        hook       missing
        low-level  missing
        resolver   missing
        engine     missing
        state      /run/docker-jackin (on disk)
        tickets    missing
        policy     none
        delivery   failed

        problem: no
          do this
        ");
    }

    #[test]
    fn programs_read_the_same_as_json() {
        let json = serde_json::to_value(whole()).unwrap();
        assert_eq!(json["delivery"], "not-verified");
        assert_eq!(json["engine"]["handle_by"], "annotation");
        assert_eq!(json["engine_folder"]["in_memory"], true);
        assert_eq!(json["problems"], serde_json::json!([]));
    }
}
