//! A machine whose programs check what they are given, for tests.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use jackin_oci_hook::payload::{Payload, Variable, VariableValue};
use jackin_oci_hook::secret::Secret;
use secrecy::ExposeSecret;

use super::Shell;
use super::ask::Patience;
use super::reading::{Wanted, read_patiently};
use crate::config::{Value, Written};
use crate::host::Host;

/// An `op` that refuses everything but what it must be given: arguments in
/// this order, no input, and of the environment what is its business.
pub(super) const OP: &str = r#"#!/bin/sh
fail() { echo "surprise: $1" >&2; exit 99; }
[ "$(readlink /proc/self/fd/0)" = /dev/null ] || fail stdin
[ -z "$(cat)" ] || fail input
[ "$1" = read ] && [ "$2" = --no-newline ] || fail "arguments $*"
shift 2
account=
case $1 in --account=?*) account=${1#--account=}; shift;; esac
[ $# = 1 ] || fail "arguments $*"
[ "$(pwd -P)" = "$(cd "$HOME" && pwd -P)" ] || fail "folder $(pwd)"
for name in $(env | sed -n 's/=.*//p'); do
    case $name in
        HOME|PATH|PWD|SHLVL|_|OLDPWD|OP_SERVICE_ACCOUNT_TOKEN|XDG_RUNTIME_DIR|LC_ALL) ;;
        *) fail "variable $name" ;;
    esac
done
echo "$account $1" >> "$HOME/asked"
no() { echo "[ERROR] 2026/01/02 03:04:05 could not read secret '$1': $2" >&2; exit 1; }
case "$account $1" in
    " op://Personal/my-app/token") printf 'personal' ;;
    "work op://Personal/my-app/token") printf 'work\n' ;;
    " op://Personal/empty/token") ;;
    " op://Nowhere/"*) no "$1" "could not get item: \"Nowhere\" isn't a vault in this account. Specify the vault with its ID or name." ;;
    " op://Locked/"*) no "$1" 'error initializing client: You are not currently signed in. Please run `op signin --help` for instructions' ;;
    " op://Odd/"*) echo "[ERROR] 2026/01/02 03:04:05 something new with token sk-ant-oat01-canary1" >&2; printf 'half a canary'; exit 1 ;;
    " op://Slow/"*) sleep 600 ;;
    *) no "$1" "item '$1' does not have a field" ;;
esac
"#;

/// A helper that keeps one secret.
const HELPER: &str = r#"#!/bin/sh
[ "$*" = get ] || { echo "surprise: $*" >&2; exit 99; }
server=$(cat)
echo "helper $server" >> "$HOME/asked"
case $server in
    https://api.example.com/v1) printf '{"ServerURL":"%s","Username":"me","Secret":"kept \\u003c in it"}\n' "$server" ;;
    https://locked) echo 'gpg: decryption failed: No secret key' >&2; exit 2 ;;
    https://slow) sleep 600 ;;
    https://broken) printf '{"Secret":"canary' ; exit 1 ;;
    https://unknown) printf '{"ServerURL":"%s","Username":"","Secret":""}\n' "$server" ;;
    https://strange) printf '{"Username":"canary"}' ;;
    *) printf 'credentials not found in native keychain'; exit 1 ;;
esac
"#;

/// A machine with these programs.
pub(super) struct Machine {
    pub(super) home: tempfile::TempDir,
    pub(super) host: Host,
    last: Option<Payload>,
}

pub(super) const QUICK: Patience = Patience(Duration::from_secs(20));

impl Machine {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        put(&bin.join("op"), OP);
        put(&bin.join("docker-credential-keep"), HELPER);
        let variables = [
            ("PATH", format!("{}:/usr/bin:/bin", bin.display())),
            ("OP_SERVICE_ACCOUNT_TOKEN", "token".into()),
            ("OP_FORMAT", "json".into()),
            ("OP_DEBUG", "true".into()),
            ("XDG_RUNTIME_DIR", "/run/user/1".into()),
            ("LC_ALL", "C".into()),
            ("ANTHROPIC_API_KEY", "canary".into()),
            ("AWS_SECRET_ACCESS_KEY", "canary".into()),
            ("DOCKER_CLI_PLUGIN_SOCKET", "x".into()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        let host = Host::new(home.path(), "/", variables);
        Self {
            home,
            host,
            last: None,
        }
    }

    /// The same machine when the container starts again, with what it had.
    pub(super) fn later(mut self, had: &[(&str, &str)]) -> Self {
        let variable = |(name, value): &(&str, &str)| {
            Variable::new(
                (*name).try_into().unwrap(),
                VariableValue::try_from(Secret::new((*value).to_owned())).unwrap(),
            )
        };
        self.last = Some(Payload {
            env: had.iter().map(variable).collect(),
            ..Payload::default()
        });
        self.host = Host::new(self.home.path(), "/", [("PATH".to_owned(), self.bin())]);
        self
    }

    fn bin(&self) -> String {
        format!("{}:/usr/bin:/bin", self.home.path().join("bin").display())
    }

    pub(super) fn read(&self, values: &[Written], patience: Patience) -> Vec<String> {
        self.read_since(values, patience, None)
    }

    /// Reads each value as the variable A, B and so on.
    pub(super) fn read_since(
        &self,
        values: &[Written],
        patience: Patience,
        at_launch: Option<&str>,
    ) -> Vec<String> {
        let values = values.iter().map(|written| Value {
            written: clone(written),
            line: 1,
        });
        let values: Vec<_> = values.collect();
        let wanted = values.iter().zip(["A", "B", "C", "D", "E", "F", "G"]);
        let wanted: Vec<_> = wanted
            .map(|(value, delivered_as)| Wanted {
                value,
                delivered_as,
                shell: self
                    .last
                    .as_ref()
                    .map_or(Shell::Live(&self.host), Shell::Gone),
                at_launch,
            })
            .collect();
        let read = read_patiently(&self.host, &wanted, patience).into_iter();
        read.map(|read| match read {
            Ok(value) => value.expose_secret().to_owned(),
            Err(error) => {
                let hint = error.hint().map(|hint| format!("\n  {hint}"));
                let shown = format!("error: {error}{}", hint.unwrap_or_default());
                assert!(
                    !format!("{shown} {error:?}").contains("canary"),
                    "{error:?}"
                );
                shown.replace(self.home.path().to_str().unwrap(), "~")
            }
        })
        .collect()
    }

    /// What was asked for, sorted.
    pub(super) fn asked(&self) -> Vec<String> {
        let noted = fs::read_to_string(self.home.path().join("asked")).unwrap_or_default();
        let mut asked: Vec<_> = noted.lines().map(str::to_owned).collect();
        asked.sort();
        asked
    }
}

/// Through another process: while this one has it open for writing, what other
/// tests start at that moment inherits that, and nobody may run it.
pub(super) fn put(path: &Path, script: &str) {
    let install = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn();
    let mut install = install.unwrap();
    let mut input = install.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    assert!(install.wait().unwrap().success());
}

fn clone(written: &Written) -> Written {
    match written {
        Written::Text(text) => Written::Text(text.clone()),
        Written::Op { reference, account } => Written::Op {
            reference: reference.clone(),
            account: account.clone(),
        },
        Written::Command(words) => Written::Command(words.clone()),
    }
}
