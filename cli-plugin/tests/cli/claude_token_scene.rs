//! A machine with a workspace whose Claude token is read from a file.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use docker_jackin::token::check::{Check, Checks, Verdict};
use docker_jackin::token::record::{Made, Record, Records, Wired};
use docker_jackin::token::{Fingerprint, TokenScope};
use jiff::{SignedDuration, Timestamp};

use crate::environment::TestEnvironment;

/// A token that is none of anybody's.
pub(crate) const TOKEN: &str = "sk-ant-oat01-canary-of-the-launch-0123456789abcdefghijklmnopqrstuv";

/// A workspace around the home folder whose token is read from a file.
pub(crate) fn machine() -> TestEnvironment {
    let environment = TestEnvironment::new("1.45");
    let home = environment.home().display().to_string();
    environment.configure(&format!(
        r#"
[roles.web]
image = "acme/web:1"
agents = ["claude"]
[workspaces.my-app]
workdir = "{home}"
mounts = [{{ src = ".", dst = "/workspace" }}]
[workspaces.my-app.claude]
auth_forward = "oauth_token"
oauth_token = "file:{home}/token"
"#
    ));
    environment.write("token", TOKEN);
    environment
}

/// The configuration's file.
pub(crate) fn config_file(environment: &TestEnvironment) -> PathBuf {
    environment.home().join(".docker/jackin/config.toml")
}

/// What was said of tokens.
pub(crate) fn checks(environment: &TestEnvironment) -> Checks {
    Checks::beside(&config_file(environment))
}

/// What tells the token from another.
pub(crate) fn fingerprint() -> Fingerprint {
    Fingerprint::of(&TOKEN.into())
}

/// The workspace's scope.
pub(crate) fn scope() -> TokenScope {
    TokenScope {
        workspace: "my-app".to_owned(),
        role: None,
    }
}

/// What was said of the token these hours ago.
pub(crate) fn said_before(environment: &TestEnvironment, verdict: Verdict, hours: i64) {
    let at = Timestamp::now() - SignedDuration::from_hours(hours);
    let check = Check::new(verdict, at);
    checks(environment).keep(&fingerprint(), check).unwrap();
}

/// Writes down a token of ours that ends after so many days and a bit.
pub(crate) fn wire(environment: &TestEnvironment, days: i64) {
    let now = Timestamp::now();
    wire_as(
        environment,
        Some(now - SignedDuration::from_hours(24)),
        Some(now + SignedDuration::from_hours(24 * days) + SignedDuration::from_secs(330)),
    );
}

/// The same with any times.
pub(crate) fn wire_as(
    environment: &TestEnvironment,
    issued: Option<Timestamp>,
    expires: Option<Timestamp>,
) {
    let mut record = Record::new(scope());
    record.token = Some(Wired {
        kept: None,
        source: format!("file:{}/token", environment.home().display()),
        made: Made::Ours,
        fingerprint: fingerprint(),
        issued,
        expires,
    });
    let records = Records::beside(&config_file(environment));
    records.write(&record).unwrap();
}

/// Waits until something is so, and for no longer than a patient person.
pub(crate) fn wait_until(what: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !what() {
        assert!(Instant::now() < until, "it never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}
