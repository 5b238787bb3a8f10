//! `docker jackin workspace claude-token doctor`: what is said of a token.

use std::fs;

use docker_jackin::token::check::Verdict;
use docker_jackin::token::record::{Record, Records};
use docker_jackin::token::store::Kept;
use insta::assert_snapshot;
use jiff::Timestamp;

use crate::claude_token_scene::{
    TOKEN, checks, config_file, fingerprint, machine, said_before, scope, wire, wire_as,
};
use crate::config_scene::{shown, words};
use crate::environment::TestEnvironment;
use crate::stand_in_claude::{noted, tell, with_claude};

const DOCTOR: &str = "workspace claude-token doctor";

/// What it says with these further words, its dates and fingerprint masked.
fn doctor(environment: &TestEnvironment, more: &str) -> String {
    let line = format!("{DOCTOR} {more}");
    let said = shown(&environment.run(&words(line.trim())));
    assert!(!said.contains("canary"), "{said}");
    masked(&said)
}

fn masked(said: &str) -> String {
    let said = said.replace(fingerprint().as_str(), "<fingerprint>");
    let words = said.split_inclusive([' ', '\n', ',']);
    let words = words.map(|word| {
        let trimmed = word.trim_end_matches([' ', '\n', ',']);
        let is_date = trimmed.len() == 10 && trimmed.starts_with("20");
        if is_date {
            word.replace(trimmed, "<date>")
        } else {
            word.to_owned()
        }
    });
    words.collect()
}

