//! `docker jackin config auth set`: the mode of an agent in a scope, and where
//! its credential comes from.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::super::declared::{search, slot_of};
use super::super::given_value::{ASK, GivenValue, on_the_command_line};
use crate::agent::Agent;
use crate::auth::choice::Key;
use crate::auth::mode::{AuthMode, ChosenMode, Mode};
use crate::auth::refresh::Refresh;
use crate::auth::scope::Scope;
use crate::command::agent_word::agent_word;
use crate::command::scope_flags::{ScopeFlags, cell_of, reach_of};
use crate::command::screen::say;
use crate::config::edit::table_of;
use crate::config::{Config, ConfigPlace};
use crate::failure::{Failure, Kind};
use crate::source::Source;

const EXAMPLES: &str = "\
Examples:
  docker jackin config auth set ignore --agent codex
  docker jackin config auth set sync --refresh copy --workspace my-app
  docker jackin config auth set oauth_token --workspace my-app --from op://Personal/my-app/token
  docker jackin config auth set api_key --from '$WORK_KEY'
  docker jackin config auth set api_key --agent amp --from -";

const FROM: &str = "Where the credential of this mode comes from: '$NAME', file:PATH, age:PATH, \
    op://VAULT/ITEM/FIELD, helper:NAME/URL, secret-service:SERVICE/ACCOUNT, \
    keychain:SERVICE/ACCOUNT or cmd:COMMAND; `-` asks for the secret itself, or reads it from a \
    pipe";

/// Set in which mode an agent gets its login
///
/// Without --workspace it is set for everything. With --role it is set for that
/// role in the workspace, which is the one around the current folder if none is
/// named. The narrowest scope that is set counts.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// sync (the host's login), `api_key`, `oauth_token` (claude only), or
    /// ignore (no login).
    #[arg(value_name = "MODE", hide_possible_values = true)]
    mode: String,
    /// The agent.
    #[arg(long, value_name = "AGENT", default_value = "claude", value_parser = agent_word())]
    agent: Agent,
    #[command(flatten)]
    scope: ScopeFlags,
    /// How a login of the host's keeps up once it is renewed.
    #[arg(long, value_name = "REFRESH", value_parser = refresh_word())]
    refresh: Option<Refresh>,
    #[arg(long, value_name = "SOURCE", allow_hyphen_values = true, help = FROM)]
    from: Option<String>,
    /// The 1Password account of an op:// reference.
    #[arg(long, value_name = "ACCOUNT", requires = "from")]
    account: Option<String>,
    /// Whose key `api_key` is; opencode only.
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
}

/// Reads a refresh; another word is refused with those there are.
fn refresh_word() -> impl TypedValueParser<Value = Refresh> {
    let words = PossibleValuesParser::new([
        PossibleValue::new(Refresh::Live.word()).help("containers follow it, and cannot renew it"),
        PossibleValue::new(Refresh::Copy.word()).help("each has a copy, and renews it by itself"),
    ]);
    words.try_map(|word| Refresh::parse(&word))
}

/// Sets it.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let agent = arguments.agent;
    let auth_mode = AuthMode::parse(agent, &arguments.mode)?;
    // Names are looked up before a secret is asked for.
    arguments.scope.of_login(&place.load()?, &place.host)?;
    arguments.require_provider_fits(auth_mode)?;
    arguments.require_refresh_fits(auth_mode)?;
    let slot = arguments.slot(auth_mode)?;
    let edited = place.edit(|draft| {
        let scope = arguments.scope.of_login(draft.config(), &place.host)?;
        let table = table_of(&scope, agent.word());
        draft.set(&table, "auth_forward", auth_mode.word().into())?;
        if let Some((slot, value)) = &slot {
            if *slot == "oauth_token" {
                // Its old spelling is the same setting.
                draft.remove(&table, "token")?;
            }
            draft.set(&table, slot, value.to_toml())?;
        }
        if let Some(refresh) = arguments.refresh {
            draft.set(&table, Refresh::NAME, refresh.word().into())?;
        }
        if let Some(provider) = &arguments.provider {
            draft.set(&table, "provider", provider.as_str().into())?;
        }
        Ok(scope)
    })?;
    let plain = slot.is_some_and(|(_, value)| value.is_plain());
    say(&Report {
        auth_mode,
        refresh: arguments.refresh,
        scope: edited.gave,
        config: &edited.config,
        plain_in: plain.then_some(&place.file),
    });
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// The slot that the mode takes its credential from, with the value.
    fn slot(&self, auth_mode: AuthMode) -> Result<Option<(&'static str, GivenValue)>, Failure> {
        let Some(from) = &self.from else {
            return Ok(None);
        };
        let Some(slot) = slot_of(auth_mode) else {
            let message = format!("the mode {} takes no credential", auth_mode.word());
            return Err(Failure::new(Kind::Usage, message).hint("leave out --from"));
        };
        let what = format!("{}'s {slot}", self.agent);
        let value = GivenValue::from_argument(from, self.account.as_deref(), &what)?;
        if value.is_plain() && from != ASK {
            return Err(on_the_command_line("the value of --from", &self.asking()));
        }
        if value.is_secret_of_several_lines() {
            let message = format!("{what} is one line, and more was read");
            return Err(Failure::new(Kind::Usage, message).hint("type or pipe it alone"));
        }
        Ok(Some((slot, value)))
    }

    /// This command with a prompt for the secret.
    fn asking(&self) -> String {
        let flag = |name: &str, value: &Option<String>| match value {
            Some(value) => format!(" --{name} {value}"),
            None => String::new(),
        };
        format!(
            "docker jackin config auth set {} --agent {}{}{} --from -",
            self.mode,
            self.agent,
            flag("workspace", &self.scope.workspace),
            flag("role", &self.scope.role),
        )
    }

    fn require_refresh_fits(&self, auth_mode: AuthMode) -> Result<(), Failure> {
        if self.refresh.is_none() || auth_mode.mode() == Mode::Sync {
            return Ok(());
        }
        let message = "--refresh is about the host's own login, and goes with the mode sync";
        Err(Failure::new(Kind::Usage, message).hint("leave out --refresh"))
    }

    fn require_provider_fits(&self, auth_mode: AuthMode) -> Result<(), Failure> {
        if self.provider.is_none() {
            return Ok(());
        }
        if self.agent != Agent::Opencode {
            let message = format!("--provider is opencode's, and this is {}", self.agent);
            return Err(Failure::new(Kind::Usage, message)
                .hint("an api_key of every other agent has its one vendor"));
        }
        if auth_mode.mode() != Mode::ApiKey {
            let message = "--provider says whose api_key it is, and goes with that mode";
            return Err(Failure::new(Kind::Usage, message).hint("leave out --provider"));
        }
        Ok(())
    }
}

