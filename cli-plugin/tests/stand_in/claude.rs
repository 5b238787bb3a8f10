//! A `claude` for tests: shows the screens of the real one as they were
//! recorded, and does on keys and signals what it was seen to do.
//!
//! It is told what to do by files in the folder `STAND_IN_CLAUDE`, by default
//! `stand-in-claude` in the home:
//!
//! | file | |
//! |---|---|
//! | `token` | the token that `setup-token` shows; else the recordings' own |
//! | `behaviour` | one of [`Behaviour`]'s words; `succeed` when missing |
//! | `screen` | the recording to show, such as `80x24`; else by the terminal's columns |
//! | `verdicts` | what `doctor` says of which token: lines of a token and the name of a recording in `claude-doctor`; `200` for any other. `hangs` says nothing for half a minute |
//! | `auth-status.login` | the token of the login that `auth status` and `mcp get NAME` renew to; without it, they renew none. Its exit code is `auth-status.code` |
//! | `cost.login` | the token of the login that `-p /cost` renews to, as one that the vendor refuses |
//! | `<words>.out`, `<words>.code`, `<words>.delay` | what any other command line prints, its exit code, and the milliseconds it takes; `<words>` are its arguments with `-` between them, such as `auth-status` |
//!
//! It notes there: `calls` (each command line), `env` (the environment of the
//! last `setup-token`), `sizes` (the terminal's sizes, as they came), `typed`
//! (what was typed), `ended` (how it ended), `doctor` (the recording that each
//! `doctor` has shown), and `refused`: what no caller may
//! do, such as to hand it an old token when a new one is minted. Then it exits
//! with 97.

#![expect(
    clippy::unwrap_used,
    reason = "a stand-in that cannot play its part fails the test"
)]

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

/// How each of its tokens begins.
const PREFIX: &str = "sk-ant-oat";

/// The token in the recordings.
const RECORDED: &str = "sk-ant-oat01-Dummy_0123456789-abcdefghijklmnopqrstuvwxyz\
                        ABCDEFGHIJKLMNOPQRSTUVWXYZDummy_0123456789-abcdefgAA";

/// What stands before the token, and behind each of its rows.
const TOKEN_COLOUR: &str = "\x1b[38;5;220m";
const PLAIN: &str = "\x1b[39m\r\r\n";

/// What ends a first screen in the recordings.
const FIRST_ENDS: &str = "\x1b]7501;?\x07\x1b[c";

/// What it writes when it is told to end.
const RESET: &str = "\x1b[?1006l\x1b[?1003l\x1b[?1002l\x1b[?1000l\x1b[3D\x1b[2B\x1b[?1004l\x1b[>4m\x1b[<u\x1b[?2031l\x1b[?2004l\x1b(B\x0f\x1b[?7h\x1b[?25h\x1b7\x1b[r\x1b8\x1b]0;\x07";

const RESIZED: [&str; 2] = ["\x1b[H", "\x1b[2K\x1b[1B"];

/// Variables of the real program's that say nothing about a login.
const HARMLESS: [&str; 2] = [
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
];

/// What a `setup-token` does, by the word in the file `behaviour`.
#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    /// Waits for a code and shows the token.
    Succeed,
    /// Shows the token without a code, as when the browser brings it.
    Callback,
    /// Shows the first screen, and takes whatever is typed for nothing.
    Hang,
    /// Says in red that it cannot start, and exits with 1.
    Exit1,
    /// Dies of SIGKILL on its first screen, and leaves the terminal as it is.
    Crash,
    /// Does not end on SIGTERM either.
    Stubborn,
    /// Ends without a token, as if all were well.
    NoToken,
    /// Refuses every code.
    RefusedCode,
    /// Shows a token with bytes in it that are no UTF-8.
    Garbled,
    /// Shows two tokens on a line.
    TwoTokens,
    /// Shows a token that is too short for one.
    Short,
    /// Writes the last screen byte by byte.
    Slow,
    /// Does not end once it has shown the token.
    Stays,
    /// Moves the cursor from row to row of the token.
    CursorMoves,
}

const BEHAVIOURS: [(&str, Behaviour); 14] = [
    ("succeed", Behaviour::Succeed),
    ("callback", Behaviour::Callback),
    ("hang", Behaviour::Hang),
    ("exit-1", Behaviour::Exit1),
    ("crash", Behaviour::Crash),
    ("stubborn", Behaviour::Stubborn),
    ("no-token", Behaviour::NoToken),
    ("refused-code", Behaviour::RefusedCode),
    ("garbled", Behaviour::Garbled),
    ("two-tokens", Behaviour::TwoTokens),
    ("short", Behaviour::Short),
    ("slow", Behaviour::Slow),
    ("stays", Behaviour::Stays),
    ("cursor-moves", Behaviour::CursorMoves),
];

