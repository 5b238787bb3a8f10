//! A user with a `claude`, a docker-credential helper and a terminal, who
//! gives workspaces tokens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};

use crate::environment::TestEnvironment;
use crate::op_scene::OpScene;
use crate::stand_in_claude::{noted, tell, with_claude};
use crate::terminal::Terminal;

/// Keeps what it is given in `$HOME/kept`, notes its verbs in `$HOME/asked`,
/// and does what `$HOME/behave` says: lines such as `kill-after store`.
const HELPER: &str = r#"#!/bin/sh
verb=$1
input=$(cat)
rule() { grep -qsx "$1 $verb" "$HOME/behave"; }
file() { printf '%s/kept/%s' "$HOME" "$(printf %s "$1" | tr '/:' '__')"; }
mkdir -p "$HOME/kept"
echo "$verb" >> "$HOME/asked"
if rule kill-before; then kill -9 $PPID; exit 1; fi
if rule hang; then sleep 30; fi
if rule fail; then
    # What it says when it is given a secret could be the secret.
    if [ $verb = get ]; then echo 'it is locked'; else echo 'canary of the helper'; fi
    exit 1
fi
case $verb in
list) echo '{}' ;;
store)
    server=$(printf %s "$input" | sed 's/.*"ServerURL":"\([^"]*\)".*/\1/')
    if rule alter; then input=$(printf %s "$input" | sed 's/oat01-../oat01-XX/'); fi
    printf %s "$input" > "$(file "$server")"
    ;;
get) cat "$(file "$input")" 2> /dev/null || { echo 'credentials not found in native keychain'; exit 1; } ;;
erase) rm -f "$(file "$input")" ;;
esac
if rule leak; then exit 1; fi
if rule kill-after; then kill -9 $PPID; fi
"#;

/// Two workspaces and a role.
pub(crate) const CONFIG: &str = r#"# Mine.
[roles.web]
image = "acme/web-agent:1"
agents = ["claude"]

[workspaces.a]
workdir = "/nonexistent/a"  # not there

[workspaces.b]
workdir = "/nonexistent/b"
"#;

/// The user's machine.
pub(crate) struct Scene {
    pub(crate) environment: TestEnvironment,
}

/// What came of a command.
pub(crate) struct Came {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) screen: String,
}

/// A token of one letter.
pub(crate) fn token(letter: char) -> String {
    format!("sk-ant-oat01-{}", letter.to_string().repeat(95))
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(CONFIG)
    }

    pub(crate) fn with(config: &str) -> Self {
        let environment = with_claude(TestEnvironment::new("1.45"));
        let helper = environment.home().join("bin/docker-credential-fake");
        fs::write(&helper, HELPER).unwrap();
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
        environment.configure(config);
        let scene = Self { environment };
        tell(&scene.environment, "behaviour", "callback");
        scene.mints('a');
        scene
    }

    /// One with 1Password, whose user has an account of their own and one of
    /// their work, and items in both.
    pub(crate) fn with_op() -> (Self, OpScene) {
        let mut scene = Self::new();
        let home = scene.environment.home();
        let op = OpScene::new(&home.join("op"), &home.join("bin"));
        let folder = op.folder().to_str().unwrap().to_owned();
        scene.environment = scene.environment.variable("OP_STAND_IN", &folder);
        (scene, op)
    }

    /// The token that is minted next.
    pub(crate) fn mints(&self, letter: char) {
        tell(&self.environment, "token", &token(letter));
    }

    /// What the helper does wrong from now on.
    pub(crate) fn helper(&self, rules: &str) {
        self.environment.write("behave", rules);
    }

    /// What the helper was asked to change.
    pub(crate) fn changes(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.environment.home().join("asked"));
        let asked = asked.unwrap_or_default();
        let changes = asked
            .lines()
            .filter(|verb| ["store", "erase"].contains(verb));
        changes.map(str::to_owned).collect()
    }

    /// The letters of the tokens that the helper keeps.
    pub(crate) fn kept(&self) -> String {
        let Ok(entries) = fs::read_dir(self.environment.home().join("kept")) else {
            return String::new();
        };
        let kept = entries.map(|entry| {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let token = text.split("sk-ant-oat01-").nth(1).unwrap();
            token.chars().nth(5).unwrap()
        });
        let mut kept: Vec<char> = kept.collect();
        kept.sort_unstable();
        kept.into_iter().collect()
    }

    pub(crate) fn text(&self) -> String {
        crate::config_scene::text(&self.environment)
    }

    /// How often a token was minted.
    pub(crate) fn minted(&self) -> usize {
        let calls = noted(&self.environment, "calls");
        calls
            .iter()
            .filter(|call| call.contains("setup-token"))
            .count()
    }

    /// Whether a launch gets a token that can be read, by where it is from.
    pub(crate) fn resolves(&self, workspace: &str) -> bool {
        let line = format!("config auth show --agent claude --resolve --workspace {workspace}");
        let words: Vec<&str> = line.split(' ').collect();
        let outcome = self.environment.run(&words);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        outcome.stdout.contains("oauth_token") && outcome.stdout.contains(": usable")
    }

    /// The record of a scope, as JSON.
    pub(crate) fn record(&self, stem: &str) -> Option<serde_json::Value> {
        let file = format!(".docker/jackin/tokens/{stem}.json");
        let text = fs::read(self.environment.home().join(file)).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    /// Gives a command on a terminal.
    pub(crate) fn give(&self, line: &str) -> Came {
        self.give_and(line, |_, _| {})
    }

    /// The same, while somebody does something.
    pub(crate) fn give_and(&self, line: &str, act: impl FnOnce(&mut Terminal, &Child)) -> Came {
        let mut terminal = Terminal::new();
        let line = format!("workspace claude-token {line}");
        let words: Vec<&str> = line.split(' ').collect();
        let child = terminal.command(&self.environment, &words).spawn().unwrap();
        act(&mut terminal, &child);
        let output = child.wait_with_output().unwrap();
        terminal.look();
        let home = self.environment.home().to_str().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let came = Came {
            status: output.status,
            stdout: stdout.replace(home, "$HOME"),
            screen: terminal.seen.replace(home, "$HOME").replace('\r', ""),
        };
        assert!(
            !came.all().contains("oat01-"),
            "a token is shown: {}",
            came.all()
        );
        assert_eq!(noted(&self.environment, "refused"), [""; 0]);
        came
    }
}

impl Came {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Whether it was killed for good.
    pub(crate) fn was_killed(&self) -> bool {
        self.signal() == Some(9)
    }

    pub(crate) fn all(&self) -> String {
        format!("{}{}[{:?}]", self.stdout, self.screen, self.code())
    }

    /// What it says on its result, with what is random or of today taken out.
    pub(crate) fn result(&self) -> String {
        let lines = self.stdout.lines().map(|line| {
            let words = line.split_inclusive(' ').map(|word| {
                let bare = word.trim_end().trim_end_matches(',');
                let is_mint = bare.rsplit('/').next().is_some_and(|last| {
                    last.len() == 12 && last.chars().all(|c| c.is_ascii_hexdigit())
                });
                let is_date =
                    bare.len() == 10 && bare.matches('-').count() == 2 && bare.starts_with("20");
                if is_mint {
                    let start = bare.len() - 12;
                    word.replace(&bare[start..], "<mint>")
                } else if is_date {
                    word.replace(bare, "<date>")
                } else {
                    word.to_owned()
                }
            });
            words.collect::<String>()
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }
}
