//! What a later start gives a container when something cannot be had.

use std::fs;

use super::tests::{Scene, env_of};
use super::*;

/// Restarts what was launched, after `change` has been made to the home.
fn restarted(scene: &mut Scene, change: impl FnOnce(&Scene)) -> (Prepared, Prepared) {
    let first = scene.prepare().unwrap();
    scene.shell.clear();
    change(scene);
    let again = scene.prepare_after(&first).unwrap();
    (first, again)
}

fn write(scene: &Scene, name: &str, text: &str) {
    fs::write(scene.home.path().join(name), text).unwrap();
}

const TOKEN: &str = "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"canary\"\n\
                     [env]\nA = \"file:~/a\"\n";

#[test]
fn scenario_32_a_source_that_fails_keeps_no_login_that_was_taken_back() {
    let mut scene = Scene::new(TOKEN);
    write(&scene, "a", "value");
    let (first, again) = restarted(&mut scene, |scene| {
        fs::remove_file(scene.home.path().join("a")).unwrap();
        write(
            scene,
            "config.toml",
            &TOKEN.replace("oauth_token\"\n", "ignore\"\n"),
        );
    });
    assert_eq!(
        env_of(&first.payload),
        "CLAUDE_CODE_OAUTH_TOKEN=canary A=value"
    );
    assert_eq!(env_of(&again.payload), "A=value");
    assert!(again.payload.files.is_empty());
    assert!(
        again.warnings[0].starts_with("no value for A"),
        "{:?}",
        again.warnings
    );
}

#[test]
fn scenario_44_an_agent_whose_source_fails_keeps_what_it_had_in_the_same_mode() {
    for agent in Agent::ALL {
        let text = format!("[{agent}]\nauth_forward = \"api_key\"\napi_key = \"file:~/key\"\n");
        let mut scene = Scene::new(&text);
        scene.agents = vec![agent];
        write(&scene, "key", "canary");
        let (first, again) = restarted(&mut scene, |scene| {
            fs::remove_file(scene.home.path().join("key")).unwrap();
        });
        assert_eq!(again.payload, first.payload, "{agent}");
        assert!(
            again.warnings[0].contains("with the login it had"),
            "{:?}",
            again.warnings
        );
        assert!(!again.warnings[0].contains("canary"));
    }
}

#[test]
fn scenario_32_an_agent_whose_new_mode_has_nothing_loses_what_the_old_one_gave() {
    for agent in Agent::ALL {
        let text = format!("[{agent}]\nauth_forward = \"api_key\"\napi_key = \"canary\"\n");
        let mut scene = Scene::new(&text);
        scene.agents = vec![agent];
        let (first, again) = restarted(&mut scene, |scene| {
            let folder = scene.home.path().join(".claude/.credentials.json");
            for at in [
                ".codex/auth.json",
                ".local/share/amp/secrets.json",
                ".local/share/opencode/auth.json",
            ] {
                fs::create_dir_all(scene.home.path().join(at)).unwrap();
            }
            fs::create_dir_all(folder).unwrap();
            write(scene, "config.toml", "");
        });
        assert_ne!(first.payload, Payload::default(), "{agent}");
        assert_eq!(again.payload, Payload::default(), "{agent}");
        assert!(
            again.warnings[0].contains("without a login"),
            "{:?}",
            again.warnings
        );
    }
}

#[test]
fn scenario_29_a_host_login_that_cannot_be_read_any_more_leaves_the_containers_own() {
    let mut scene = Scene::new("");
    fs::create_dir(scene.home.path().join(".claude")).unwrap();
    let place = ".claude/.credentials.json";
    let login = r#"{"claudeAiOauth":{"accessToken":"canary","scopes":["user:inference"]}}"#;
    write(&scene, place, login);
    let (first, again) = restarted(&mut scene, |scene| {
        let place = scene.home.path().join(place);
        fs::remove_file(&place).unwrap();
        fs::create_dir(place).unwrap();
    });
    let secret = |prepared: &Prepared| {
        let bound = session::bound(&prepared.payload, Agent::Claude);
        bound.map(|content| content.expose().to_owned())
    };
    assert!(secret(&first).is_some());
    assert_eq!(secret(&again), secret(&first));
}

/// The source in the configuration is another one by now, and the value is
/// still the old one's: the next start must not take it for the new one's.
#[test]
fn a_kept_value_stays_the_old_sources() {
    let mut scene = Scene::new("[env]\nA = \"$ONE\"\n");
    scene.shell = vec![("ONE".into(), "canary".into())];
    let first = scene.prepare().unwrap();
    scene.shell.clear();
    write(&scene, "config.toml", "[env]\nA = \"$TWO\"\n");
    let again = scene.prepare_after(&first).unwrap();
    assert_eq!(env_of(&again.payload), "A=canary");
    assert_eq!(again.sources, first.sources);
    assert_eq!(again.warnings.len(), 1, "{:?}", again.warnings);
}
