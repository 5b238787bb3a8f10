//! Whether a source's program is there to be asked, without asking it.

use std::path::{Path, PathBuf};

use super::Source;
use super::ask::Trouble;
use super::keychain::SECURITY;
use super::keyring::KeyringTrouble;
use super::op::OpTrouble;
use super::program;
use crate::host::Host;

impl Source {
    /// The program that would be asked for the value; `None` for a source
    /// that needs none.
    ///
    /// # Errors
    /// It is not there, or may not be executed.
    pub fn look_for_program(&self, host: &Host) -> Option<Result<PathBuf, Trouble>> {
        let name = match self {
            Self::Plain(_) | Self::HostVariable(_) | Self::File(_) | Self::Age(_) => return None,
            Self::Op(_) => super::op::PROGRAM.to_owned(),
            Self::Helper(credential) => credential.program(),
            Self::Command(line) => line.program().to_owned(),
            Self::SecretService(_) => super::secret_service::PROGRAM.to_owned(),
            Self::Keychain(_) => SECURITY.to_owned(),
        };
        let found = if Path::new(&name).is_absolute() {
            program::may_be_executed(Path::new(&name)).then(|| PathBuf::from(&name))
        } else {
            program::find(&name, host)
        };
        Some(found.ok_or_else(|| match self {
            Self::Op(_) => OpTrouble::NotInstalled.into(),
            Self::Keychain(_) => KeyringTrouble::NoKeychain.into(),
            _ => Trouble::NotInstalled { program: name },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Written;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_program_is_looked_for_where_it_would_be_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap().to_owned();
        for name in ["op", "docker-credential-pass", "tool", "secret-tool"] {
            fs::write(folder.path().join(name), "").unwrap();
            fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o755)).unwrap();
        }
        let here = Host::new("/", "/", [("PATH".to_owned(), path.clone())]);
        let nowhere = Host::new("/", "/", [("PATH".to_owned(), "/nonexistent".to_owned())]);
        let look = |text: &str, host| {
            let source = Source::parse(&Written::Text(text.into())).ok().unwrap();
            source.look_for_program(host)
        };
        for text in [
            "op://a/b/c",
            "helper:pass/x",
            "cmd:tool it",
            "secret-service:a/b",
        ] {
            assert!(look(text, &here).unwrap().is_ok(), "{text}");
            let trouble = look(text, &nowhere).unwrap().unwrap_err();
            assert!(trouble.to_string().contains("is not in PATH"), "{trouble}");
        }
        assert!(look(&format!("cmd:{path}/tool"), &nowhere).unwrap().is_ok());
        assert!(
            look(&format!("cmd:{path}/none"), &nowhere)
                .unwrap()
                .is_err()
        );
        for text in ["plain", "$NAME", "file:/x", "age:/x"] {
            assert!(look(text, &here).is_none(), "{text}");
        }
    }
}
