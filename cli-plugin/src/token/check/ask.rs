//! Asking about a token: `claude doctor`, in a folder of its own.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jackin_oci_hook::folder::candidates;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::Said;
use crate::agent::claude;
use crate::handoff::TicketFolder;
use crate::host::Host;
use crate::source::{NoAnswer, Question, Watch};
use crate::token::ClaudeToken;
use crate::token::claude::clean_environment;

/// How long `claude` may take. Where the vendor does not answer it gives up
/// itself after 16 s.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The folder beside the one of the tickets in which it is asked.
const FOLDER: &str = "checks";

/// After how many seconds a folder is one that a kill left behind.
const ABANDONED: u64 = 10 * 60;

/// Variables for `claude`: nothing that the answer does not need goes out.
const QUIET: (&str, &str) = ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");

/// Asks the vendor, through its own program, whether it takes a token.
///
/// The token goes through a pipe alone, on which Claude reads it: so it is in
/// no argument, no environment and no file. Claude's own files are made in an
/// empty folder in memory, where no other login is found and none is renewed.
pub fn ask(program: &Path, token: &ClaudeToken, host: &Host, limit: Duration) -> Said {
    // Goes last: an interruption that was noted ends this process then.
    let watch = Watch::begin();
    let folder = match private_folder(host) {
        Ok(folder) => folder,
        Err(error) => {
            tracing::debug!(%error, "no folder to ask about a token in");
            return Said::unknown("there is no folder in memory to ask in");
        }
    };
    let question = Question {
        program,
        arguments: vec!["doctor"],
        variables: variables(host, token, folder.path()),
        // Not the user's: what is set for a project there has no say.
        folder: folder.path(),
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

fn variables(host: &Host, token: &ClaudeToken, folder: &Path) -> Vec<(OsString, OsString)> {
    let mut variables = clean_environment(host);
    variables.retain(|(_, value)| !holds(value, token));
    let (quiet, yes) = QUIET;
    variables.extend([
        (claude::CONFIG_FOLDER.into(), folder.into()),
        (claude::OAUTH_TOKEN_DESCRIPTOR.into(), "0".into()),
        (quiet.into(), yes.into()),
    ]);
    variables
}

/// Whether a value of the user's environment, such as one that a source
/// `$NAME` reads, has the token in it.
pub(super) fn holds(value: &std::ffi::OsStr, token: &ClaudeToken) -> bool {
    let token = token.secret().expose_secret().as_bytes();
    let value = value.as_encoded_bytes();
    value.windows(token.len()).any(|part| part == token)
}

/// An empty folder in memory, the user's alone; it goes when it is dropped.
fn private_folder(host: &Host) -> Result<TempDir, Box<dyn std::error::Error>> {
    let tickets = TicketFolder::open(&candidates(host.uid()), host.uid())?;
    let folder = tickets.beside(FOLDER)?;
    sweep(&folder);
    let own = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&folder)?;
    Ok(own)
}

fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let abandoned = entries.filter_map(|entry| {
        let made = entry.metadata().ok()?.modified().ok()?;
        let age = made.elapsed().ok()?;
        (age.as_secs() > ABANDONED).then(|| entry.path())
    });
    for path in abandoned.collect::<Vec<PathBuf>>() {
        let _ = fs::remove_dir_all(path);
    }
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
        let found = variables(&host, &token, Path::new("/own"));
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
        ];
        assert_eq!(names, expected);
        assert!(found.iter().all(|(_, value)| !holds(value, &token)));
    }
}
