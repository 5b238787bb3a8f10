//! Minting, as its user sees it: claude's screen on their terminal, which is
//! as it was in the end, whatever the end is.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::claude_token_scene::wait_until;
use crate::stand_in_claude::{noted, tell};
use crate::terminal::Terminal;
use crate::token_life_scene::{CONFIG, Scene};

/// What the user gives.
const LINE: &str = "setup a --store helper:fake";

/// What comes when claude waits for the code.
const PROMPT: &str = "Paste code here if prompted";

/// A code, as a terminal types what is pasted.
const CODE: &[u8] = b"\x1b[200~code#state\x1b[201~\r";

/// What ends our use of the terminal.
const LEFT: &str = "\x1b[?1049l";

/// A user whose claude waits for a code.
fn scene(behaviour: &str) -> Scene {
    let scene = Scene::new();
    tell(&scene.environment, "behaviour", behaviour);
    scene
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// That nothing came of it, and nothing is left.
fn nothing_changed(scene: &Scene) {
    assert_eq!(scene.text(), CONFIG);
    assert!(scene.changes().is_empty());
    assert_eq!(scene.record("a"), None);
    leaves_nothing(scene);
}

/// That the folder is gone that claude was given.
fn leaves_nothing(scene: &Scene) {
    let variables = noted(&scene.environment, "env");
    let own = variables
        .iter()
        .find_map(|line| line.strip_prefix("CLAUDE_CONFIG_DIR="));
    assert!(!fs::exists(own.unwrap()).unwrap());
}

#[test]
fn scenario_61_the_screen_shows_the_link_and_the_prompt_and_redacted_for_the_token() {
    let scene = scene("succeed");
    let mut after = String::new();
    let came = scene.give_and(LINE, |terminal, _| {
        terminal.wait_for(PROMPT);
        assert!(!terminal.shows_what_is_typed());
        let link = "https://claude.ai/oauth/authorize?I";
        assert!(terminal.seen.contains(&format!("]8;id=sign-in;{link}")));
        terminal.person.write_all(CODE).unwrap();
        terminal.wait_for("<redacted>");
        terminal.wait_for(LEFT);
        after = terminal.seen.split(LEFT).nth(1).unwrap().to_owned();
        // The screen is left a moment before the terminal's modes are.
        wait_until(|| terminal.shows_what_is_typed());
    });
    assert_eq!(came.code(), Some(0), "{}", came.all());
    let after = came.screen.split(LEFT).nth(1).unwrap_or(&after);
    assert!(after.contains("the token was captured"), "{after}");
    assert!(!after.contains("Store this token"), "{after}");
    // What it asks of a terminal is not asked of the user's.
    for asked in ["\x1b]11;?", "\x1b[c", "\x1b[>0q", "\x1b[?1004h", "\x1b]0;"] {
        assert!(!came.screen.contains(asked), "{asked:?}");
    }
    assert_eq!(scene.kept(), "a");
    leaves_nothing(&scene);
}

#[test]
fn scenario_62_ctrl_c_and_signals_end_it_and_leave_everything_as_it_was() {
    for (signal, code) in [
        (None, 130),
        (Some(Signal::INT), 130),
        (Some(Signal::TERM), 143),
        (Some(Signal::HUP), 129),
    ] {
        for behaviour in ["hang", "stubborn"] {
            let scene = scene(behaviour);
            let came = scene.give_and(LINE, |terminal, child| {
                terminal.wait_for(PROMPT);
                match signal {
                    None => terminal.person.write_all(b"co\x03").unwrap(),
                    Some(signal) => kill_process(pid(child), signal).unwrap(),
                }
                terminal.wait_for("cancelled: nothing was changed");
                assert!(terminal.shows_what_is_typed());
            });
            assert_eq!(came.code(), Some(code), "{signal:?} {}", came.all());
            if behaviour == "hang" {
                assert_eq!(noted(&scene.environment, "ended"), ["SIGTERM"]);
            }
            nothing_changed(&scene);
        }
    }
}

#[test]
fn scenario_62_claude_that_gives_no_token_leaves_everything_as_it_was() {
    for (behaviour, types, why) in [
        ("hang", false, "timed out: no consent within 2 s"),
        (
            "crash",
            false,
            "ended without a token (signal: 9 (SIGKILL))",
        ),
        (
            "exit-1",
            false,
            "Claude Code could not start: the stand-in was told so.",
        ),
        ("no-token", true, "ended without a token (exit status: 0)"),
        ("refused-code", true, "That code wasn't accepted."),
        ("garbled", true, "a token that is not whole, or not alone"),
        (
            "two-tokens",
            true,
            "a token that is not whole, or not alone",
        ),
        ("short", true, "it has 18 characters"),
    ] {
        let scene = scene(behaviour);
        let line = format!("{LINE} --timeout 2");
        let came = scene.give_and(&line, |terminal, _| {
            if types {
                terminal.wait_for(PROMPT);
                terminal.person.write_all(CODE).unwrap();
            }
            terminal.wait_for(LEFT);
            terminal.wait_for("docker-jackin:");
            assert!(terminal.shows_what_is_typed(), "{behaviour}");
        });
        assert_eq!(came.code(), Some(1), "{behaviour}: {}", came.all());
        let told = came.screen.split(LEFT).nth(1).unwrap();
        assert!(told.contains(why), "{behaviour}: {told}");
        assert!(!told.contains("code#state"), "{behaviour}: {told}");
        nothing_changed(&scene);
    }
}

#[test]
fn a_claude_that_does_not_end_once_it_has_shown_the_token_is_ended() {
    let scene = scene("stays");
    let came = scene.give_and(LINE, |terminal, _| {
        terminal.wait_for(PROMPT);
        terminal.person.write_all(CODE).unwrap();
    });
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(noted(&scene.environment, "ended"), ["SIGTERM"]);
    assert_eq!(scene.kept(), "a");
}

#[test]
fn scenario_60_a_token_that_comes_byte_by_byte_or_by_cursor_moves_is_captured() {
    for behaviour in ["slow", "cursor-moves"] {
        for columns in [40, 80, 130] {
            let scene = scene(behaviour);
            let came = scene.give_and(LINE, |terminal, child| {
                terminal.wait_for(PROMPT);
                resize(terminal, child, columns, 30);
                terminal.wait_for("\x1b[30;1H");
                terminal.person.write_all(CODE).unwrap();
            });
            assert_eq!(came.code(), Some(0), "{behaviour} {}", came.all());
            assert_eq!(scene.kept(), "a");
        }
    }
}

#[test]
fn a_resize_is_passed_on_and_drawn() {
    let scene = scene("succeed");
    let came = scene.give_and(LINE, |terminal, child| {
        terminal.wait_for(PROMPT);
        terminal.seen.clear();
        resize(terminal, child, 132, 43);
        terminal.wait_for("\x1b[43;1H");
        terminal.wait_for(PROMPT);
        terminal.person.write_all(CODE).unwrap();
    });
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(noted(&scene.environment, "sizes"), ["80x24", "132x43"]);
}

fn resize(terminal: &Terminal, child: &Child, columns: u16, rows: u16) {
    let size = Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&terminal.person, size).unwrap();
    kill_process(pid(child), Signal::WINCH).unwrap();
}

