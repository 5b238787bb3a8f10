//! Encrypted files and identities of all kinds, each with what is said of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::str::FromStr;

use ::age::x25519;
use insta::assert_snapshot;
use secrecy::ExposeSecret;

use super::*;

/// A home with an identity, and a file that is encrypted for it.
struct Home {
    folder: tempfile::TempDir,
    identity: x25519::Identity,
}

/// Where the identity is.
const IDENTITY: &str = ".local/share/docker-jackin/age-identity.txt";

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = x25519::Identity::generate();
        let home = Self { folder, identity };
        home.identify(&home.secret(), 0o600);
        home.write("token.age", &home.encrypted(b"canary\n"));
        home
    }

    fn secret(&self) -> String {
        let secret = self.identity.to_string();
        format!("# a comment\n{}\n", secret.expose_secret())
    }

    /// Writes what is to be taken for the identity.
    fn identify(&self, text: &str, mode: u32) {
        self.write(IDENTITY, text.as_bytes());
        let permissions = Permissions::from_mode(mode);
        fs::set_permissions(self.folder.path().join(IDENTITY), permissions).unwrap();
    }

    fn write(&self, name: &str, content: &[u8]) {
        let file = self.folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    fn encrypted(&self, value: &[u8]) -> Vec<u8> {
        ::age::encrypt(&self.identity.to_public(), value).unwrap()
    }

    fn host<const N: usize>(&self, variables: [(&str, &str); N]) -> Host {
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Host::new(self.folder.path(), "/", variables)
    }

    fn read(&self) -> String {
        self.read_as(&self.host([]))
    }

    fn read_as(&self, host: &Host) -> String {
        match read(Path::new("~/token.age"), host) {
            Ok(value) => value.expose_secret().to_owned(),
            Err(error) => {
                let hint = error.hint().map(|hint| format!("\n  {hint}"));
                let shown = format!("{error}{}", hint.unwrap_or_default());
                let all = format!("{shown} {error:?}");
                assert!(
                    !all.contains("canary") && !all.contains("AGE-SECRET-KEY-1Q"),
                    "{all}"
                );
                shown.replace(self.folder.path().to_str().unwrap(), "~")
            }
        }
    }
}

#[test]
fn an_encrypted_file_gives_its_text_without_the_last_line_break() {
    let home = Home::new();
    assert_eq!(home.read(), "canary");
    let armored = ::age::encrypt_and_armor(&home.identity.to_public(), b"canary").unwrap();
    home.write("token.age", armored.as_bytes());
    assert_eq!(home.read(), "canary");
}

#[test]
fn the_identity_is_where_the_user_says() {
    let home = Home::new();
    let place = home.folder.path().join(IDENTITY);
    let other = home.folder.path().join("mine.txt");
    fs::rename(place, &other).unwrap();
    let named = [(identity::VARIABLE, other.to_str().unwrap())];
    assert_eq!(home.read_as(&home.host(named)), "canary");
    let data = home.folder.path().join("data");
    home.identify(&home.secret(), 0o600);
    fs::rename(home.folder.path().join(".local/share"), &data).unwrap();
    let named = [("XDG_DATA_HOME", data.to_str().unwrap())];
    assert_eq!(home.read_as(&home.host(named)), "canary");
    // A relative one would lie in whatever folder is current.
    let relative = [(identity::VARIABLE, "mine.txt"), ("XDG_DATA_HOME", "data")];
    assert!(home.read_as(&home.host(relative)).contains("No such file"));
}

#[test]
fn scenario_64_a_file_that_was_changed_gives_nothing() {
    let home = Home::new();
    let whole = home.encrypted(b"canary");
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        home.write("token.age", &changed);
        let told = home.read();
        assert!(
            told.contains("~/token.age cannot be decrypted: "),
            "{at}: {told}"
        );
        home.write("token.age", &whole[..at]);
        let told = home.read();
        assert!(
            told.contains("~/token.age cannot be decrypted: "),
            "{at}: {told}"
        );
    }
}

