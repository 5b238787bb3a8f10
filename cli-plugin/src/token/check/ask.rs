//! Asking about a token: `claude doctor`, in a folder of its own.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::Said;
use crate::agent::claude;
use crate::host::Host;
use crate::source::{NoAnswer, Question, Watch};
use crate::token::ClaudeToken;
use crate::token::home::Home;

/// How long `claude` may take. Where the vendor does not answer it gives up
/// itself after 16 s.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Asks the vendor, through its own program, whether it takes a token.
///
/// The token goes through a pipe alone, on which Claude reads it: so it is in
/// no argument, no environment and no file. Claude's own files are made in an
/// empty folder of their own, where no other login is found and none is renewed.
pub fn ask(program: &Path, token: &ClaudeToken, host: &Host, limit: Duration) -> Said {
    // Goes last: an interruption that was noted ends this process then.
    let watch = Watch::begin();
    let Ok(home) = Home::make(host) else {
        return Said::unknown("there is no folder in which `claude` could put its files");
    };
    let question = Question {
        program,
        arguments: vec!["doctor"],
        variables: variables(host, token, &home),
        // Not the user's: what is set for a project there has no say.
        folder: home.folder(),
        input: Some(token.secret().expose_secret().as_bytes()),
        limit,
    };
    match question.ask(&watch) {
        Ok(answer) => Said::in_output(&answer.output),
        Err(NoAnswer::TimeLimit { .. }) => Said::unreachable("`claude` gave no answer in time"),
        Err(error) => {
            tracing::debug!(%error, "`claude doctor` gave no answer");
            Said::unknown("`claude doctor` could not be run")
        }
    }
}

fn variables(host: &Host, token: &ClaudeToken, home: &Home) -> Vec<(OsString, OsString)> {
    let mut variables = home.environment(host);
    variables.retain(|(_, value)| !holds(value, token));
    variables.push((claude::OAUTH_TOKEN_DESCRIPTOR.into(), "0".into()));
    variables
}

/// Whether a value of the user's environment, such as one that a source
/// `$NAME` reads, has the token in it.
pub(super) fn holds(value: &OsStr, token: &ClaudeToken) -> bool {
    let token = token.secret().expose_secret().as_bytes();
    let value = value.as_encoded_bytes();
    value.windows(token.len()).any(|part| part == token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_50_the_token_is_in_no_variable_of_the_program_that_is_asked() {
        let text = format!("sk-ant-oat01-{}", "c".repeat(95));
        let token = ClaudeToken::parse(&text.as_str().into()).unwrap();
        let set = [
            ("MY_TOKEN", text.as_str()),
            ("LINE", &format!("export X={text}; y")),
            ("CLAUDE_CODE_OAUTH_TOKEN", "other"),
            ("ANTHROPIC_BASE_URL", "https://elsewhere"),
            ("HTTPS_PROXY", "http://proxy"),
        ];
        let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let host = Host::new("/home/me", "/", set);
        let home = Home::make(&host).unwrap();
        let found = variables(&host, &token, &home);
        let mut names: Vec<_> = found
            .iter()
            .map(|(name, _)| name.to_str().unwrap())
            .collect();
        names.sort_unstable();
        let expected = [
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
            "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
            "CLAUDE_CONFIG_DIR",
            "HOME",
            "HTTPS_PROXY",
            "PATH",
            "TERM",
        ];
        assert_eq!(names, expected);
        assert!(found.iter().all(|(_, value)| !holds(value, &token)));
    }
}
