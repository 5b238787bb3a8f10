//! A machine on which tokens are kept, with the real programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use docker_jackin::config::{Value, Written};
use docker_jackin::failure::Failure;
use docker_jackin::host::Host;
use docker_jackin::source::{Shell, Wanted, read_all};
use docker_jackin::token::store::{Choice, Kept, Label, OpWish, WantedStore, Wish, choose};
use docker_jackin::token::{ClaudeToken, TokenScope};
use jackin_oci_hook::payload::{Payload, Variable, VariableValue};
use jackin_oci_hook::secret::Secret;
use secrecy::ExposeSecret;

/// A user's machine, with a home and programs of its own choice.
pub(crate) struct Machine {
    pub(crate) home: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    /// One that has these programs and no others.
    pub(crate) fn with(programs: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for name in programs {
            std::os::unix::fs::symlink(installed(name), bin.join(name)).unwrap();
        }
        let mut machine = Self {
            home,
            variables: Vec::new(),
        };
        machine.set("PATH", bin.to_str().unwrap());
        // Whoever runs the tests may have a session with a keyring.
        machine.set("XDG_RUNTIME_DIR", "/nonexistent");
        machine
    }

    /// One whose user keeps things with `pass`.
    pub(crate) fn with_pass() -> Self {
        let mut machine = Self::with(&[]);
        machine.set("PATH", "/usr/bin:/bin");
        let _ = (installed("pass"), installed("docker-credential-pass"));
        machine.shell("gpg --batch --quiet --passphrase '' --quick-gen-key tests future-default default never && pass init tests");
        machine
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn host(&self) -> Host {
        Host::new(self.home.path(), "/", self.variables.clone())
    }

    /// What a shell of the user's prints.
    pub(crate) fn shell(&self, line: &str) -> String {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", line]).env_clear();
        shell.envs(self.variables.iter().map(|(name, value)| (name, value)));
        shell.env("HOME", self.home.path()).stdin(Stdio::null());
        shell.current_dir(self.home.path());
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn choose(&self, store: &str) -> Result<Choice, Failure> {
        let wish = Wish {
            store: store.parse::<WantedStore>().unwrap(),
            op: OpWish::default(),
            folder: self.home.path().join(".docker/jackin"),
        };
        choose(&wish, &self.host())
    }

    /// Why it is not taken.
    pub(crate) fn refusal(&self, store: &str) -> String {
        let failure = self.choose(store).err().unwrap();
        self.told(&failure)
    }

    pub(crate) fn told(&self, failure: &Failure) -> String {
        let told = failure.to_string();
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
        told.replace(self.home.path().to_str().unwrap(), "~")
    }

    /// Reads what the configuration would refer to.
    pub(crate) fn read(&self, written: Written) -> Result<String, String> {
        let host = self.host();
        let value = Value { written, line: 1 };
        let wanted = [Wanted {
            value: &value,
            delivered_as: "A",
            shell: Shell::Live(&host),
            at_launch: None,
        }];
        let read = read_all(&host, &wanted).remove(0);
        read.map(|value| value.expose_secret().to_owned())
            .map_err(|error| {
                assert!(!format!("{error:?}").contains("canary"), "{error:?}");
                let hint = error.hint().map(|hint| format!("\n  {hint}"));
                let told = format!("{error}{}", hint.unwrap_or_default());
                told.replace(self.home.path().to_str().unwrap(), "~")
            })
    }

    /// Reads it when a container starts again that was given `last`.
    pub(crate) fn read_later(&self, written: Written, last: &str) -> String {
        let variable = Variable::new(
            "A".try_into().unwrap(),
            VariableValue::try_from(Secret::new(last.to_owned())).unwrap(),
        );
        let payload = Payload {
            env: vec![variable],
            ..Payload::default()
        };
        let value = Value { written, line: 1 };
        let wanted = [Wanted {
            value: &value,
            delivered_as: "A",
            shell: Shell::Gone(&payload),
            at_launch: None,
        }];
        let read = read_all(&self.host(), &wanted).remove(0);
        read.unwrap().expose_secret().to_owned()
    }

    /// Keeps two tokens, reads them, and removes one, twice.
    pub(crate) fn live(&self, store: &str) -> [Kept; 2] {
        let store = self.choose(store).unwrap().store;
        let tokens = [token('a'), token('b')];
        let labels = [label("0123456789ab"), label("ba9876543210")];
        let kept = [0, 1].map(|at| {
            let kept = store.put(&labels[at], &tokens[at]).unwrap();
            assert_eq!(kept, store.announce(&labels[at]));
            kept
        });
        let text = |at: usize| tokens[at].secret().expose_secret().to_owned();
        for at in [0, 1] {
            assert_eq!(self.read(kept[at].written(&tokens[at])), Ok(text(at)));
        }
        for _ in [0, 1] {
            kept[0].remove(&self.host()).unwrap();
        }
        assert!(self.read(kept[0].written(&tokens[0])).is_err());
        assert_eq!(self.read(kept[1].written(&tokens[1])), Ok(text(1)));
        kept
    }
}

/// gpg leaves an agent, which would outlive the home it is for.
impl Drop for Machine {
    fn drop(&mut self) {
        if self.home.path().join(".gnupg").exists() {
            self.shell("gpgconf --kill all");
        }
    }
}

/// Where the system has a program that the tests cannot do without.
pub(crate) fn installed(name: &str) -> PathBuf {
    let folders = ["/usr/local/bin", "/usr/bin", "/bin"].map(Path::new);
    let mut places = folders.into_iter().map(|folder| folder.join(name));
    let found = places.find(|place| place.exists());
    found.unwrap_or_else(|| panic!("`{name}` is not there; run 'scripts/setup helpers'"))
}

/// A token of this letter.
pub(crate) fn token(letter: char) -> ClaudeToken {
    let text = format!("sk-ant-oat01-canary-{}", letter.to_string().repeat(88));
    ClaudeToken::parse(&text.into()).unwrap()
}

/// What a token is for that was minted under this number.
pub(crate) fn label(mint: &str) -> Label {
    Label {
        scopes: vec![TokenScope {
            workspace: "my app".to_owned(),
            role: Some("web".to_owned()),
        }],
        issued: "2026-11-23T12:00:00Z".parse().unwrap(),
        expires: "2027-11-23T12:00:00Z".parse().unwrap(),
        mint: mint.to_owned(),
    }
}

/// Whether a text is in any file below a folder.
pub(crate) fn is_below(text: &str, folder: &Path) -> bool {
    let found = Command::new("grep")
        .args(["-rqF", text])
        .arg(folder)
        .status();
    found.unwrap().success()
}