#[test]
fn what_is_encrypted_for_somebody_else_says_so() {
    let home = Home::new();
    let mut told = Vec::new();
    let stranger = x25519::Identity::generate().to_public();
    home.write("token.age", &::age::encrypt(&stranger, b"canary").unwrap());
    told.push(home.read());
    let mut passphrase = ::age::scrypt::Recipient::new("canary".to_owned().into());
    passphrase.set_work_factor(2);
    home.write(
        "token.age",
        &::age::encrypt(&passphrase, b"canary").unwrap(),
    );
    told.push(home.read());
    home.write("token.age", b"canary");
    told.push(home.read());
    home.write("token.age", &home.encrypted(&vec![b'x'; 64 << 10]));
    told.push(home.read());
    home.write("token.age", &home.encrypted(&vec![b'x'; 63 << 10]));
    assert_eq!(home.read().len(), 63 << 10);
    home.write("token.age", &home.encrypted(b"can\0ary"));
    told.push(home.read());
    fs::remove_file(home.folder.path().join("token.age")).unwrap();
    told.push(home.read());
    assert_snapshot!(told.join("\n"), @r"
    ~/token.age cannot be decrypted: it is encrypted for another identity than the one in ~/.local/share/docker-jackin/age-identity.txt
      name the file of its identity in DOCKER_JACKIN_AGE_IDENTITY
    ~/token.age cannot be decrypted: it is encrypted with a passphrase, and only files for an identity are read
    ~/token.age cannot be decrypted: it is no age file, or has been changed since it was encrypted
    ~/token.age is no regular file of at most 65536 bytes
    ~/token.age does not hold UTF-8 text without NUL
    ~/token.age cannot be read: No such file or directory (os error 2)
    ");
}

#[test]
fn scenario_53_only_an_identity_that_is_the_user_s_own_opens_anything() {
    let home = Home::new();
    let mut told = Vec::new();
    for mode in [0o640, 0o604, 0o660] {
        home.identify(&home.secret(), mode);
        told.push(home.read());
    }
    let secret = home.secret();
    for text in [
        "",
        "# none\n",
        "canary\n",
        &secret[..40],
        &format!("{secret}canary\n"),
    ] {
        home.identify(text, 0o600);
        told.push(home.read());
    }
    home.identify(&" ".repeat(17 << 10), 0o600);
    told.push(home.read());
    let place = home.folder.path().join(IDENTITY);
    fs::remove_file(&place).unwrap();
    told.push(home.read());
    rustix::fs::mkfifoat(rustix::fs::CWD, &place, 0o600.into()).unwrap();
    told.push(home.read());
    told.dedup();
    assert_snapshot!(told.join("\n"), @r"
    ~/token.age cannot be decrypted: the age identity ~/.local/share/docker-jackin/age-identity.txt is not the user's own regular file with mode 0600
      if it is yours alone: chmod 600 ~/.local/share/docker-jackin/age-identity.txt
    ~/token.age cannot be decrypted: ~/.local/share/docker-jackin/age-identity.txt holds no age identity, which begins with AGE-SECRET-KEY-1
      name another file in DOCKER_JACKIN_AGE_IDENTITY, as `age-keygen` makes it
    ~/token.age cannot be decrypted: the age identity ~/.local/share/docker-jackin/age-identity.txt cannot be read: No such file or directory (os error 2)
      bring the identity back from a backup, or name its file in DOCKER_JACKIN_AGE_IDENTITY
    ~/token.age cannot be decrypted: the age identity ~/.local/share/docker-jackin/age-identity.txt is not the user's own regular file with mode 0600
      if it is yours alone: chmod 600 ~/.local/share/docker-jackin/age-identity.txt
    ");
}

#[test]
fn an_identity_of_somebody_else_s_is_none() {
    // Only root can give a file away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let home = Home::new();
    let stranger = Some(rustix::fs::Uid::from_raw(12345));
    rustix::fs::chown(home.folder.path().join(IDENTITY), stranger, None).unwrap();
    assert!(home.read().contains("is not the user's own regular file"));
}

#[test]
fn several_identities_may_lie_in_one_file() {
    let home = Home::new();
    let other = x25519::Identity::generate().to_string();
    let both = format!("{}\n\n{}", other.expose_secret(), home.secret());
    assert!(x25519::Identity::from_str(other.expose_secret()).is_ok());
    home.identify(&both, 0o600);
    assert_eq!(home.read(), "canary");
}