#[test]
fn neither_a_login_nor_a_credential_of_the_users_is_shown_to_claude() {
    let mut scene = scene("callback");
    scene.environment.write_login(1);
    for name in [
        "CLAUDE_CODE_OAUTH_TOKEN",
        "ANTHROPIC_API_KEY",
        "CLAUDE_CONFIG_DIR",
    ] {
        scene.environment = scene.environment.variable(name, "/canary");
    }
    let login = scene.environment.home().join(".claude/.credentials.json");
    let before = fs::read(&login).unwrap();
    let came = scene.give(LINE);
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(fs::read(&login).unwrap(), before);
    let variables = noted(&scene.environment, "env").join("\n");
    assert!(!variables.contains("canary"), "{variables}");
    let home = format!("HOME={}", scene.environment.home().display());
    assert!(variables.contains(&home), "their own browser: {variables}");
    leaves_nothing(&scene);
}

#[test]
fn the_browser_is_the_users_own_and_outlives_claude() {
    let mut scene = scene("callback");
    scene.environment = scene.environment.variable("BROWSER", "my-browser");
    let came = scene.give(LINE);
    assert_eq!(came.code(), Some(0), "{}", came.all());
    let variables = noted(&scene.environment, "env");
    let has = |text: &str| variables.iter().any(|line| line == text);
    assert!(has("JACKIN_BROWSER=my-browser"), "{variables:?}");
    let opener = variables.iter().find(|line| line.starts_with("BROWSER="));
    assert!(opener.unwrap().ends_with("/open-browser"), "{variables:?}");
}

#[test]
fn ctrl_z_stops_the_command_with_its_terminal_given_back_until_it_goes_on() {
    let scene = scene("succeed");
    let mut terminal = Terminal::new();
    let words: Vec<&str> = ["workspace", "claude-token"]
        .into_iter()
        .chain(LINE.split(' '))
        .collect();
    let mut command = terminal.command(&scene.environment, &words);
    // All that it was started with is stopped: not this test.
    let mut child = command.process_group(0).spawn().unwrap();
    terminal.wait_for(PROMPT);
    terminal.person.write_all(b"\x1a").unwrap();
    wait_until(|| state(&child) == "T");
    assert!(terminal.shows_what_is_typed());
    terminal.wait_for(LEFT);
    terminal.seen.clear();
    kill_process_group(pid(&child), Signal::CONT).unwrap();
    terminal.wait_for(PROMPT);
    assert!(!terminal.shows_what_is_typed());
    terminal.person.write_all(CODE).unwrap();
    let status: ExitStatus = child.wait().unwrap();
    assert!(status.success());
    assert_eq!(scene.kept(), "a");
    assert!(terminal.shows_what_is_typed());
}

/// The state of a process, as the system names it.
fn state(child: &Child) -> String {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let behind = stat.rsplit(')').next().unwrap();
    behind.trim_start().chars().take(1).collect()
}
