//! `helper:NAME/SERVER_URL`: what a docker-credential helper keeps for a server.

use std::fmt;

use jackin_oci_hook::secret::Secret;
use secrecy::SecretString;
use serde::Deserialize;

use super::ask::{self, Patience, Trouble};
use super::interrupt::Watch;
use super::program;
use super::words;
use crate::host::Host;

/// How such a source begins.
pub(super) const SCHEME: &str = "helper:";

/// The longest server that is asked for, in bytes: it goes into a pipe in one
/// write.
const MAX_SERVER: usize = 2048;

/// A helper that was named outright, and the server that it is asked for. The
/// `credsStore` of docker's own configuration has no say here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    name: String,
    server: String,
}

/// Why a text names no helper. Never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoHelper {
    /// The name is none that a helper can have.
    #[error("the helper's name is not made of a-z, 0-9, `-`, `_` and `.`")]
    Name,
    /// There is no server.
    #[error("no server stands behind the helper's name")]
    NoServer,
    /// The server is none.
    #[error("the server holds a control character or is longer than {MAX_SERVER} bytes")]
    Server,
    /// There is a password in the server's URL.
    #[error("a password stands in the server's URL")]
    Password,
}

impl Credential {
    /// Checks what stands behind `helper:`.
    ///
    /// # Errors
    /// It names no helper, or nothing to ask it for.
    pub(crate) fn parse(rest: &str) -> Result<Self, NoHelper> {
        let (name, server) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_name(name) {
            return Err(NoHelper::Name);
        }
        if server.is_empty() {
            return Err(NoHelper::NoServer);
        }
        if server.len() > MAX_SERVER || server.chars().any(char::is_control) {
            return Err(NoHelper::Server);
        }
        if has_password(server) {
            return Err(NoHelper::Password);
        }
        Ok(Self {
            name: name.to_owned(),
            server: server.to_owned(),
        })
    }
}

/// What a helper answers, less what is not asked for.
/// <https://pkg.go.dev/github.com/docker/docker-credential-helpers/credentials>
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Secret")]
    secret: Secret,
}

/// What every helper says of a server it keeps nothing for, on its standard
/// output.
const NOT_KEPT: &str = "credentials not found in native keychain";

impl Credential {
    /// Asks the helper for the value, outside of a launch.
    ///
    /// # Errors
    /// It gives none.
    pub(crate) fn ask(&self, host: &Host) -> Result<SecretString, Trouble> {
        self.read(host, Patience::WITH_A_USER, &Watch::begin())
    }

    /// The helper's program.
    pub(super) fn program(&self) -> String {
        format!("docker-credential-{}", self.name)
    }

    /// Asks the helper for the value.
    pub(super) fn read(
        &self,
        host: &Host,
        patience: Patience,
        watch: &Watch,
    ) -> Result<SecretString, Trouble> {
        let program = self.program();
        let file = program::find(&program, host).ok_or(Trouble::NotInstalled { program })?;
        let answer = ask::Program {
            file: &file,
            arguments: vec!["get"],
            variables: program::whole_environment(host),
            input: Some(self.server.as_bytes()),
        }
        .ask(host, patience, watch)?;
        let output = answer.output.trim_ascii();
        if !answer.status.success() {
            if output == NOT_KEPT.as_bytes() {
                return Err(Trouble::NotKept);
            }
            // A helper complains on its output; half a credential is no
            // complaint.
            let complains = answer.complaint.is_empty() && !output.starts_with(b"{");
            let said = if complains {
                words::first_line(output, b"", &self.to_string())
            } else {
                words::first_line(&answer.complaint, output, &self.to_string())
            };
            return Err(ask::failed(answer.status, said));
        }
        let found: Answer = serde_json::from_slice(output).map_err(|_| Trouble::NoCredential)?;
        // So says Debian's `docker-credential-pass` 0.6.4 of what it has not.
        if found.secret.expose().is_empty() {
            return Err(Trouble::NotKept);
        }
        ask::text(found.secret.expose().as_bytes())
    }
}

/// A part of a program's name: no path, and neither hidden nor a flag.
fn is_name(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    starts_well && name.len() <= 64 && name.chars().all(fits)
}

/// Whether a URL holds `user:password@`.
fn has_password(server: &str) -> bool {
    let after_scheme = server.split_once("://").map_or(server, |(_, rest)| rest);
    let host = after_scheme.split(['/', '?', '#']).next();
    let user = host.and_then(|host| host.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.contains(':'))
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.name, self.server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_a_name_and_a_server() {
        for (rest, why) in [
            ("", NoHelper::Name),
            ("/https://x", NoHelper::Name),
            ("../pass/x", NoHelper::Name),
            ("-pass/x", NoHelper::Name),
            (".pass/x", NoHelper::Name),
            ("Pass/x", NoHelper::Name),
            ("pa ss/x", NoHelper::Name),
            ("pass", NoHelper::NoServer),
            ("pass/", NoHelper::NoServer),
            ("pass/a\nb", NoHelper::Server),
            ("pass/https://user:secret@host/x", NoHelper::Password),
        ] {
            assert_eq!(Credential::parse(rest), Err(why), "{rest}");
        }
        for rest in ["pass/https://api.example.com/v1", "secretservice/me@host"] {
            let shown = Credential::parse(rest).unwrap().to_string();
            assert_eq!(shown, format!("helper:{rest}"));
        }
    }
}