fn main() {
    // Who has it renew a login gives it none of our variables.
    let at_home = || PathBuf::from(env::var_os("HOME").unwrap()).join("stand-in-claude");
    let stage = Stage {
        folder: env::var_os("STAND_IN_CLAUDE").map_or_else(at_home, PathBuf::from),
    };
    let words: Vec<String> = env::args().skip(1).collect();
    stage.note("calls", &words.join(" "));
    if words.iter().any(|word| word.contains(PREFIX)) {
        stage.refuse("a token in its arguments");
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match *words {
        ["--version"] => println!("2.1.330 (Claude Code)"),
        ["setup-token"] => SetupToken::begin(stage).play(),
        ["doctor"] => stage.doctor(),
        ["auth", "status"] | ["mcp", "get", _] => stage.renew(),
        [
            "-p",
            "/cost",
            "--strict-mcp-config",
            "--no-session-persistence",
            "--settings",
            r#"{"disableAllHooks":true}"#,
        ] => stage.renew_to("cost.login"),
        _ => stage.answer(&words.join("-")),
    }
}

/// The folder that says what to do, and takes what is noted.
struct Stage {
    folder: PathBuf,
}

impl Stage {
    fn read(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join(name)).ok()?;
        Some(text.trim_end_matches('\n').to_owned())
    }

    fn note(&self, name: &str, line: &str) {
        let file = self.folder.join(name);
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)
            .unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn refuse(&self, why: &str) -> ! {
        self.note("refused", why);
        eprintln!("the stand-in refuses: {why}");
        exit(97)
    }

    /// Renews the login that it finds, as `auth status` and `mcp get` do: by a new file
    /// with this token in it. Whose it is, it prints.
    fn renew(&self) {
        self.renew_to("auth-status.login");
        println!(r#"{{"loggedIn":true,"email":"me@example.org"}}"#);
        let code = self.read("auth-status.code");
        exit(code.and_then(|code| code.parse().ok()).unwrap_or(0));
    }

    /// Renews the login that it finds to the token in this file, if one is there.
    fn renew_to(&self, name: &str) {
        if let Some(token) = self.read(name).filter(|token| !token.is_empty()) {
            let own = env::var_os("CLAUDE_CONFIG_DIR").map(PathBuf::from);
            let home = || PathBuf::from(env::var_os("HOME").unwrap()).join(".claude");
            let folder = own.unwrap_or_else(home);
            let login = format!(
                r#"{{"claudeAiOauth":{{"accessToken":"{token}","expiresAt":4102444800000}}}}"#
            );
            fs::write(folder.join(".new"), login).unwrap();
            fs::rename(folder.join(".new"), folder.join(".credentials.json")).unwrap();
        }
    }

    /// What a command prints that shows no screen.
    fn answer(&self, words: &str) {
        let number = |what: &str| self.read(&format!("{words}.{what}"))?.parse().ok();
        let delay = number("delay").unwrap_or_default();
        sleep(Duration::from_millis(u64::try_from(delay).unwrap_or(0)));
        match self.read(&format!("{words}.out")) {
            Some(text) => println!("{text}"),
            None if number("code").is_none() => self.refuse(&format!("no part for `{words}`")),
            None => {}
        }
        exit(number("code").unwrap_or(0));
    }

    /// What the vendor says of a token, which must come through standard input
    /// and lie nowhere else.
    fn doctor(&self) {
        let token = self.token_on_standard_input();
        for (name, value) in env::vars_os() {
            if value.to_string_lossy().contains(PREFIX) {
                self.refuse(&format!("a token in the variable {}", name.display()));
            }
        }
        let own = PathBuf::from(env::var_os("CLAUDE_CONFIG_DIR").unwrap());
        let mode = own.metadata().unwrap().permissions().mode() & 0o7777;
        let in_memory = rustix::fs::statfs(&own).unwrap().f_type == 0x0102_1994;
        if fs::read_dir(&own).unwrap().count() != 0 || mode != 0o700 || !in_memory {
            self.refuse("a folder that is not empty, private and in memory");
        }
        // As the real one does.
        fs::write(own.join(".claude.json"), "{}").unwrap();
        let verdicts = self.read("verdicts").unwrap_or_default();
        let verdicts = verdicts.lines().filter_map(|line| line.split_once(' '));
        let mut verdicts = verdicts.filter(|(whose, _)| *whose == token);
        let name = verdicts.next().map_or("200", |(_, name)| name);
        if name == "hangs" {
            self.note("doctor", name);
            let until = Instant::now() + Duration::from_secs(30);
            // Not beyond the test's own end.
            while self.folder.exists() && Instant::now() < until {
                sleep(Duration::from_millis(50));
            }
            exit(1);
        }
        show_bytes(doctors_words(name));
        self.note("doctor", name);
    }

    fn token_on_standard_input(&self) -> String {
        let named = env::var("CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR");
        let other = env::vars().map(|(name, _)| name).find(|name| {
            let mine = ["CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR"];
            let family = ["ANTHROPIC_", "CLAUDE_"];
            family.iter().any(|family| name.starts_with(family))
                && !HARMLESS.iter().chain(&mine).any(|known| known == name)
        });
        if let Some(name) = other {
            self.refuse(&format!("{name} is set"));
        }
        if named.as_deref() != Ok("0") {
            self.refuse("no token on standard input");
        }
        let mut token = String::new();
        io::stdin().read_to_string(&mut token).unwrap();
        token
    }

    fn behaviour(&self) -> Behaviour {
        let word = self.read("behaviour");
        let word = word.as_deref().unwrap_or("succeed");
        let known = BEHAVIOURS.iter().find(|(known, _)| *known == word);
        known.expect("a behaviour that is known").1
    }

    /// What minting needs: no login anywhere that it could find.
    fn look_around(&self) {
        let mut noted = String::new();
        for (name, value) in env::vars_os() {
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            noted.extend([&*name, "=", &*value, "\n"]);
            let family = ["ANTHROPIC_", "CLAUDE_"];
            let credential = family.iter().any(|family| name.starts_with(family));
            if credential && !HARMLESS.contains(&&*name) {
                self.refuse(&format!("{name} is set"));
            }
        }
        fs::write(self.folder.join("env"), noted).unwrap();
        let own = env::var_os("CLAUDE_CONFIG_DIR").map(PathBuf::from);
        let home = PathBuf::from(env::var_os("HOME").unwrap());
        let login = own.clone().unwrap_or_else(|| home.join(".claude"));
        if login.join(".credentials.json").exists() {
            self.refuse("it would renew the login that it finds");
        }
        // As the real one does.
        let place = own.as_deref().unwrap_or(&home);
        fs::write(
            place.join(".claude.json"),
            r#"{"firstStartTime":"2026-11-23"}"#,
        )
        .unwrap();
    }
}

/// A run of `claude setup-token`.
struct SetupToken {
    stage: Stage,
    behaviour: Behaviour,
    before: Option<Termios>,
    signals: [(Signal, Arc<AtomicBool>); 5],
}

impl SetupToken {
    fn begin(stage: Stage) -> Self {
        stage.look_around();
        let signals = [
            Signal::WINCH,
            Signal::TERM,
            Signal::INT,
            Signal::HUP,
            Signal::TSTP,
        ];
        let signals = signals.map(|signal| {
            let came = Arc::new(AtomicBool::new(false));
            if signal != Signal::TSTP {
                signal_hook::flag::register(signal.as_raw(), Arc::clone(&came)).unwrap();
            }
            (signal, came)
        });
        Self {
            behaviour: stage.behaviour(),
            before: raw_mode(),
            stage,
            signals,
        }
    }

    fn play(self) {
        let recording = self.recording();
        if self.behaviour == Behaviour::Exit1 {
            show(
                "\x1b[38;5;211mClaude Code could not start: the stand-in was told so.\x1b[39m\r\n",
            );
            self.end("failed", 1);
        }
        self.note_size();
        show(&recording.first);
        if self.behaviour == Behaviour::Crash {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
        if self.behaviour == Behaviour::Callback {
            self.rest(Duration::from_millis(300));
        } else {
            self.wait_for_a_code(&recording.echo);
        }
        // It may have been resized meanwhile.
        let recording = self.recording();
        self.show_the_end(&recording);
        if self.behaviour == Behaviour::Stays {
            self.rest(Duration::from_secs(600));
        }
        // The recording has left the terminal as it was.
        self.rest(Duration::from_millis(300));
        self.finish("by itself", 0);
    }

    fn recording(&self) -> Recording {
        let columns = size().0;
        let name = self.stage.read("screen");
        let name = name.unwrap_or_else(|| by_columns(columns).to_owned());
        let token = self.stage.read("token");
        Recording::read(&name).with_token(token.as_deref().unwrap_or(RECORDED), columns)
    }

    /// Takes what is typed until there is a whole code in it and Enter.
    fn wait_for_a_code(&self, echo: &str) {
        let mut typed = Vec::new();
        let mut echoed = false;
        loop {
            match self.typed(Duration::from_millis(20)) {
                Some(byte) => {
                    self.stage.note("typed", &byte.to_string());
                    typed.push(byte);
                }
                None => continue,
            }
            match typed.last() {
                // Ctrl-C clears the field, and does nothing more.
                Some(3) => typed.clear(),
                Some(b'c') if typed.len() == 1 => self.copy_link(),
                Some(b'\r') if self.behaviour == Behaviour::Hang => typed.clear(),
                Some(b'\r') if typed.contains(&b'#') => return,
                Some(b'\r') => {
                    show("\r\n\x1b[38;5;211m✘ That doesn't look like the full code.\x1b[39m\r\n");
                    typed.clear();
                }
                _ if !echoed && typed.contains(&b'#') => {
                    show(echo);
                    echoed = true;
                }
                _ => {}
            }
        }
    }

    fn copy_link(&self) {
        let link = &self.recording().link;
        show(&format!("\x1b]52;c;{}\x07", BASE64_STANDARD.encode(link)));
    }

    fn show_the_end(&self, recording: &Recording) {
        let last = &recording.last;
        match self.behaviour {
            Behaviour::NoToken => self.end("without a token", 0),
            Behaviour::RefusedCode => {
                show(&Recording::read("code-refused").last);
                self.rest(Duration::from_secs(600));
            }
            Behaviour::Slow => {
                for byte in last.replace("\r\n", "\n").bytes() {
                    show_bytes(&[byte]);
                    sleep(Duration::from_micros(300));
                }
            }
            Behaviour::Garbled => {
                let mut bytes = last.replace("\r\n", "\n").into_bytes();
                let token = bytes
                    .windows(PREFIX.len())
                    .position(|found| found == PREFIX.as_bytes());
                let at = token.unwrap() + 30;
                bytes.splice(at..at, [0xff, 0xc3, 0x28]);
                show_bytes(&bytes);
            }
            Behaviour::TwoTokens => {
                let two = format!("{TOKEN_COLOUR}{RECORDED} ");
                show(&last.replacen(TOKEN_COLOUR, &two, 1));
            }
            Behaviour::Short => {
                let short = format!("{TOKEN_COLOUR}sk-ant-oat01-short{PLAIN}");
                show(&(recording.head.clone() + &short + &recording.tail));
            }
            Behaviour::CursorMoves => {
                let rows = recording
                    .rows
                    .join(&format!("\x1b[39m\x1b[1E\x1b[2G{TOKEN_COLOUR}"));
                let rows = format!("\x1b[2G{TOKEN_COLOUR}{rows}{PLAIN}");
                show(&(recording.head.clone() + &rows + &recording.tail));
            }
            _ => show(last),
        }
    }

    /// The next byte that is typed within this time.
    fn typed(&self, wait: Duration) -> Option<u8> {
        self.look_at_signals();
        let stdin = io::stdin();
        let mut asked = [PollFd::new(&stdin, PollFlags::IN)];
        let _ = poll(&mut asked, Some(&Timespec::try_from(wait).unwrap()));
        if asked[0].revents().is_empty() {
            return None;
        }
        let mut byte = [0];
        match rustix::io::read(&stdin, &mut byte) {
            Ok(1) => Some(byte[0]),
            // The terminal is gone.
            _ => self.end("terminal closed", 0),
        }
    }

    fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.typed(Duration::from_millis(20));
        }
    }

    fn look_at_signals(&self) {
        for (signal, came) in &self.signals {
            if !came.swap(false, Ordering::SeqCst) {
                continue;
            }
            match *signal {
                Signal::WINCH => self.draw_again(),
                _ if self.behaviour == Behaviour::Stubborn => {}
                Signal::TERM => self.end("SIGTERM", 143),
                Signal::HUP => self.end("SIGHUP", 129),
                _ => self.end("SIGINT", 0),
            }
        }
    }

    fn draw_again(&self) {
        self.note_size();
        let rows = usize::from(size().1);
        let [home, wiped] = RESIZED;
        let first = self.recording().first;
        show(&format!("{home}{}{home}{first}", wiped.repeat(rows)));
    }

    fn note_size(&self) {
        let (columns, rows) = size();
        self.stage.note("sizes", &format!("{columns}x{rows}"));
    }

    fn end(&self, how: &str, code: i32) -> ! {
        show(RESET);
        self.finish(how, code)
    }

    fn finish(&self, how: &str, code: i32) -> ! {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
        self.stage.note("ended", how);
        exit(code)
    }
}