/// What has been set, and where something else counts.
struct Report<'a> {
    auth_mode: AuthMode,
    /// How it keeps up, if that was set.
    refresh: Option<Refresh>,
    scope: Scope,
    config: &'a Config,
    /// The file that now holds the secret itself.
    plain_in: Option<&'a Path>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (agent, mode) = (self.auth_mode.agent(), self.auth_mode.word());
        writeln!(f, "{agent} auth: {mode}, for {}", reach_of(&self.scope))?;
        self.write_refresh(f)?;
        self.write_credential(f)?;
        if let Some(file) = self.plain_in {
            writeln!(
                f,
                "  the secret stands as plain text in {}, which only its owner can read",
                file.display()
            )?;
        }
        for (scope, mode) in narrower::<AuthMode>(self.config, &self.scope, agent) {
            writeln!(f, "  not for {scope}: {} is set there", mode.word())?;
        }
        Ok(())
    }
}

impl Report<'_> {
    fn write_refresh(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(refresh) = self.refresh else {
            return Ok(());
        };
        let agent = self.auth_mode.agent();
        let what = match refresh {
            Refresh::Live => "containers follow the host's login, which alone is renewed",
            Refresh::Copy if !agent.description().renews_a_copy => {
                "each container keeps what it was started with until that ends"
            }
            Refresh::Copy => {
                "each container gets a copy with its refresh token, which works once: whoever \
                 renews first logs the others out"
            }
        };
        writeln!(f, "  refresh {}: {what}", refresh.word())?;
        for (scope, other) in narrower::<Refresh>(self.config, &self.scope, agent) {
            writeln!(
                f,
                "  not for {scope}: refresh {} is set there",
                other.word()
            )?;
        }
        Ok(())
    }

    fn write_credential(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chosen = ChosenMode {
            auth_mode: self.auth_mode,
            scope: Some(self.scope.clone()),
        };
        let Some(search) = search(self.config, cell_of(&self.scope), &chosen) else {
            return Ok(());
        };
        if let Some((scope, value)) = search.deciding() {
            let source = Source::shown(&value.written);
            return writeln!(f, "  credential: {source}, from {scope}");
        }
        writeln!(
            f,
            "  no credential yet: docker jackin config auth set {} --agent {}{} --from SOURCE",
            self.auth_mode.word(),
            self.auth_mode.agent(),
            self.scope.flags()
        )
    }
}

/// The scopes within `scope` that set a key of their own.
fn narrower<K: Key>(config: &Config, scope: &Scope, agent: Agent) -> Vec<(Scope, K)> {
    let mut found = Vec::new();
    for (name, workspace) in &config.workspaces {
        let mut note = |scope: Scope| {
            let set = super::block_of(config, &scope, agent).and_then(K::set_in);
            found.extend(set.map(|set| (scope, set)));
        };
        match scope {
            Scope::Global => note(Scope::Workspace(name.clone())),
            Scope::Workspace(this) if this == name => {}
            _ => continue,
        }
        for role in workspace.roles.keys() {
            note(Scope::WorkspaceRole(name.clone(), role.clone()));
        }
    }
    found
}
