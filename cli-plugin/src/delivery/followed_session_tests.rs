//! Containers that follow the host's login, over their restarts, and what
//! becomes of one that has a copy from then on, or had one before.

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;

use super::tests::{NOW, Scene, login_of};
use super::*;

/// All that an agent finds in the place of its login.
fn text_of(payload: &Payload, agent: Agent) -> String {
    bound(payload, agent).unwrap().expose().to_owned()
}

#[test]
fn scenario_38_a_container_that_follows_has_nothing_of_its_own() {
    for agent in Agent::ALL {
        let mut scene = Scene::new(agent);
        scene.host_has(&login_of(agent, "host", 0));
        let first = scene.bound();
        // As it could where nothing could be published, and it got a copy.
        scene.container_writes(&login_of(agent, "own", 9));
        assert_eq!(scene.bound(), first, "{agent}");
        assert!(scene.follows().is_some(), "{agent}");
    }
}

#[test]
fn a_container_that_followed_gets_a_copy_from_the_next_start_on() {
    for agent in Agent::ALL {
        let mut scene = Scene::new(agent);
        let login = login_of(agent, "host", 0);
        scene.host_has(&login);
        scene.start();
        scene.refresh("copy");
        let prepared = scene.start();
        assert_eq!(scene.follows(), None, "{agent}");
        assert!(prepared.live.is_empty(), "{agent}");
        let whole = agent.login_in(login.as_bytes()).unwrap();
        let renewing = whole.renewing.filter(|_| agent.description().renews_a_copy);
        let whole = renewing.unwrap_or(whole.content);
        assert_eq!(text_of(&prepared.payload, agent), whole.expose(), "{agent}");
        // What it renews from now on is its own.
        let own = login_of(agent, "own", 1);
        scene.container_writes(&own);
        assert_eq!(scene.bound(), Some(own), "{agent}");
    }
}

#[test]
fn a_container_that_had_a_copy_follows_from_the_next_start_on() {
    for agent in Agent::ALL {
        let mut scene = Scene::with_copy(agent);
        scene.host_has(&login_of(agent, "host", 0));
        scene.start();
        // Also where its own is newer: that was of the copy.
        scene.container_writes(&login_of(agent, "own", 9));
        scene.refresh("live");
        let prepared = scene.start();
        let [publication] = prepared.live.as_slice() else {
            panic!("{agent}: one login to be published");
        };
        assert_eq!(scene.follows().as_ref(), Some(&publication.id), "{agent}");
        let bound = text_of(&prepared.payload, agent);
        assert!(bound.contains("host") && !bound.contains("own"), "{agent}");
        assert_eq!(publication.content.expose(), bound, "{agent}");
        // Nor does it come back with the next copy.
        scene.refresh("copy");
        assert!(!scene.bound().unwrap().contains("own"), "{agent}");
    }
}

#[test]
fn scenario_41b_a_container_goes_on_to_follow_a_host_that_has_logged_out() {
    for agent in Agent::ALL {
        let mut scene = Scene::new(agent);
        scene.host_has(&login_of(agent, "host", 0));
        scene.start();
        let followed = scene.follows();
        for spoil in [Scene::host_has_none, |scene: &Scene| scene.host_has("{\"")] {
            spoil(&scene);
            let prepared = scene.start();
            assert_eq!(scene.follows(), followed, "{agent}");
            assert!(prepared.live.is_empty(), "there is nothing to publish");
            let session = prepared.provided[0].session.as_ref();
            assert_eq!(session.and_then(|one| one.follows.clone()), followed);
            assert_eq!(prepared.lines[0].outlook, Outlook::Doubtful);
        }
        scene.host_has(&login_of(agent, "again", 1));
        assert!(scene.bound().unwrap().contains("again"), "{agent}");
        assert_eq!(scene.follows(), followed, "{agent}");
    }
}

#[test]
fn scenario_41b_a_container_goes_on_to_follow_a_host_whose_login_cannot_be_read() {
    for agent in Agent::ALL {
        let mut scene = Scene::new(agent);
        scene.host_has(&login_of(agent, "host", 0));
        scene.start();
        let followed = scene.follows();
        scene.host_has_none();
        std::fs::create_dir(scene.file()).unwrap();
        let prepared = scene.start();
        assert_eq!(scene.follows(), followed, "{agent}");
        assert!(prepared.warnings[0].contains("starts with the login it had"));
    }
}

#[test]
fn a_line_says_of_a_host_that_has_logged_out_what_to_do() {
    let mut scene = Scene::new(Agent::Claude);
    scene.host_has(&login_of(Agent::Claude, "host", 0));
    scene.start();
    scene.host_has_none();
    assert_snapshot!(scene.start().lines[0], @"claude auth: still follows the host's session (sync), from global, and there is none: log in with `claude` on this host");
}

