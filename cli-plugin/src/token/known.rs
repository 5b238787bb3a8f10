//! What is known of a token that a launch delivers: by its scope's record, and
//! by what the vendor said of it last.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use secrecy::SecretString;

use super::check::{Check, Checks};
use super::record::{Broken, Records, Wired};
use super::{Fingerprint, TokenScope};
use crate::auth::scope::Scope;
use crate::config::Config;

/// A long-lived token that a container is given.
#[derive(Debug)]
pub struct Delivered {
    /// The token, or what its user takes for one; `None` where a program would
    /// have to be asked for it, and was not.
    pub value: Option<SecretString>,
    /// What tells its source from another, by `Source::identity`.
    pub source: String,
    /// Whether a program has to be run for it.
    pub asks_a_program: bool,
    /// The scope that names the source.
    pub scope: Scope,
}

/// What is known of it.
#[derive(Debug)]
pub struct Known {
    /// Whose it is; `None` in a scope that has no tokens of its own.
    pub scope: Option<TokenScope>,
    /// What tells it from another.
    pub fingerprint: Option<Fingerprint>,
    /// What was written down when it was wired, if that is about this token.
    pub wired: Option<Wired>,
    /// What the vendor said last.
    pub check: Option<Check>,
    /// That the record cannot be read.
    pub broken: Option<Broken>,
}

impl Known {
    /// What is known of a token of this configuration's.
    pub fn of(config: &Config, token: &Delivered) -> Self {
        let scope = TokenScope::of(&token.scope);
        let fingerprint = token.value.as_ref().map(Fingerprint::of);
        let read = scope
            .as_ref()
            .map(|scope| Records::beside(&config.file).read(scope));
        let (record, broken) = match read.transpose() {
            Ok(record) => (record, None),
            Err(broken) => (None, Some(broken)),
        };
        let about_it = |wired: &Wired| {
            let same = |found: &Fingerprint| *found == wired.fingerprint;
            wired.source == token.source && fingerprint.as_ref().is_none_or(same)
        };
        let record = record.map(|record| [record.token, record.pending]);
        let noted = record.into_iter().flatten().flatten();
        let checks = Checks::beside(&config.file);
        Self {
            wired: noted.into_iter().find(about_it),
            check: fingerprint.as_ref().and_then(|found| checks.read(found)),
            scope,
            fingerprint,
            broken,
        }
    }

    /// When it ends, as far as is written down.
    pub fn ends(&self) -> Option<Timestamp> {
        self.wired.as_ref()?.expires
    }
}

/// The command that gives a scope another token: by minting one, or by naming
/// another source where the scope has no tokens of its own.
pub fn mending_command(config: &Config, scope: &Scope) -> String {
    let Some(scope) = TokenScope::of(scope) else {
        return format!(
            "docker jackin config auth set oauth_token --agent claude{} --from SOURCE",
            scope.flags()
        );
    };
    let words = scope.words();
    let slot = scope
        .block(config)
        .and_then(|block| block.oauth_token.as_ref());
    match slot {
        Some(_) => format!("docker jackin workspace claude-token rotate {words}"),
        // It comes from a variable in [env].
        None => format!("docker jackin workspace claude-token setup {words}"),
    }
}

/// The command that examines a scope's token.
pub fn doctor_command(scope: &Scope) -> String {
    let words = TokenScope::of(scope).map(|scope| format!(" {}", scope.words()));
    format!(
        "docker jackin workspace claude-token doctor{}",
        words.unwrap_or_default()
    )
}

/// Puts a record that cannot be read out of the way, so that it is warned
/// about once; gives its new name. What another command is at work on stays.
pub fn set_aside(config: &Config, scope: &TokenScope) -> Option<PathBuf> {
    let records = Records::beside(&config.file);
    let _held = records.hold(scope).ok()?;
    let broken = records.read(scope).err()?;
    let aside = aside(&broken.file);
    fs::rename(&broken.file, &aside).ok()?;
    Some(aside)
}

/// Where a scope's record lies that could not be read, if there is one.
pub fn set_aside_before(config: &Config, scope: &TokenScope) -> Option<PathBuf> {
    let aside = aside(&Records::beside(&config.file).file(scope));
    aside.exists().then_some(aside)
}