/// The files of a folder by their names, carried along: whoever runs this may
/// not look into the folder of the build.
macro_rules! fixtures {
    ($function:ident, $folder:literal, $ending:literal, [$($name:literal),* $(,)?]) => {
        fn $function(name: &str) -> &'static [u8] {
            match name {
                $($name => include_bytes!(
                    concat!("../fixtures/", $folder, "/", $name, $ending)
                ),)*
                _ => panic!("nothing was recorded as {name}"),
            }
        }
    };
}

fixtures!(
    screens,
    "setup-token",
    ".raw",
    [
        "80x24",
        "80x24-full-link",
        "120x40",
        "250x50",
        "callback",
        "code-refused",
        "resized",
    ]
);

fixtures!(
    doctors_words,
    "claude-doctor",
    ".txt",
    [
        "200",
        "401",
        "403",
        "404",
        "429",
        "500",
        "closed",
        "hanging",
        "no-network",
        "no-token",
        "refused-connection",
        "unreachable",
    ]
);

/// A recorded run, cut where it waits.
struct Recording {
    first: String,
    echo: String,
    /// All behind the echo: `head`, the token's rows, `tail`.
    last: String,
    head: String,
    rows: Vec<String>,
    tail: String,
    link: String,
}

impl Recording {
    fn read(name: &str) -> Self {
        let text = std::str::from_utf8(screens(name)).unwrap();
        let first_ends = text.find(FIRST_ENDS).unwrap() + FIRST_ENDS.len();
        let (first, rest) = text.split_at(first_ends);
        // The link is found in its OSC 8.
        let link = first
            .split(['\x07', ';'])
            .find(|part| part.starts_with("https://"));
        let echo = "\x1b[27m\r\r\n\r\n";
        let echo_ends = rest.find(echo).map_or(0, |at| at + echo.len());
        let (echo, last) = rest.split_at(echo_ends);
        Self {
            first: first.to_owned(),
            echo: echo.to_owned(),
            last: last.to_owned(),
            head: String::new(),
            rows: Vec::new(),
            tail: String::new(),
            link: link.unwrap().to_owned(),
        }
    }

