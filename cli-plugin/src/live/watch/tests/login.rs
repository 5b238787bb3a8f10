//! What is published follows what lies on the host.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn scenario_31_each_way_of_renewing_a_login_is_followed() {
    let scene = Scene::new();
    scene.log_in("token-0", HOURS);
    scene.publish(LONG);
    let watcher = scene.watch();
    let follows = |what: &str, token: &str| {
        eventually(what, || scene.published().as_deref() == Some(token));
    };
    for turn in 1..=10 {
        let token = format!("token-{turn}");
        scene.log_in(&token, HOURS);
        follows("by rename", &token);
    }
    fs::write(scene.file(), credentials("in-place", HOURS)).unwrap();
    follows("in place", "in-place");

    fs::rename(scene.at(".claude"), scene.at("moved-away")).unwrap();
    fs::create_dir(scene.at(".claude")).unwrap();
    scene.log_in("new-folder", HOURS);
    follows("its folder is another one", "new-folder");
    scene.log_in("new-folder-2", HOURS);
    follows("and is watched", "new-folder-2");

    fs::create_dir(scene.at("dotfiles")).unwrap();
    fs::write(scene.at("dotfiles/login"), credentials("linked", HOURS)).unwrap();
    fs::remove_file(scene.file()).unwrap();
    symlink("../dotfiles/login", scene.file()).unwrap();
    follows("a link in its place", "linked");
    fs::write(scene.at("dotfiles/login"), credentials("linked-2", HOURS)).unwrap();
    follows("what it leads to changes", "linked-2");
    fs::write(scene.at("dotfiles/other"), credentials("turned", HOURS)).unwrap();
    symlink("../dotfiles/other", scene.at(".claude/.new")).unwrap();
    fs::rename(scene.at(".claude/.new"), scene.file()).unwrap();
    follows("it is turned elsewhere", "turned");

    let published = scene.state().published.unwrap();
    assert_eq!(scene.state().trouble, None);
    assert!(published.expires.is_some_and(|ends| ends > published.since));
    assert_eq!(watcher.stop(), Ending::Told);
    assert_eq!(scene.published().as_deref(), Some("turned"), "it stays");
    assert!(!scene.lock().exists());
}

#[test]
fn scenario_41b_of_a_half_written_login_the_last_good_copy_stays() {
    let scene = Scene::new();
    scene.log_in("good", HOURS);
    scene.publish(LONG);
    let watcher = scene.watch();
    let whole = credentials("canary-half", HOURS);
    fs::write(scene.file(), &whole[..whole.len() / 2]).unwrap();
    eventually("the trouble is told", || scene.state().trouble.is_some());
    let trouble = scene.state().trouble.unwrap();
    assert!(trouble.what.ends_with("holds no login"), "{trouble:?}");
    assert_eq!(scene.published().as_deref(), Some("good"));
    scene.log_in("better", HOURS);
    eventually("it is followed again", || {
        scene.published().unwrap() == "better"
    });
    eventually("the trouble is over", || scene.state().trouble.is_none());

    let memory = fs::read_to_string(scene.folder().path().join("state.json")).unwrap();
    for secret in ["better", "canary-half", "canary-refresh"] {
        assert!(!memory.contains(secret), "{secret}");
        assert!(!watcher.said().contains(secret), "{secret}");
    }
}

#[test]
fn scenario_41b_a_logout_ends_the_login_and_another_account_takes_its_place() {
    let scene = Scene::new();
    let blanked = r#"{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0}}"#;
    scene.log_in("first", HOURS);
    let account = |id: &str| {
        let account = json!({"oauthAccount": {"accountUuid": id}});
        fs::write(scene.at(".claude.json"), account.to_string()).unwrap();
    };
    account("mine");
    scene.publish(LONG);
    let mine = scene.state().published.unwrap().account;
    let watcher = scene.watch();
    let log_out: [(&str, &dyn Fn()); 3] = [
        ("removed", &|| fs::remove_file(scene.file()).unwrap()),
        ("blanked", &|| fs::write(scene.file(), blanked).unwrap()),
        ("emptied", &|| fs::write(scene.file(), "").unwrap()),
    ];
    for (turn, (how, log_out)) in log_out.into_iter().enumerate() {
        log_out();
        eventually(how, || scene.published().is_none());
        eventually(how, || scene.state().logged_out.is_some());
        assert_eq!(scene.state().published, None, "{how}");
        account(&format!("other-{turn}"));
        let token = format!("after-{turn}");
        scene.log_in(&token, HOURS);
        eventually("it is back", || scene.published().as_ref() == Some(&token));
        eventually("it says so", || scene.state().logged_out.is_none());
    }
    let other = scene.state().published.unwrap().account;
    assert!(other.is_some() && other != mine);
    assert!(watcher.said().contains("the host is logged out"));
}

