//! `docker jackin workspace claude-token setup`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::machine::Machine;
use super::report::DoneReport;
use super::setup_all;
use super::store_flags::StoreFlags;
use crate::command::config::given_value::{ASK, GivenValue, on_the_command_line};
use crate::command::screen::show;
use crate::command::status::Format;
use crate::config::ConfigPlace;
use crate::failure::{Failure, Kind};
use crate::token::TokenScope;
use crate::token::life::{Given, Life};
use crate::token::store::{WantedStore, Wish};

const EXAMPLES: &str = "\
Examples:
  docker jackin workspace claude-token setup my-app
  docker jackin workspace claude-token setup my-app --role web --store helper:pass
  docker jackin workspace claude-token setup my-app --vault Work --account acme
  docker jackin workspace claude-token setup my-app --reuse op://Work/claude/token
  docker jackin workspace claude-token setup --all";

const REUSE: &str = "A source that gives a token already, instead of a new one: '$NAME', \
    file:PATH, age:PATH, op://VAULT/ITEM/FIELD, helper:NAME/URL, secret-service:SERVICE/ACCOUNT, \
    keychain:SERVICE/ACCOUNT or cmd:COMMAND";

/// Mint a long-lived Claude token and wire it to a workspace
///
/// `claude setup-token` asks for the consent in a browser; the token goes from
/// it into a store, and its reference into the configuration. It is on no
/// screen, in no argument and in no shell history on the way.
///
/// With --format json: `workspace`, `role`, `store`, `why`, `source`,
/// `fingerprint`, `issued`, `expires` and `notes`. With --all a list
/// `workspaces`, of which each has `workspace`, `result` (`done`, `had`,
/// `failed` or `not_begun`), `source`, `fingerprint`, `issued`, `expires` and
/// `problem`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The workspace.
    #[arg(value_name = "WORKSPACE", required_unless_present = "all")]
    workspace: Option<String>,
    /// The role in it, for a token of its own.
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Every workspace that has none yet, one after the other.
    #[arg(long, conflicts_with_all = ["workspace", "role", "reuse"])]
    all: bool,
    /// One token for all of them, instead of one each.
    #[arg(long, requires = "all", conflicts_with = "workspace")]
    share: bool,
    #[arg(long, value_name = "SOURCE", help = REUSE)]
    reuse: Option<String>,
    /// How long to wait for the consent, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// How to show what came of it.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    store: StoreFlags,
}

/// Carries it out.
pub(super) fn run(place: &ConfigPlace, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let machine = Machine::new(&place.host, Duration::from_secs(arguments.timeout));
    let life = Life::new(place, &machine);
    let Some(workspace) = &arguments.workspace else {
        let wish = arguments.wish(&life);
        if arguments.store.edits_an_item() && !arguments.share {
            let message = "an item holds one token, and --all makes several";
            return Err(Failure::new(Kind::Usage, message).hint("add --share, or leave out --item"));
        }
        let outcome = machine.came_to(life.setup_all(&wish, arguments.share))?;
        return setup_all::report(outcome, arguments.format);
    };
    let scope = TokenScope::known(&place.load()?, workspace, arguments.role.as_deref())?;
    let (done, verb) = match arguments.reused(&scope)? {
        Some(value) => (
            life.reuse(&scope, value.written()),
            "a token that was there is wired",
        ),
        None => (
            life.setup(&scope, &arguments.wish(&life)),
            "a new token is wired",
        ),
    };
    let done = machine.came_to(done)?;
    let report = DoneReport::new(&place.load()?, &scope, &done, verb);
    show(&report, arguments.format)
}

impl Arguments {
    fn wish(&self, life: &Life<'_>) -> Wish {
        let Given { store, op } = self.store.given();
        Wish {
            store: store.unwrap_or(WantedStore::Auto),
            op,
            folder: life.folder().to_owned(),
        }
    }

    /// The source that gives a token already.
    fn reused(&self, scope: &TokenScope) -> Result<Option<GivenValue>, Failure> {
        let Some(reuse) = &self.reuse else {
            return Ok(None);
        };
        if self.store.names_a_store() {
            let message = "--reuse leaves the token where it is";
            return Err(Failure::new(Kind::Usage, message)
                .hint("leave out what says where a new one is kept"));
        }
        let flags = scope.scope().flags();
        let ask = format!("docker jackin config auth set oauth_token{flags} --from -");
        let literal = || on_the_command_line("the value of --reuse", &ask);
        if reuse == ASK {
            return Err(literal());
        }
        let account = self.store.account.as_deref();
        let value = GivenValue::from_argument(reuse, account, "the token")?;
        if value.is_plain() {
            return Err(literal());
        }
        Ok(Some(value))
    }
}