    /// The same with another token, wrapped as the real one wraps it: a column
    /// of margin, and rows up to the edge.
    fn with_token(mut self, token: &str, columns: u16) -> Self {
        let row = format!("\x1b[2G{TOKEN_COLOUR}");
        let Some(begins) = self.last.find(&format!("{row}{PREFIX}")) else {
            return self;
        };
        let ends = self.last.rfind(&row).unwrap();
        let ends = ends + self.last[ends..].find(PLAIN).unwrap() + PLAIN.len();
        self.last[..begins].clone_into(&mut self.head);
        self.last[ends..].clone_into(&mut self.tail);
        let width = usize::from(columns.saturating_sub(1)).max(1);
        self.rows = token
            .as_bytes()
            .chunks(width)
            .map(|row| String::from_utf8_lossy(row).into_owned())
            .collect();
        let rows = self.rows.iter().map(|text| format!("{row}{text}{PLAIN}"));
        self.last = self.head.clone() + &rows.collect::<String>() + &self.tail;
        self
    }
}

/// The recording whose screen is the widest that fits.
fn by_columns(columns: u16) -> &'static str {
    match columns {
        250.. => "250x50",
        120.. => "120x40",
        _ => "80x24",
    }
}

/// Keys come one by one and are not shown; what is written still gets its
/// carriage returns.
fn raw_mode() -> Option<Termios> {
    let before = tcgetattr(io::stdin()).ok()?;
    let mut raw = before.clone();
    raw.input_modes = InputModes::empty();
    raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
    tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
    Some(before)
}

fn size() -> (u16, u16) {
    let size = tcgetwinsize(io::stdin()).ok();
    size.filter(|size| size.ws_col > 0)
        .map_or((80, 24), |size| (size.ws_col, size.ws_row))
}

/// Shows a text as it was recorded: behind the terminal, which puts a carriage
/// return before each line feed.
fn show(text: &str) {
    show_bytes(text.replace("\r\n", "\n").as_bytes());
}

fn show_bytes(bytes: &[u8]) {
    let mut screen = io::stdout().lock();
    if screen
        .write_all(bytes)
        .and_then(|()| screen.flush())
        .is_err()
    {
        exit(0);
    }
}