#[test]
fn scenario_41b_with_its_users_home_nobody_is_logged_out() {
    let scene = Scene::new();
    scene.log_in("first", HOURS);
    scene.publish(LONG);
    let watcher = scene.watch();
    scene.log_in("before", HOURS);
    eventually("it is at work", || scene.published().unwrap() == "before");
    let away = scene.memory.path().join("away");
    fs::create_dir(&away).unwrap();
    let everything = |from: &Path, to: &Path| {
        let moved = Command::new("sh")
            .args(["-c", "mv \"$0\"/.[!.]* \"$0\"/* \"$1\""])
            .args([from, to])
            .status();
        assert!(moved.unwrap().success());
    };
    everything(scene.home.path(), &away);
    eventually("it is told", || scene.state().trouble.is_some());
    let trouble = scene.state().trouble.unwrap().what;
    assert!(trouble.ends_with(" is empty or not there"), "{trouble}");
    assert_eq!(scene.published().as_deref(), Some("before"));
    everything(&away, scene.home.path());
    scene.log_in("after", HOURS);
    eventually("it is followed", || scene.published().unwrap() == "after");
    assert!(!watcher.said().contains("logged out"), "{}", watcher.said());
}

#[test]
fn scenario_41b_a_login_that_is_gone_for_a_moment_is_not_withdrawn() {
    let mut scene = Scene::new();
    scene.pace.grace = Duration::from_secs(60);
    scene.log_in("first", HOURS);
    scene.publish(LONG);
    let watcher = scene.watch();
    scene.log_in("before", HOURS);
    eventually("it is at work", || scene.published().unwrap() == "before");
    fs::remove_dir_all(scene.at(".claude")).unwrap();
    scene.has_looked();
    fs::create_dir(scene.at(".claude")).unwrap();
    fs::write(scene.file(), "").unwrap();
    scene.has_looked();
    assert_eq!(scene.published().as_deref(), Some("before"));
    scene.log_in("after", HOURS);
    eventually("it is followed", || scene.published().unwrap() == "after");
    assert!(!watcher.said().contains("logged out"), "{}", watcher.said());
}

#[test]
fn what_another_has_published_meanwhile_is_made_what_lies_on_the_host() {
    let scene = Scene::new();
    scene.log_in("first", HOURS);
    scene.publish(LONG);
    let _watcher = scene.watch();
    // As if it had been read before.
    scene
        .folder()
        .replace(&jackin_oci_hook::secret::Secret::new("{}".into()))
        .unwrap();
    let mut state = scene.state();
    state.published.as_mut().unwrap().fingerprint = "0".repeat(16);
    scene.folder().write_state(&state).unwrap();
    eventually("it is mended", || {
        scene.published().as_deref() == Some("first")
    });
    eventually("and known", || {
        scene.state().published.unwrap().fingerprint != "0".repeat(16)
    });
    fs::remove_file(scene.folder().published()).unwrap();
    scene.log_in("second", HOURS);
    eventually("it is there again", || {
        scene.published().as_deref() == Some("second")
    });
    // What is no state at all is never believed.
    fs::write(scene.folder().path().join("state.json"), "{").unwrap();
    scene.log_in("third", HOURS);
    eventually("it goes on", || {
        scene.published().as_deref() == Some("third")
    });
    eventually("it is known again", || scene.folder().state().is_some());
    assert!(below(&scene, scene.folder().path()));
}

#[test]
fn what_cannot_be_written_is_written_once_there_is_room() {
    let scene = Scene::new();
    scene.log_in("first", HOURS);
    scene.publish(LONG);
    let own = scene.folder().path().to_owned();
    let published = own.join(jackin_oci_hook::published::PUBLISHED);
    let watcher = scene.watch();
    // As on a full file system: nothing can be put there.
    fs::rename(&published, own.join(".aside")).unwrap();
    fs::write(&published, "").unwrap();
    scene.log_in("second", HOURS);
    let trouble = || scene.state().trouble.map(|trouble| trouble.what);
    eventually("it is told", || trouble().is_some());
    assert!(trouble().unwrap().contains("is not published"));
    fs::remove_file(&published).unwrap();
    fs::rename(own.join(".aside"), &published).unwrap();
    eventually("it is made up for", || {
        scene.published().unwrap() == "second"
    });
    eventually("all is well", || trouble().is_none());

    let state = own.join("state.json");
    fs::remove_file(&state).unwrap();
    fs::create_dir(&state).unwrap();
    scene.log_in("third", HOURS);
    eventually("it goes on", || scene.published().unwrap() == "third");
    fs::remove_dir(&state).unwrap();
    eventually("it is written down", || scene.folder().state().is_some());
    assert!(!watcher.is_over());
}
