//! What a container keeps of its own when it starts again: of a copy, that is.
//! One that follows the host's login has nothing of its own.

use std::fs;

use insta::assert_snapshot;
use jackin_oci_hook::payload::Delivery;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{NOW, Scene, login_of};
use super::*;

#[test]
fn scenario_38_what_the_container_has_of_its_own_outlives_an_unchanged_host() {
    for agent in Agent::ALL {
        let mut scene = Scene::with_copy(agent);
        scene.host_has(&login_of(agent, "host", 5));
        scene.start();
        // A login by hand may be older by its times: it came later all the same.
        let own = login_of(agent, "own", 0);
        scene.container_writes(&own);
        for _ in 0..3 {
            assert_eq!(scene.bound().as_ref(), Some(&own), "{agent}");
        }
    }
}

#[test]
fn scenario_38_when_both_have_changed_the_times_decide_where_there_are_any() {
    // agent | the host's hour | the container's | whose login is there then
    for (agent, host_hour, own_hour, winner) in [
        (Agent::Claude, 1, 2, "own"),
        (Agent::Claude, 2, 1, "host"),
        (Agent::Claude, 1, 1, "host"),
        (Agent::Codex, 1, 2, "own"),
        (Agent::Codex, 2, 1, "host"),
        (Agent::Amp, 1, 2, "host"),
        (Agent::Opencode, 1, 2, "host"),
    ] {
        let mut scene = Scene::with_copy(agent);
        scene.host_has(&login_of(agent, "launch", 0));
        scene.start();
        scene.container_writes(&login_of(agent, "own", own_hour));
        scene.host_has(&login_of(agent, "host", host_hour));
        assert!(scene.bound().unwrap().contains(winner), "{agent} {winner}");
    }
}

#[test]
fn scenario_38_a_login_of_its_own_is_told_as_such() {
    let mut scene = Scene::with_copy(Agent::Claude);
    scene.host_has(&login_of(Agent::Claude, "host", 0));
    scene.start();
    scene.container_writes(&login_of(Agent::Claude, "own", 1));
    let prepared = scene.start();
    assert_snapshot!(prepared.lines[0], @"claude auth: the container's own session is kept (sync), from global");
    let provided = &prepared.provided[0];
    assert_eq!(provided.session, None, "no session of the host's");
    // The host's account is none of that session's.
    fs::write(
        scene.home.path().join(".claude.json"),
        r#"{"oauthAccount":{"a":1}}"#,
    )
    .unwrap();
    let Delivery::MergeJson { object } = &scene.start().payload.files[1].delivery else {
        panic!("the seed");
    };
    assert!(!object.contains_key("oauthAccount"));
}

#[test]
fn scenario_27_a_host_that_logged_out_leaves_the_container_its_login() {
    for agent in Agent::ALL {
        let mut scene = Scene::with_copy(agent);
        scene.host_has(&login_of(agent, "host", 0));
        let first = scene.bound();
        scene.host_has_none();
        assert_eq!(scene.bound(), first, "{agent}");
        scene.host_has("{}");
        assert_eq!(scene.bound(), first, "{agent}");
        scene.host_has(&login_of(agent, "again", 1));
        assert!(scene.bound().unwrap().contains("again"), "{agent}");
    }
}

#[test]
fn scenario_38_a_containers_file_that_is_no_login_gives_way_to_the_hosts() {
    let deep = "[".repeat(100_000);
    let long = format!("{{\"apiKey@x\":\"{}\"}}", "y".repeat(OWN_LIMIT));
    for agent in Agent::ALL {
        for broken in ["", "{}", "null", "\u{0}", &deep, &long] {
            let mut scene = Scene::with_copy(agent);
            scene.host_has(&login_of(agent, "host", 0));
            let first = scene.bound();
            scene.container_writes(broken);
            assert_eq!(scene.bound(), first, "{agent}");
            scene.container_writes(broken);
            scene.host_has_none();
            assert_eq!(scene.bound(), None, "{agent}");
        }
    }
}

#[test]
fn scenario_38_a_containers_login_that_has_ended_for_good_gives_way_to_the_hosts() {
    let ended = (NOW - 1) * 1000;
    let mut own = json!({"claudeAiOauth": {"accessToken": "own", "expiresAt": ended}});
    let mut scene = Scene::with_copy(Agent::Claude);
    scene.host_has(&login_of(Agent::Claude, "host", 0));
    scene.start();
    scene.container_writes(&own.to_string());
    assert!(scene.bound().unwrap().contains("host"));
    // With what renews it, it has not.
    own["claudeAiOauth"]["refreshToken"] = Value::from("r");
    scene.container_writes(&own.to_string());
    assert!(scene.bound().unwrap().contains("own"));
}

#[test]
fn scenarios_32_and_34_another_mode_leaves_nothing_of_a_session() {
    for agent in Agent::ALL {
        for mode in ["ignore", "api_key"] {
            let mut scene = Scene::with_copy(agent);
            scene.host_has(&login_of(agent, "host", 0));
            scene.start();
            scene.container_writes(&login_of(agent, "own", 1));
            scene.mode(mode);
            let payload = format!("{:?}", exposed(&scene.start().payload));
            assert!(!payload.contains("own") && !payload.contains("host"));
            assert_eq!(payload.contains("canary-key"), mode == "api_key", "{agent}");
        }
    }
}

#[test]
fn scenario_35_a_key_does_not_come_back_as_a_session() {
    for agent in Agent::ALL {
        let mut scene = Scene::with_copy(agent);
        scene.host_has(&login_of(agent, "host", 0));
        scene.start();
        scene.mode("api_key");
        scene.start();
        scene.mode("sync");
        let payload = exposed(&scene.start().payload);
        assert!(
            payload.contains("host") && !payload.contains("canary-key"),
            "{agent}"
        );
    }
}

/// Everything of a payload, its secrets included.
fn exposed(payload: &Payload) -> String {
    serde_json::to_string(payload).unwrap()
}

proptest! {
    /// Whatever a container writes, what it gets next is the host's login or
    /// its own file to the letter, and never another container's business.
    #[test]
    fn scenario_38_what_comes_back_is_the_hosts_or_the_containers_own(
        agent in prop::sample::select(Agent::ALL.to_vec()),
        text in prop_oneof![any::<String>(), "\\{\"[a-zA-Z@:/.]{0,20}\":\"[a-z]{0,5}\"\\}"],
        name in "[a-z]{1,8}",
        hour in 0u64..20,
        whole in any::<bool>(),
        host_changes in any::<bool>(),
    ) {
        let mut scene = Scene::with_copy(agent);
        scene.host_has(&login_of(agent, "host", 5));
        let mut hosts = scene.bound();
        let own = if whole { login_of(agent, &name, hour) } else { text };
        scene.container_writes(&own);
        if host_changes {
            scene.host_has(&login_of(agent, "newer", 6));
            hosts = {
                let mut fresh = Scene::with_copy(agent);
                fresh.host_has(&login_of(agent, "newer", 6));
                fresh.bound()
            };
        }
        let bound = scene.bound();
        prop_assert!(bound == hosts || bound == Some(own));
    }
}