fn aside(file: &std::path::Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".broken");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::record::{Made, Record};
    use std::os::unix::fs::PermissionsExt;

    const SOURCE: &str = "file:/token";

    fn config() -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            file: folder.path().join("config.toml"),
            ..Config::default()
        };
        (folder, config)
    }

    fn delivered(value: Option<&str>, source: &str) -> Delivered {
        Delivered {
            value: value.map(SecretString::from),
            source: source.to_owned(),
            asks_a_program: false,
            scope: Scope::WorkspaceRole("w".to_owned(), "r".to_owned()),
        }
    }

    fn scope() -> TokenScope {
        TokenScope {
            workspace: "w".to_owned(),
            role: Some("r".to_owned()),
        }
    }

    #[test]
    fn scenario_69_a_record_speaks_of_its_own_token_alone() {
        let (_folder, config) = config();
        let mut record = Record::new(scope());
        record.token = Some(Wired {
            kept: None,
            source: SOURCE.to_owned(),
            made: Made::Ours,
            fingerprint: Fingerprint::of(&"token".into()),
            issued: None,
            expires: Some(Timestamp::UNIX_EPOCH),
        });
        Records::beside(&config.file).write(&record).unwrap();
        for (value, source, known) in [
            (Some("token"), SOURCE, true),
            (None, SOURCE, true),
            (Some("another"), SOURCE, false),
            (Some("token"), "file:/other", false),
            (None, "file:/other", false),
        ] {
            let found = Known::of(&config, &delivered(value, source));
            assert_eq!(found.ends().is_some(), known, "{value:?} {source}");
        }
        let mut elsewhere = delivered(Some("token"), SOURCE);
        elsewhere.scope = Scope::Global;
        assert!(Known::of(&config, &elsewhere).wired.is_none());
    }

    #[test]
    fn scenario_69_a_broken_record_is_put_aside_once_and_no_other() {
        let (_folder, config) = config();
        let records = Records::beside(&config.file);
        assert_eq!(set_aside(&config, &scope()), None);
        let mut record = Record::new(scope());
        record.orphans = vec![crate::token::store::Kept::Plain];
        records.write(&record).unwrap();
        assert_eq!(set_aside(&config, &scope()), None, "it can be read");
        fs::write(records.file(&scope()), "{").unwrap();
        assert_eq!(set_aside_before(&config, &scope()), None);
        let held = records.hold(&scope()).unwrap();
        assert_eq!(set_aside(&config, &scope()), None, "it is worked on");
        drop(held);
        let aside = set_aside(&config, &scope()).unwrap();
        assert!(aside.ends_with("tokens/w+r.json.broken"));
        assert_eq!(set_aside_before(&config, &scope()), Some(aside));
        assert!(records.read(&scope()).unwrap().is_empty());
        assert_eq!(set_aside(&config, &scope()), None);
    }

    #[test]
    fn scenario_67_what_mends_a_token_is_a_command_for_its_scope() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        let text = "[roles.web]\nimage = \"i\"\nagents = [\"claude\"]\n\
                    [workspaces.\"my app\".roles.web.claude]\noauth_token = \"file:/x\"\n";
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let host = crate::host::Host::new(folder.path(), folder.path(), []);
        let config = crate::config::load(&file, &host).unwrap();
        let role = Scope::WorkspaceRole("my app".to_owned(), "web".to_owned());
        assert_eq!(
            mending_command(&config, &role),
            "docker jackin workspace claude-token rotate 'my app' --role web"
        );
        assert_eq!(
            mending_command(&config, &Scope::Workspace("my app".to_owned())),
            "docker jackin workspace claude-token setup 'my app'"
        );
        assert_eq!(
            mending_command(&config, &Scope::Global),
            "docker jackin config auth set oauth_token --agent claude --from SOURCE"
        );
        assert_eq!(
            doctor_command(&role),
            "docker jackin workspace claude-token doctor 'my app' --role web"
        );
        assert_eq!(
            doctor_command(&Scope::Global),
            "docker jackin workspace claude-token doctor"
        );
    }
}