#[test]
fn scenario_68_a_token_that_is_well() {
    let environment = with_claude(machine());
    wire(&environment, 212);
    assert_snapshot!(doctor(&environment, "my-app"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      issued     <date>
      expires    <date>, in 212 days
      vendor     accepts it (asked now): the vendor answered
    [0]
    ");
    assert_eq!(
        checks(&environment).read(&fingerprint()).unwrap().verdict,
        Verdict::Accepted
    );
    // Without a name, every scope is looked at that has a token.
    assert_eq!(doctor(&environment, ""), doctor(&environment, "my-app"));
    assert_eq!(noted(&environment, "refused"), [""; 0]);
}

#[test]
fn scenario_68_a_token_that_resolves_is_told_from_one_that_is_refused() {
    let environment = with_claude(machine());
    tell(&environment, "verdicts", &format!("{TOKEN} 401\n"));
    assert_snapshot!(doctor(&environment, "my-app"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      expires    unknown (not minted by docker-jackin)
      vendor     refuses it (asked now): the vendor answered HTTP 401
      next       replace it: docker jackin workspace claude-token rotate my-app
    [1]
    ");
    fs::remove_file(environment.home().join("token")).unwrap();
    assert_snapshot!(doctor(&environment, "my-app"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      $HOME/token cannot be read: No such file or directory (os error 2)
      next       replace it: docker jackin workspace claude-token rotate my-app
    [1]
    ");
    environment.write("token", "canary-that-is-no-token");
    assert_snapshot!(
        doctor(&environment, "my-app").replace(&fingerprint_of("canary-that-is-no-token"), "<other>"),
        @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <other>…, it is no token of Claude's: it does not begin with sk-ant-oat
      next       replace it: docker jackin workspace claude-token rotate my-app
    [1]
    "
    );
}

fn fingerprint_of(text: &str) -> String {
    docker_jackin::token::Fingerprint::of(&text.into()).to_string()
}

#[test]
fn scenario_68_refused_is_told_from_unreachable_and_from_not_asked() {
    let environment = with_claude(machine());
    tell(&environment, "verdicts", &format!("{TOKEN} unreachable\n"));
    assert_snapshot!(doctor(&environment, "my-app"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      expires    unknown (not minted by docker-jackin)
      vendor     gives no answer (asked now): the vendor could not be reached
    [0]
    ");
    tell(&environment, "verdicts", &format!("{TOKEN} 403\n"));
    assert_snapshot!(doctor(&environment, "my-app"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      expires    unknown (not minted by docker-jackin)
      vendor     does not say (asked now): the vendor, or a proxy before it, answered HTTP 403, which a good token may get, too
    [0]
    ");
    let asked = noted(&environment, "calls").len();
    said_before(&environment, Verdict::Accepted, 3);
    assert_snapshot!(doctor(&environment, "my-app --offline"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      expires    unknown (not minted by docker-jackin)
      vendor     accepts it (asked 3 h ago); not asked now (--offline)
    [0]
    ");
    assert_eq!(noted(&environment, "calls").len(), asked);
    // What it said before is not forgotten for want of an answer.
    tell(&environment, "verdicts", &format!("{TOKEN} 500\n"));
    assert_snapshot!(doctor(&environment, "my-app"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      expires    unknown (not minted by docker-jackin)
      vendor     accepts it (asked 3 h ago); no answer now: the vendor had trouble of its own (HTTP 5xx)
    [0]
    ");
    let check = checks(&environment).read(&fingerprint()).unwrap();
    assert_eq!(check.verdict, Verdict::Accepted);
    assert!(check.tried.is_some());
    said_before(&environment, Verdict::Refused, 5);
    assert_snapshot!(doctor(&environment, "my-app"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      expires    unknown (not minted by docker-jackin)
      vendor     refuses it (asked 5 h ago); no answer now: the vendor had trouble of its own (HTTP 5xx)
      next       replace it: docker jackin workspace claude-token rotate my-app
    [1]
    ");
    assert_snapshot!(doctor(&machine(), "my-app"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      expires    unknown (not minted by docker-jackin)
      vendor     not asked now (`claude` is not in PATH)
    [0]
    ");
}

#[test]
fn scenario_69_an_end_that_has_come_or_is_near_is_told_with_what_to_do() {
    let environment = machine();
    wire(&environment, -4);
    assert_snapshot!(doctor(&environment, "my-app --offline"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      issued     <date>
      expires    <date>, 3 days ago
      vendor     not asked now (--offline)
      next       replace it: docker jackin workspace claude-token rotate my-app
    [1]
    ");
    wire(&environment, 9);
    assert_snapshot!(doctor(&environment, "my-app --offline"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      issued     <date>
      expires    <date>, in 9 days
      vendor     not asked now (--offline)
      next       replace it: docker jackin workspace claude-token rotate my-app
    [0]
    ");
    // As `--reuse` writes it.
    wire_as(&environment, None, None);
    assert!(doctor(&environment, "my-app --offline").contains("unknown (not minted by"));
}

#[test]
fn scenario_68_what_would_outrank_the_token_and_what_was_left_over_is_told() {
    let environment = machine();
    let text = fs::read_to_string(config_file(&environment)).unwrap();
    environment.configure(&format!(
        "{text}\n[env]\nANTHROPIC_API_KEY = \"$KEY\"\n[roles.other]\nimage = \"i\"\nagents = []\n\
         run = [\"-e\", \"ANTHROPIC_AUTH_TOKEN=x\", \"-eCLAUDE_CODE_OAUTH_TOKEN\", \"-e\", \"A=b\"]\n"
    ));
    let mut record = Record::new(scope());
    record.orphans = vec![Kept::SecretService {
        service: "docker-jackin".to_owned(),
        account: "my-app-0123456789ab".to_owned(),
    }];
    let records = Records::beside(&config_file(&environment));
    records.write(&record).unwrap();
    assert_snapshot!(doctor(&environment, "my-app --offline"), @"
    workspace my-app
      mode       oauth_token, from workspace my-app
      source     file:$HOME/token, from workspace my-app
      token      sha256 <fingerprint>…
      expires    unknown (not minted by docker-jackin)
      vendor     not asked now (--offline)
      warning    ANTHROPIC_API_KEY of [env] would outrank the token, and is not delivered beside it
      warning    ANTHROPIC_AUTH_TOKEN in `run` of [roles.other] outranks the token in its containers
      warning    CLAUDE_CODE_OAUTH_TOKEN in `run` of [roles.other] replaces the token in its containers
      left over  secret-service:docker-jackin/my-app-0123456789ab; remove it: secret-tool clear service docker-jackin account my-app-0123456789ab
    [0]
    ");
    fs::write(records.file(&scope()), "{").unwrap();
    let said = doctor(&environment, "my-app --offline");
    assert!(
        said.contains("warning    $HOME/.docker/jackin/tokens/my-app.json cannot be read"),
        "{said}"
    );
}

#[test]
fn scenario_67_a_role_has_a_token_of_its_own_and_a_workspace_may_use_none() {
    let environment = with_claude(machine());
    let text = fs::read_to_string(config_file(&environment)).unwrap();
    environment.write("role-token", &TOKEN.replace("launch", "other"));
    environment.configure(&format!(
        "{text}\n[workspaces.my-app.roles.web.claude]\noauth_token = \"file:{}/role-token\"\n\
         [workspaces.quiet.claude]\nauth_forward = \"ignore\"\n",
        environment.home().display()
    ));
    let role = doctor(&environment, "my-app --role web");
    let other = fingerprint_of(&TOKEN.replace("launch", "other"));
    assert_snapshot!(role.replace(&other, "<other>"), @"
    workspace my-app × role web
      mode       oauth_token, from workspace my-app
      source     file:$HOME/role-token, from workspace my-app × role web
      token      sha256 <other>…
      expires    unknown (not minted by docker-jackin)
      vendor     accepts it (asked now): the vendor answered
    [0]
    ");
    assert_snapshot!(doctor(&environment, "quiet"), @"
    workspace quiet
      mode       ignore, from workspace quiet
      token      none is used in this mode
    [0]
    ");
    let all = doctor(&environment, "");
    assert_eq!(
        all.matches("\n\nworkspace my-app × role web\n").count(),
        1,
        "{all}"
    );
    assert!(!all.contains("quiet"), "{all}");
    assert_snapshot!(doctor(&machine(), "nowhere"), @r#"
    docker-jackin: unknown workspace "nowhere"
      there are: my-app
    [2]
    "#);
    let none = TestEnvironment::new("1.45");
    assert_snapshot!(doctor(&none, ""), @"
    no scope has a Claude token
    [0]
    ");
}

#[test]
fn a_program_reads_it_as_json() {
    let environment = with_claude(machine());
    wire(&environment, 212);
    let outcome = environment.run(&words(&format!("{DOCTOR} my-app --format json")));
    let mut said: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    for time in ["/issued", "/expires", "/vendor/at"] {
        let time = said.pointer_mut(&format!("/tokens/0{time}")).unwrap();
        let at: Timestamp = time.as_str().unwrap().parse().unwrap();
        assert!(at > Timestamp::UNIX_EPOCH);
        *time = "<time>".into();
    }
    assert_snapshot!(masked(&serde_json::to_string_pretty(&said).unwrap()), @r#"
    {
      "config": "$HOME/.docker/jackin/config.toml",
      "tokens": [
        {
          "account": null,
          "chosen_by": {
            "role": null,
            "workspace": "my-app"
          },
          "days_left": 212,
          "declared_by": {
            "role": null,
            "workspace": "my-app"
          },
          "detail": null,
          "expires": "<time>",
          "fingerprint": "<fingerprint>",
          "issued": "<time>",
          "mode": "oauth_token",
          "next": null,
          "no_answer": null,
          "orphans": [],
          "scope": {
            "role": null,
            "workspace": "my-app"
          },
          "source": "file:$HOME/token",
          "state": "resolved",
          "vendor": {
            "at": "<time>",
            "verdict": "accepted",
            "why": "the vendor answered"
          },
          "warnings": []
        }
      ],
      "well": true
    }
    "#);
}
