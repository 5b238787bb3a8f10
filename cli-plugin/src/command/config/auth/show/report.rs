//! What is shown of modes and logins, as data and as people read it.

use std::fmt;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::command::scope_flags::ShownScope;

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The configuration's file.
    pub(super) config: PathBuf,
    /// The workspace that was meant.
    pub(super) workspace: Option<String>,
    /// What holds for each kind of container.
    pub(super) cells: Vec<CellReport>,
    /// Whether people are shown what each scope says.
    #[serde(skip)]
    pub(super) with_trace: bool,
}

/// What holds for the containers of a role, or of none.
#[derive(Debug, Serialize)]
pub(super) struct CellReport {
    /// The role.
    pub(super) role: Option<String>,
    /// Its agents.
    pub(super) agents: Vec<AgentReport>,
}

/// What holds for an agent.
#[derive(Debug, Serialize)]
pub(super) struct AgentReport {
    /// The agent.
    pub(super) agent: &'static str,
    /// Its mode.
    pub(super) mode: &'static str,
    /// The scope that chose the mode; `None` for the default.
    pub(super) chosen_by: Option<ShownScope>,
    /// How the host's login keeps up; `None` in a mode that forwards none.
    pub(super) refresh: Option<RefreshReport>,
    /// The login that would be delivered.
    pub(super) login: Option<LoginReport>,
    /// What each scope says, the nearest first.
    pub(super) trace: Vec<Said>,
}

/// How a login of the host's keeps up in the container.
#[derive(Debug, Serialize)]
pub(super) struct RefreshReport {
    /// The word for it.
    pub(super) word: &'static str,
    /// The scope that chose it; `None` for the default.
    pub(super) chosen_by: Option<ShownScope>,
}

/// A login, or what there is of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LoginReport {
    /// Where it comes from.
    pub(super) source: String,
    /// The scope that names the source; `None` for a login of the host.
    pub(super) scope: Option<ShownScope>,
    /// Whether it can be delivered.
    pub(super) state: State,
    /// More about the state.
    pub(super) detail: Option<String>,
    /// When it ends, by RFC 3339.
    pub(super) expires: Option<String>,
}

/// Whether a login can be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It can.
    Usable,
    /// It can, and the vendor will refuse it.
    Expired,
    /// There is none.
    Missing,
    /// There is something that is no login.
    Unusable,
    /// It cannot be read.
    Failed,
    /// Its source gives nothing.
    Empty,
    /// Its source was not read.
    NotAsked,
}

/// What a scope says about an agent.
#[derive(Debug, Serialize)]
pub(super) struct Said {
    /// The scope.
    pub(super) scope: ShownScope,
    /// The mode, if it sets one.
    pub(super) auth_forward: Option<&'static str>,
    /// How a login of the host's keeps up, if it says so.
    pub(super) sync_refresh: Option<&'static str>,
}

impl Said {
    /// Both in words; `-` where it says nothing.
    fn words(&self) -> String {
        let refresh = self.sync_refresh.map(|word| format!("refresh {word}"));
        let mode = self.auth_forward.map(str::to_owned);
        let words: Vec<_> = mode.into_iter().chain(refresh).collect();
        if words.is_empty() {
            return "-".to_owned();
        }
        words.join(", ")
    }
}

impl State {
    fn style(self) -> Style {
        match self {
            Self::Usable => AnsiColor::Green.on_default(),
            Self::NotAsked => Style::new(),
            _ => AnsiColor::Yellow.on_default(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Expired => "expired",
            Self::Missing => "missing",
            Self::Unusable => "unusable",
            Self::Failed => "cannot be read",
            Self::Empty => "gives an empty value",
            Self::NotAsked => "not asked",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agents = self.cells.iter().flat_map(|cell| &cell.agents);
        let widest = agents.clone().map(|agent| agent.agent.len()).max();
        let modes = agents.map(|agent| agent.mode.len()).max();
        let widths = (widest.unwrap_or(0), modes.unwrap_or(0));
        for (at, cell) in self.cells.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            match &cell.role {
                Some(role) => write!(f, "role {role}")?,
                None => f.write_str("no role")?,
            }
            match &self.workspace {
                Some(workspace) => writeln!(f, ", workspace {workspace}")?,
                None => writeln!(f, ", no workspace")?,
            }
            if cell.agents.is_empty() {
                writeln!(f, "  no agents")?;
            }
            for agent in &cell.agents {
                agent.write(f, widths, self.with_trace)?;
            }
        }
        Ok(())
    }
}

impl AgentReport {
    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        (agents, modes): (usize, usize),
        with_trace: bool,
    ) -> fmt::Result {
        let by = told_by(self.chosen_by.as_ref());
        let (agent, mode) = (self.agent, self.mode);
        write!(f, "  {agent:<agents$}  {mode:<modes$}  {by}")?;
        match &self.refresh {
            Some(refresh) => {
                let by = told_by(refresh.chosen_by.as_ref());
                writeln!(f, "; refresh {} {by}", refresh.word)?;
            }
            None => writeln!(f)?,
        }
        let indent = " ".repeat(2 + agents + 2);
        if let Some(login) = &self.login {
            writeln!(f, "{indent}{login}")?;
        }
        let scopes = self.trace.iter().map(|said| said.scope.to_string());
        let width = scopes.map(|scope| scope.chars().count()).max().unwrap_or(0);
        for said in self.trace.iter().filter(|_| with_trace) {
            let says = said.words();
            writeln!(f, "{indent}  {:<width$}  {says}", said.scope.to_string())?;
        }
        Ok(())
    }
}

/// Who chose something.
fn told_by(scope: Option<&ShownScope>) -> String {
    match scope {
        Some(scope) => format!("from {scope}"),
        None => "by default".to_owned(),
    }
}

impl fmt::Display for LoginReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if let Some(scope) = &self.scope {
            write!(f, ", from {scope}")?;
        }
        let style = self.state.style();
        write!(f, ": {style}{}{style:#}", self.state.words())?;
        match &self.detail {
            // The detail says when.
            Some(detail) if self.state == State::Expired => write!(f, " {detail}"),
            Some(detail) => write!(f, ", {detail}"),
            None => Ok(()),
        }
    }
}