#[test]
fn scenarios_32_and_34_another_mode_leaves_nothing_to_follow() {
    for agent in Agent::ALL {
        for mode in ["ignore", "api_key"] {
            let mut scene = Scene::new(agent);
            scene.host_has(&login_of(agent, "host", 0));
            scene.start();
            scene.mode(mode);
            let prepared = scene.start();
            assert_eq!(scene.follows(), None, "{agent} {mode}");
            assert!(prepared.live.is_empty(), "{agent} {mode}");
            let payload = serde_json::to_string(&prepared.payload).unwrap();
            assert!(!payload.contains("host"), "{agent} {mode}");
            scene.mode("sync");
            assert!(scene.bound().unwrap().contains("host"), "{agent} {mode}");
            assert!(scene.follows().is_some(), "{agent} {mode}");
        }
    }
}

#[test]
fn no_end_is_warned_of_that_is_put_off_in_time() {
    let claude = |minutes: i64, refresh: &str| {
        json!({"claudeAiOauth": {
            "accessToken": "a", "refreshToken": refresh, "expiresAt": end(minutes),
        }})
    };
    let openai = |minutes: i64| {
        json!({"openai": {
            "type": "oauth", "access": "a", "refresh": "r", "expires": end(minutes),
        }})
    };
    for (agent, refresh, login, is_warned_of) in [
        (Agent::Claude, "live", claude(5, "r"), false),
        (Agent::Claude, "live", claude(-5, "r"), true),
        (Agent::Claude, "live", claude(5, ""), true),
        (Agent::Claude, "copy", claude(5, "r"), false),
        (Agent::Claude, "copy", claude(-5, "r"), false),
        (Agent::Claude, "copy", claude(5, ""), true),
        // Nothing but its user renews it on the host.
        (Agent::Opencode, "live", openai(5), true),
        (Agent::Opencode, "copy", openai(5), false),
    ] {
        let mut scene = Scene::new(agent);
        scene.refresh(refresh);
        scene.host_has(&login.to_string());
        let prepared = scene.start();
        let told = (prepared.lines[0].outlook, prepared.warnings.len());
        let expected = if is_warned_of {
            (Outlook::Doubtful, 1)
        } else {
            (Outlook::LoggedIn, 0)
        };
        assert_eq!(told, expected, "{agent} {refresh} {login}");
    }
}

/// So many minutes from now, in milliseconds since 1970.
fn end(minutes: i64) -> i64 {
    (i64::try_from(NOW).unwrap() + minutes * 60) * 1000
}

/// What may happen between two starts.
#[derive(Debug, Clone)]
enum Step {
    Refresh(&'static str),
    Host(Option<u64>),
    HostHas(String),
    Container(u64),
    ContainerHas(String),
}

fn step() -> impl Strategy<Value = Step> {
    let text = || "\\PC{0,12}";
    prop_oneof![
        prop::sample::select(vec!["live", "copy"]).prop_map(Step::Refresh),
        prop::option::of(0u64..20).prop_map(Step::Host),
        text().prop_map(Step::HostHas),
        (0u64..20).prop_map(Step::Container),
        text().prop_map(Step::ContainerHas),
    ]
}

proptest! {
    /// Whatever came before, and whoever's refresh token it is.
    #[test]
    fn scenario_41a_no_refresh_token_is_in_what_a_container_gets_that_follows(
        agent in prop::sample::select(Agent::ALL.to_vec()),
        steps in prop::collection::vec(step(), 1..12),
    ) {
        let mut scene = Scene::new(agent);
        let mut live = true;
        scene.host_has(&login_of(agent, "host", 5));
        for step in steps {
            let has_one = scene.bound().is_some();
            match step {
                Step::Refresh(word) => {
                    live = word == "live";
                    scene.refresh(word);
                }
                Step::Host(Some(hour)) => scene.host_has(&login_of(agent, "host", hour)),
                Step::Host(None) => scene.host_has_none(),
                Step::HostHas(text) => scene.host_has(&text),
                Step::Container(hour) if has_one => {
                    scene.container_writes(&login_of(agent, "own", hour));
                }
                Step::ContainerHas(text) if has_one => scene.container_writes(&text),
                Step::Container(_) | Step::ContainerHas(_) => {}
            }
            let prepared = scene.start();
            let given = serde_json::to_string(&prepared.payload).unwrap();
            prop_assert!(!live || !given.contains("refresh-"), "{given}");
            let published = prepared.live.iter().map(|one| one.content.expose());
            for published in published {
                prop_assert!(live && !published.contains("refresh-"), "{published}");
            }
        }
    }
}
