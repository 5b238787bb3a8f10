//! Sources that ask a program, as a user meets them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use jackin_oci_hook::ticket::{Asked, Resolution, Resolved, SCHEMA, to_wiped_json};
use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret;

use super::environment::{Outcome, TestEnvironment};

const ROLE: &str = "[roles.web]\nimage = \"img\"\nagents = []\n";

/// Puts a program into `PATH`.
fn program(environment: &TestEnvironment, name: &str, script: &str) {
    let path = environment.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Puts an encrypted file into the home, and an identity that opens it.
fn encrypted(environment: &TestEnvironment, name: &str, value: &str) {
    let identity = age::x25519::Identity::generate();
    let place = ".local/share/docker-jackin/age-identity.txt";
    let place = environment.write(place, identity.to_string().expose_secret());
    fs::set_permissions(place, fs::Permissions::from_mode(0o600)).unwrap();
    let content = age::encrypt(&identity.to_public(), value.as_bytes()).unwrap();
    fs::write(environment.home().join(name), content).unwrap();
}

/// The container's next start, as the engine's side asks for it.
fn start_again(environment: &TestEnvironment) -> Outcome {
    let ticket = environment.ticket();
    let question = to_wiped_json(&Resolution {
        schema: SCHEMA,
        asked: Asked::Request(ticket.request.unwrap()),
        payload: ticket.payload,
    });
    environment.run_with_input(&["resolve"], &question.unwrap())
}

/// A launch that another program becomes.
fn launch_under(environment: &TestEnvironment, wrapper: &[&str]) -> Command {
    let launch = environment.command(&["jackin", "run", "web"]);
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]);
    command.arg(launch.get_program()).args(launch.get_args());
    command.current_dir(environment.home()).env_clear();
    let variables = launch.get_envs();
    command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for what a program notes, for 20 s at most.
fn noted(path: &Path) -> String {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => assert!(Instant::now() < until, "{} is not noted", path.display()),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process runs; one that nobody waited for does not.
fn runs(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}

/// Whether a process that was killed is gone within 10 s: the system takes its
/// time.
fn soon_gone(pid: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    while runs(pid) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    !runs(pid)
}

#[test]
fn an_interrupted_launch_ends_the_programs_it_asks_and_then_itself() {
    for signal in [Signal::INT, Signal::TERM] {
        let environment = TestEnvironment::new("1.47");
        let script = "sh -c 'echo $$ > ~/inner; sleep 600' & echo $$ > ~/outer; sleep 600";
        environment.configure(&format!(
            "{ROLE}[env]\nA = {{ cmd = [\"sh\", \"-c\", \"{script}\"] }}\n"
        ));
        // Whoever runs the tests in the background may have us ignore signals.
        let launch = &mut launch_under(&environment, &["env", "--default-signal"]);
        let child = launch.spawn().unwrap();
        let inner = noted(&environment.home().join("inner"));
        let outer = noted(&environment.home().join("outer"));
        assert!(runs(&inner) && runs(&outer));
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(signal.as_raw()), "{output:?}");
        assert!(soon_gone(&inner) && soon_gone(&outer), "a program is left");
        assert_eq!(environment.docker_argv(), None);
    }
}

