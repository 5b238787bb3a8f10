//! docker-credential helpers: the same few verbs for `pass`, the desktop's
//! keyring, the Keychain and Windows' credentials.
//! <https://pkg.go.dev/github.com/docker/docker-credential-helpers/credentials>

use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde::Serialize;
use zeroize::Zeroizing;

use super::program::Program;
use super::{Kept, Label, Store, keychain, name, secret_service};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::keychain::SECURITY;
use crate::source::{Credential, Trouble, find_program};
use crate::token::ClaudeToken;
use crate::token::record::Made;

/// What the servers' addresses begin with, under which tokens are kept. No
/// server has such a name, and docker asks for none.
const SERVERS: &str = "https://docker-jackin.invalid/claude/";

/// Whose the tokens are there: helpers want a name, and a file of `pass` is
/// called so.
const USER: &str = "docker-jackin";

/// Room for a credential: nothing of it is left behind by growing.
const ROOM: usize = 4 << 10;

/// The helper for `pass`.
pub(super) const PASS: &str = "pass";

/// The helpers for the keyrings that we know ourselves.
const SECRET_SERVICE: &str = "secretservice";
const KEYCHAIN: &str = "osxkeychain";

/// A helper that answers.
pub(super) struct Helper {
    name: String,
    program: Program,
}

/// What a helper is given to keep.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Given<'a> {
    #[serde(rename = "ServerURL")]
    server: &'a str,
    username: &'a str,
    secret: &'a str,
}

/// Looks whether a helper can be used.
///
/// # Errors
/// It is not there or gives no list, or is `pass` and not initialised.
pub(super) fn open(name: &str, host: &Host, limit: Duration) -> Result<Helper, Failure> {
    let refused = |message: String| Failure::new(Kind::Configuration, message);
    // The source's own rules say which names there are.
    if Credential::parse(&format!("{name}/{SERVERS}")).is_err() {
        let message = "a helper's name is made of a-z, 0-9, `-`, `_` and `.`";
        return Err(Failure::new(Kind::Usage, message)
            .hint("for docker-credential-pass: --store helper:pass"));
    }
    let program = Program::find(&format!("docker-credential-{name}"), host)?;
    if name == PASS {
        // Its `list` is as empty then as it is in the beginning.
        require_pass(host)?;
    }
    let listed = program.ask(&["list"], Some(b"unused"), limit);
    let why = match listed {
        Ok(answer) if answer.status.success() => None,
        Ok(answer) => Some(answer.status.to_string()),
        Err(error) => Some(error.to_string()),
    };
    if let Some(why) = why {
        let file = &program.name;
        return Err(refused(format!(
            "{file} cannot be used: its verb `list` fails: {why}"
        ))
        .hint(format!("see what it says yourself: {file} list")));
    }
    // A locked keyring lists nothing, and fails at what it is given.
    match name {
        SECRET_SERVICE => secret_service::require_unlocked(host)?,
        KEYCHAIN => keychain::open(Path::new(SECURITY), host, limit).map(drop)?,
        _ => {}
    }
    Ok(Helper {
        name: name.to_owned(),
        program,
    })
}

/// Whether `pass` is there and has a key to encrypt for.
fn require_pass(host: &Host) -> Result<(), Failure> {
    let folder = host.path_variable("PASSWORD_STORE_DIR");
    let folder = folder.unwrap_or_else(|| host.home().join(".password-store"));
    let refused = |message: &str| Failure::new(Kind::Configuration, message);
    if find_program(PASS, host).is_none() {
        return Err(
            refused("`pass` is not in PATH, and docker-credential-pass needs it")
                .hint("install `pass`, or choose another store with --store"),
        );
    }
    if !folder.join(".gpg-id").is_file() {
        return Err(refused("`pass` is not initialised")
            .hint("initialise it with your GPG key: pass init KEY"));
    }
    Ok(())
}

impl Store for Helper {
    fn shown(&self) -> String {
        self.program.name.clone()
    }

    fn made(&self) -> Made {
        Made::Ours
    }

    fn announce(&self, label: &Label) -> Kept {
        let (stem, mint) = (name::stem(label), name::mint(label));
        Kept::Helper {
            name: self.name.clone(),
            server: format!("{SERVERS}{stem}/{mint}"),
        }
    }

    fn put(&self, label: &Label, token: &ClaudeToken) -> Result<Kept, Failure> {
        let kept = self.announce(label);
        let Kept::Helper { server, .. } = &kept else {
            return Err(Failure::new(
                Kind::Internal,
                "a helper keeps something else",
            ));
        };
        let mut given = Zeroizing::new(Vec::with_capacity(ROOM));
        let credential = Given {
            server,
            username: USER,
            secret: token.secret().expose_secret(),
        };
        serde_json::to_writer(&mut *given, &credential)
            .map_err(|error| Failure::new(Kind::Internal, error))?;
        let kept_it = self
            .program
            .tell("keep the token", &["store"], Some(&given));
        kept_it.map_err(|failure| {
            let hint = match self.name.as_str() {
                PASS => "see whether `pass` takes anything: pass insert docker-jackin-test",
                _ => "unlock what it keeps things in, or choose another store with --store",
            };
            failure.hint(hint)
        })?;
        Ok(kept)
    }
}

/// Removes what a helper keeps for a server of ours.
pub(super) fn remove(name: &str, server: &str, host: &Host) -> Result<(), Failure> {
    let rest = format!("{name}/{server}");
    let Some(credential) = ours(name, server) else {
        return Err(super::not_ours(&format!("helper:{rest}")));
    };
    let program = Program::find(&format!("docker-credential-{name}"), host)?;
    let erased = program.tell("remove the token", &["erase"], Some(server.as_bytes()));
    let Err(failure) = erased else {
        return Ok(());
    };
    // Some of them fail where there is nothing, in words of their own.
    match credential.ask(host) {
        Err(Trouble::NotKept) => Ok(()),
        _ => Err(failure),
    }
}

/// What we keep with a helper for a server. A record might be wrong.
fn ours(name: &str, server: &str) -> Option<Credential> {
    let credential = Credential::parse(&format!("{name}/{server}")).ok();
    credential.filter(|_| server.starts_with(SERVERS))
}

/// The command that removes it.
pub(super) fn removal_command(name: &str, server: &str) -> String {
    let server = shell_words::quote(server);
    let program = format!("docker-credential-{name}");
    format!(
        "printf %s {server} | {} erase",
        shell_words::quote(&program)
    )
}
