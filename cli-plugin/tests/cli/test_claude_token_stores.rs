//! The stores of tokens and the sources that read them again, with the real
//! programs: `pass` behind docker's credential helper, and a keyring in a D-Bus
//! session of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use docker_jackin::config::{Value, Written};
use docker_jackin::failure::Failure;
use docker_jackin::host::Host;
use docker_jackin::source::{Shell, Wanted, read_all};
use docker_jackin::token::store::{Choice, Kept, Label, OpWish, WantedStore, Wish, choose};
use docker_jackin::token::{ClaudeToken, TokenScope};
use insta::assert_snapshot;
use secrecy::ExposeSecret;

/// A user's machine, with a home and programs of its own choice.
struct Machine {
    home: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Machine {
    /// One that has these programs and no others.
    fn with(programs: &[&str]) -> Self {
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
    fn with_pass() -> Self {
        let mut machine = Self::with(&[]);
        machine.set("PATH", "/usr/bin:/bin");
        let _ = (installed("pass"), installed("docker-credential-pass"));
        machine.shell("gpg --batch --quiet --passphrase '' --quick-gen-key tests future-default default never && pass init tests");
        machine
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn host(&self) -> Host {
        Host::new(self.home.path(), "/", self.variables.clone())
    }

    /// What a shell of the user's prints.
    fn shell(&self, line: &str) -> String {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", line]).env_clear();
        shell.envs(self.variables.iter().map(|(name, value)| (name, value)));
        shell.env("HOME", self.home.path()).stdin(Stdio::null());
        shell.current_dir(self.home.path());
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn choose(&self, store: &str) -> Result<Choice, Failure> {
        let wish = Wish {
            store: store.parse::<WantedStore>().unwrap(),
            op: OpWish::default(),
            folder: self.home.path().join(".docker/jackin"),
        };
        choose(&wish, &self.host())
    }

    /// Why it is not taken.
    fn refusal(&self, store: &str) -> String {
        let failure = self.choose(store).err().unwrap();
        self.told(&failure)
    }

    fn told(&self, failure: &Failure) -> String {
        let told = failure.to_string();
        assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
        told.replace(self.home.path().to_str().unwrap(), "~")
    }

    /// Reads what the configuration would refer to.
    fn read(&self, written: Written) -> Result<String, String> {
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

    /// Keeps two tokens, reads them, and removes one, twice.
    fn live(&self, store: &str) -> [Kept; 2] {
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
fn installed(name: &str) -> PathBuf {
    let folders = ["/usr/local/bin", "/usr/bin", "/bin"].map(Path::new);
    let mut places = folders.into_iter().map(|folder| folder.join(name));
    let found = places.find(|place| place.exists());
    found.unwrap_or_else(|| panic!("`{name}` is not there; run 'scripts/setup helpers'"))
}

fn token(letter: char) -> ClaudeToken {
    let text = format!("sk-ant-oat01-canary-{}", letter.to_string().repeat(88));
    ClaudeToken::parse(&text.into()).unwrap()
}

fn label(mint: &str) -> Label {
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
fn is_below(text: &str, folder: &Path) -> bool {
    let found = Command::new("grep")
        .args(["-rqF", text])
        .arg(folder)
        .status();
    found.unwrap().success()
}

#[test]
fn scenario_64_what_pass_keeps_is_read_back_and_removed_alone() {
    let machine = Machine::with_pass();
    let kept = machine.live("helper:pass");
    let server = "https://docker-jackin.invalid/claude/my_20app_web/ba9876543210";
    assert_eq!(kept[1].to_string(), format!("helper:pass/{server}"));
    assert!(!is_below("canary", machine.home.path()));
    // The command that is shown for it does the same.
    let command = kept[1].removal_command().unwrap();
    assert_snapshot!(command, @"printf %s https://docker-jackin.invalid/claude/my_20app_web/ba9876543210 | docker-credential-pass erase");
    machine.shell(&command);
    assert_eq!(machine.shell("docker-credential-pass list").trim(), "{}");
}

#[test]
fn scenario_64_what_is_kept_in_a_file_is_encrypted_for_an_identity_elsewhere() {
    let machine = Machine::with(&[]);
    let kept = machine.live("age");
    let home = machine.home.path();
    let mode = |path: &str| {
        let found = fs::metadata(home.join(path)).unwrap();
        format!("{:o}", found.permissions().mode() & 0o7777)
    };
    let file = ".docker/jackin/tokens/my_20app_web.ba9876543210.age";
    let identity = ".local/share/docker-jackin/age-identity.txt";
    let shown = kept[1].to_string();
    assert_eq!(shown, format!("age:{}", home.join(file).display()));
    assert_eq!([mode(file), mode(identity)], ["600", "600"]);
    let folders = [".docker/jackin/tokens", ".local/share/docker-jackin"];
    assert_eq!(folders.map(mode), ["700", "700"]);
    assert!(!is_below("canary", home));
    machine.shell(&format!("/bin/{}", kept[1].removal_command().unwrap()));
    assert!(!home.join(file).exists());
    // The identity opens tokens yet to come, and may open a user's own files.
    assert!(home.join(identity).exists());
}

#[test]
fn scenario_65_nothing_is_removed_that_no_store_of_ours_made() {
    let machine = Machine::with_pass();
    let file = machine.home.path().join("notes.age");
    fs::write(&file, "").unwrap();
    let foreign = [
        Kept::Helper {
            name: "pass".to_owned(),
            server: "https://index.docker.io/v1/".to_owned(),
        },
        Kept::SecretService {
            service: "chromium".to_owned(),
            account: "me".to_owned(),
        },
        Kept::Keychain {
            service: "Claude Code-credentials".to_owned(),
            account: "me".to_owned(),
        },
        Kept::Age { file: file.clone() },
    ];
    let told = foreign.map(|kept| machine.told(&kept.remove(&machine.host()).unwrap_err()));
    assert_snapshot!(told.join("\n"), @r"
    helper:pass/https://index.docker.io/v1/ is nothing that docker-jackin keeps tokens in, and stays
    secret-service:chromium/me is nothing that docker-jackin keeps tokens in, and stays
    keychain:Claude Code-credentials/me is nothing that docker-jackin keeps tokens in, and stays
    age:~/notes.age is nothing that docker-jackin keeps tokens in, and stays
    ");
    assert!(file.exists());
}

#[test]
fn the_best_store_that_is_there_is_taken_and_why() {
    let shown = |machine: &Machine| {
        let choice = machine.choose("auto").unwrap();
        let text = format!("{}: {}", choice.store.shown(), choice.why.unwrap());
        text.replace(machine.home.path().to_str().unwrap(), "~")
    };
    let machine = Machine::with(&[]);
    assert_snapshot!(shown(&machine), @"an encrypted file in ~/.docker/jackin/tokens, for the age identity ~/.local/share/docker-jackin/age-identity.txt: nothing better can be used: `secret-tool` is not in PATH; `docker-credential-pass` is not in PATH");
    // Nothing is made before there is a token to keep.
    assert!(!machine.home.path().join(".local").exists());
    let machine = Machine::with_pass();
    assert_snapshot!(shown(&machine), @"docker-credential-pass: `pass` is initialised");
}

#[test]
fn scenario_63_a_named_store_that_cannot_be_used_says_what_to_do() {
    let machine = Machine::with(&["docker-credential-pass", "pass"]);
    let named = [
        "helper:pass",
        "helper:none",
        "helper:No",
        "secret-service",
        "keychain",
    ];
    let told = named.map(|store| machine.refusal(store));
    assert_snapshot!(told.join("\n"), @r"
    `pass` is not initialised
      initialise it with your GPG key: pass init KEY
    `docker-credential-none` is not in PATH
      install `docker-credential-none`, or choose another store with --store
    a helper's name is made of a-z, 0-9, `-`, `_` and `.`
      for docker-credential-pass: --store helper:pass
    `secret-tool` is not in PATH
      install `secret-tool`, or choose another store with --store
    the Keychain is a part of macOS, and this is another system
      choose another store with --store, or leave it out
    ");
    let machine = Machine::with(&["false"]);
    machine.shell("/bin/ln -s false bin/docker-credential-no; /bin/ln -s false bin/secret-tool; :");
    let told = ["helper:no", "secret-service"].map(|store| machine.refusal(store));
    assert_snapshot!(told.join("\n"), @r"
    docker-credential-no cannot be used: its verb `list` fails: exit status: 1
      see what it says yourself: docker-credential-no list
    there is no D-Bus session that the Secret Service could be asked on
      log in to a session that has a keyring, or choose another store with --store
    ");
}

#[test]
fn what_only_1password_understands_is_refused_for_another_store() {
    let machine = Machine::with(&[]);
    let wish = Wish {
        store: WantedStore::Age,
        op: OpWish {
            item_name: Some("x".to_owned()),
            ..OpWish::default()
        },
        folder: machine.home.path().to_owned(),
    };
    let failure = choose(&wish, &machine.host()).err().unwrap();
    assert_eq!(failure.exit_code(), 2);
    assert_snapshot!(machine.told(&failure), @r"
    --item-name is 1Password's, and --store names another store
      leave out one of them
    ");
}