#[test]
fn a_signal_that_was_to_be_ignored_still_is() {
    let environment = TestEnvironment::new("1.47");
    environment.configure(&format!(
        "{ROLE}[env]\nA = \"cmd:sh -c 'echo $$ > ~/began; while [ ! -e ~/go ]; do sleep 0.02; done; echo x'\"\n"
    ));
    let mut child = launch_under(&environment, &["nohup"]).spawn().unwrap();
    noted(&environment.home().join("began"));
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    fs::write(environment.home().join("go"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(7), "docker was reached");
}

#[test]
fn scenario_24_a_value_is_in_no_word_of_ours_at_any_level() {
    let environment = TestEnvironment::new("1.47");
    let environment = environment.variable("DBUS_SESSION_BUS_ADDRESS", "unix:path=/x");
    encrypted(&environment, "encrypted.age", "canary-age");
    program(&environment, "secret-tool", "printf canary-keyring");
    program(&environment, "op", "printf canary-op");
    program(
        &environment,
        "docker-credential-keep",
        r#"printf '{"Secret":"canary-helper"}'"#,
    );
    environment.configure(&format!(
        r#"{ROLE}[env]
A = "op://vault/item/field"
B = "helper:keep/https://x"
C = {{ cmd = ["sh", "-c", "echo canary-cmd", "canary-argument"] }}
D = "canary-plain"
E = "secret-service:service/account"
F = "age:~/encrypted.age"
"#
    ));
    let outcome = environment.run(&["-D", "jackin", "run", "web"]);
    assert_eq!(outcome.code, 7, "{}", outcome.stderr);
    let env = environment.ticket().payload.env;
    let values: Vec<_> = env.iter().map(|one| one.value.expose()).collect();
    assert_eq!(
        values,
        [
            "canary-op",
            "canary-helper",
            "canary-cmd",
            "canary-plain",
            "canary-keyring",
            "canary-age"
        ]
    );
    let told = outcome.stdout + &outcome.stderr;
    assert!(told.contains("asked a program"), "it is verbose: {told}");
    let argv = environment.docker_argv().unwrap().join(" ");
    let env = environment.docker_env();
    for words in [&told, &argv, &env] {
        assert!(!words.contains("canary"), "{words}");
    }
}

#[test]
fn scenario_16_all_that_fails_is_told_at_once_with_what_to_do() {
    let environment = TestEnvironment::new("1.47");
    environment.configure(
        r#"[roles.web]
image = "img"
agents = ["claude"]
[claude]
auth_forward = "oauth_token"
oauth_token = "helper:keep/https://x"
[env]
A = "cmd:sh -c 'echo no such entry >&2; exit 1'"
B = "op://-vault/item/field"
"#,
    );
    let outcome = environment.run(&["jackin", "run", "web"]);
    assert_eq!(outcome.code, 125);
    assert_snapshot!(outcome.stderr, @r#"
    docker-jackin: 3 values could not be had
      no credential for claude: mode oauth_token needs one
        claude auth_forward = "oauth_token", chosen by global
        CLAUDE_CODE_OAUTH_TOKEN was looked for in:
          [claude] oauth_token                     declared, but helper:keep/https://x: `docker-credential-keep` is not in PATH
          [roles.web.env] CLAUDE_CODE_OAUTH_TOKEN  unset
          [env] CLAUDE_CODE_OAUTH_TOKEN            unset
        install `docker-credential-keep`, or add its folder to PATH as an absolute path
        give it one in $HOME/.docker/jackin/config.toml, or choose another mode:
          docker jackin config auth set oauth_token --agent claude --from 'op://vault/item/field'
          docker jackin config auth set sync --agent claude
      no value for A ($HOME/.docker/jackin/config.toml:8): cmd:sh: it failed (exit status: 1): no such entry
      no value for B ($HOME/.docker/jackin/config.toml:9): it is no reference of 1Password: one of its parts begins with `-`, as a flag does; name it by its ID
    "#);
    assert_eq!(environment.docker_argv(), None);
}

#[test]
fn scenario_44_a_restart_reads_an_encrypted_file_again_and_else_keeps_what_it_had() {
    let environment = TestEnvironment::new("1.47");
    encrypted(&environment, "encrypted.age", "first");
    environment.configure(&format!("{ROLE}[env]\nA = \"age:~/encrypted.age\"\n"));
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    let value = || {
        let again = start_again(&environment);
        assert_eq!(again.code, 0, "{}", again.stderr);
        let resolved: Resolved = serde_json::from_str(&again.stdout).unwrap();
        resolved.payload.env[0].value.expose().to_owned()
    };
    assert_eq!(value(), "first");
    encrypted(&environment, "encrypted.age", "second");
    assert_eq!(value(), "second");
    fs::write(environment.home().join("encrypted.age"), "damaged").unwrap();
    assert_eq!(value(), "first");
}

#[test]
fn scenario_44_a_restart_asks_nobody_and_keeps_what_was_delivered() {
    let environment = TestEnvironment::new("1.47");
    program(&environment, "op", "printf from-op");
    let text = |reference: &str| {
        format!("{ROLE}[env]\nA = \"{reference}\"\nB = \"cmd:printf from-cmd\"\nC = \"later\"\n")
    };
    environment.configure(&text("op://vault/item/field"));
    assert_eq!(environment.run(&["run", "web"]).code, 7);
    // From now on it must not be run.
    program(&environment, "op", "echo asked > ~/asked; printf other");

    let again = start_again(&environment);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let resolved: Resolved = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(resolved.payload, environment.ticket().payload);

    environment.configure(&text("op://vault/item/other"));
    let changed = start_again(&environment);
    let changed: Resolved = serde_json::from_str(&changed.stdout).unwrap();
    assert_eq!(changed.payload, resolved.payload);
    assert_snapshot!(changed.warnings.join("\n"), @"no value for A could be had again, and it stays as it was; `docker jackin doctor --resolve` says why");
    assert!(!environment.home().join("asked").exists());
}
