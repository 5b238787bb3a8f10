//! Programs that behave, and programs that do not.

use super::*;

/// Asks a shell to run `script`.
fn ask(script: &str, input: Option<&[u8]>, limit: Duration) -> Result<Answer, NoAnswer> {
    let question = Question {
        program: Path::new("/bin/sh"),
        arguments: vec!["-c", script],
        variables: vec![("PATH".into(), "/usr/bin:/bin".into())],
        folder: Path::new("/"),
        input,
        limit,
    };
    question.ask(&Watch::begin())
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn an_answer_is_what_was_printed_and_how_it_ended() {
    let answer = ask("printf out; printf err >&2; exit 3", None, LONG).unwrap();
    assert_eq!(answer.output.as_slice(), b"out");
    assert_eq!(answer.complaint.as_slice(), b"err");
    assert_eq!(answer.status.code(), Some(3));
}

#[test]
fn scenario_25_the_input_is_what_was_given_and_never_our_own() {
    assert_eq!(ask("cat", None, LONG).unwrap().output.as_slice(), b"");
    let fed = ask("cat", Some(b"https://x"), LONG).unwrap();
    assert_eq!(fed.output.as_slice(), b"https://x");
    // One that does not read is no failure.
    let deaf = ask("printf out", Some(&[b'x'; 2048]), LONG).unwrap();
    assert_eq!(deaf.output.as_slice(), b"out");
}

#[test]
fn the_environment_is_what_was_given_and_no_more() {
    let answer = ask("env -u PWD -u SHLVL -u _ | sort", None, LONG).unwrap();
    assert_eq!(answer.output.as_slice(), b"PATH=/usr/bin:/bin\n");
}

#[test]
fn scenario_17_at_the_limit_it_ends_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let noted = folder.path().join("pid");
    // Neither hears a polite signal, and the second holds the pipes.
    let script = format!(
        "trap '' TERM; sh -c \"trap '' TERM; echo \\$\\$ > {}; sleep 600; sleep 600\" & sleep 600; sleep 600",
        noted.display()
    );
    let begun = Instant::now();
    let error = ask(&script, None, Duration::from_secs(2)).err().unwrap();
    assert!(matches!(error, NoAnswer::TimeLimit { .. }), "{error}");
    assert_eq!(error.to_string(), "timed out: no answer within 2 s");
    assert!(begun.elapsed() < Duration::from_secs(10));
    let pid = std::fs::read_to_string(&noted).unwrap();
    let gone = || {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        status.map_or(true, |status| status.contains(") Z "))
    };
    let until = Instant::now() + Duration::from_secs(5);
    while !gone() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(gone(), "the grandchild lives on");
}

#[test]
fn one_who_inherited_the_pipes_is_not_waited_for() {
    let begun = Instant::now();
    let answer = ask("sleep 30 & printf out", None, LONG).unwrap();
    assert_eq!(answer.output.as_slice(), b"out");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn all_of_a_long_answer_is_read_and_a_longer_one_is_refused() {
    let print = |count: usize| format!("head -c {count} /dev/zero | tr '\\0' x");
    let most = ask(&print(MAX_OUTPUT), None, LONG).unwrap();
    assert_eq!(most.output.len(), MAX_OUTPUT);
    let over = ask(&print(MAX_OUTPUT + 1), None, LONG).err().unwrap();
    assert!(matches!(over, NoAnswer::TooLong), "{over}");
    let endless = ask("yes", None, LONG).err().unwrap();
    assert!(matches!(endless, NoAnswer::TooLong), "{endless}");
}

#[test]
fn endless_complaints_are_cut_and_do_not_hold_it_up() {
    let answer = ask("head -c 1000000 /dev/zero >&2; printf out", None, LONG).unwrap();
    assert_eq!(answer.complaint.len(), MAX_COMPLAINT);
    assert_eq!(answer.output.as_slice(), b"out");
}

#[test]
fn who_goes_on_complaining_after_the_end_is_not_waited_for() {
    // With a processor of its own it would never let the pipe run empty.
    let begun = Instant::now();
    let script = "yes >&2 & sleep 0.3; echo out";
    let answer = ask(script, None, LONG).unwrap();
    assert_eq!(answer.output.as_slice(), b"out\n");
    assert!(begun.elapsed() < LONG / 2);
}

#[test]
fn one_that_is_stopped_is_not_waited_for() {
    let begun = Instant::now();
    let error = ask("kill -STOP $$", None, LONG).err().unwrap();
    assert!(matches!(error, NoAnswer::Terminal), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn closed_pipes_are_no_end() {
    let error = ask("exec >&- 2>&-; sleep 600", None, SHORT).err().unwrap();
    assert!(matches!(error, NoAnswer::TimeLimit { .. }), "{error}");
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let question = Question {
        program: Path::new("/nonexistent"),
        arguments: vec!["canary"],
        variables: Vec::new(),
        folder: Path::new("/"),
        input: None,
        limit: LONG,
    };
    let error = question.ask(&Watch::begin()).err().unwrap();
    let shown = format!("{error} {error:?}");
    assert!(shown.starts_with("/nonexistent cannot be started: No such file"));
    assert!(!shown.contains("canary"));
}
