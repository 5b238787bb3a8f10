//! A verb that is killed while somebody else acts for it.

use std::io::Write;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::stand_in_claude::tell;
use crate::token_life_scene::{CONFIG, Scene};

/// What is kept and neither wired nor known by name.
fn nothing_is_lost(scene: &Scene, rule: &str) {
    let wired = usize::from(scene.text().contains("oauth_token = "));
    let orphans = scene
        .record("a")
        .map_or(0, |record| record["orphans"].as_array().map_or(0, Vec::len));
    assert!(
        scene.kept().len() <= wired + orphans,
        "{rule}: {:?}",
        scene.record("a")
    );
}

#[test]
fn a_setup_killed_beside_its_store_leaves_the_old_state_and_the_next_heals() {
    for rule in [
        "kill-before store",
        "kill-after store",
        "kill-before get",
        "kill-after get",
    ] {
        let scene = Scene::new();
        scene.helper(rule);
        let came = scene.give("setup a --store helper:fake");
        assert!(came.was_killed(), "{rule}: {}", came.all());
        assert_eq!(scene.text(), CONFIG, "{rule}");
        nothing_is_lost(&scene, rule);
        scene.helper("");
        scene.mints('b');
        let came = scene.give("setup a --store helper:fake");
        assert_eq!(came.code(), Some(0), "{rule}: {}", came.all());
        assert_eq!(scene.kept(), "b", "{rule}");
        assert!(scene.resolves("a"), "{rule}");
        assert!(
            scene.record("a").unwrap().get("orphans").is_none(),
            "{rule}"
        );
    }
}

#[test]
fn a_rotation_killed_beside_its_store_leaves_a_token_that_works() {
    for (rule, wired) in [
        ("kill-before store", "a"),
        ("kill-after store", "a"),
        ("kill-after get", "a"),
        ("kill-before erase", "b"),
        ("kill-after erase", "b"),
    ] {
        let scene = Scene::new();
        scene.give("setup a --store helper:fake");
        let text = scene.text();
        scene.helper(rule);
        scene.mints('b');
        let came = scene.give("rotate a");
        assert!(came.was_killed(), "{rule}: {}", came.all());
        assert_eq!(scene.text() == text, wired == "a", "{rule}");
        scene.helper("");
        assert!(scene.resolves("a"), "{rule}");
        nothing_is_lost(&scene, rule);
        scene.mints('c');
        let came = scene.give("rotate a");
        assert_eq!(came.code(), Some(0), "{rule}: {}", came.all());
        assert_eq!(scene.kept(), "c", "{rule}");
    }
}

#[test]
fn a_revocation_killed_beside_its_store_can_be_finished() {
    for rule in ["kill-before erase", "kill-after erase"] {
        let scene = Scene::new();
        scene.give("setup a --store helper:fake");
        scene.helper(rule);
        let came = scene.give("revoke a --delete");
        assert!(came.was_killed(), "{rule}: {}", came.all());
        assert!(
            scene.text().contains("auth_forward = \"ignore\"\n"),
            "{rule}"
        );
        nothing_is_lost(&scene, rule);
        scene.helper("");
        let came = scene.give("revoke a --delete");
        assert_eq!(came.code(), Some(0), "{rule}: {}", came.all());
        assert_eq!(
            (scene.kept(), scene.record("a")),
            (String::new(), None),
            "{rule}"
        );
    }
}

#[test]
fn scenario_62_a_signal_in_the_browser_changes_nothing() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let scene = Scene::new();
        tell(&scene.environment, "behaviour", "hang");
        let came = scene.give_and("setup a --store helper:fake", |_, child| {
            std::thread::sleep(Duration::from_millis(1500));
            let pid = Pid::from_child(child);
            kill_process(pid, signal).unwrap();
        });
        assert_eq!(came.code(), Some(code), "{}", came.all());
        assert_eq!(
            (scene.text().as_str(), scene.changes()),
            (CONFIG, Vec::new())
        );
        assert_eq!(scene.record("a"), None);
    }
}

#[test]
fn scenario_62_ctrl_c_and_a_kill_in_the_browser_change_nothing() {
    for kill in [false, true] {
        let scene = Scene::new();
        tell(&scene.environment, "behaviour", "hang");
        let came = scene.give_and("setup a --store helper:fake", |terminal, child| {
            std::thread::sleep(Duration::from_millis(1500));
            if kill {
                kill_process(Pid::from_child(child), Signal::KILL).unwrap();
            } else {
                terminal.person.write_all(b"\x03").unwrap();
            }
        });
        assert!(
            kill == came.was_killed() && (kill || came.code() == Some(130)),
            "{}",
            came.all()
        );
        assert_eq!(
            (scene.text().as_str(), scene.changes()),
            (CONFIG, Vec::new())
        );
        assert_eq!(scene.record("a"), None);
        tell(&scene.environment, "behaviour", "callback");
        let came = scene.give("setup a --store helper:fake");
        assert_eq!(came.code(), Some(0), "{}", came.all());
    }
}

#[test]
fn scenario_63_a_signal_while_the_token_is_stored_says_what_became_of_it() {
    let scene = Scene::new();
    scene.helper("hang store");
    let came = scene.give_and("setup a --store helper:fake", |terminal, child| {
        terminal.wait_for("storing the token in");
        std::thread::sleep(Duration::from_millis(500));
        kill_process(Pid::from_child(child), Signal::INT).unwrap();
    });
    assert_eq!(came.signal(), Some(2), "{}", came.all());
    assert!(
        came.screen.contains("revoke it at https://claude.ai"),
        "{}",
        came.all()
    );
    assert!(
        came.screen.contains("docker-credential-fake erase"),
        "{}",
        came.all()
    );
    assert_eq!(scene.text(), CONFIG);
    assert!(scene.record("a").is_some());
    scene.helper("");
    let came = scene.give("setup a --store helper:fake");
    assert_eq!(came.code(), Some(0), "{}", came.all());
    assert_eq!(scene.kept().len(), 1);
}
