//! It lasts as long as somebody needs it, and what is published does, too.

use super::*;

#[test]
fn what_is_published_ends_with_the_last_who_needs_it() {
    let scene = Scene::new();
    scene.log_in("first", HOURS);
    scene.publish(LONG);
    let watcher = scene.watch();
    let (one, other) = (scene.follow("one"), scene.follow("other"));
    scene.folder().drop_wanted("ticket");
    drop(one);
    scene.log_in("second", HOURS);
    eventually("it goes on", || scene.published().unwrap() == "second");
    assert!(!watcher.is_over());
    drop(other);
    eventually("nothing is left", || scene.logins.all().is_empty());
    assert_eq!(watcher.ending(), Ending::Unneeded);
    let left: Vec<_> = fs::read_dir(scene.logins.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_container_may_come_as_long_as_its_ticket_lives() {
    let scene = Scene::new();
    scene.log_in("first", HOURS);
    scene.publish(scene.pace.linger * 3);
    let watcher = scene.watch();
    let begun = Instant::now();
    eventually("its time is over", || scene.logins.all().is_empty());
    assert!(begun.elapsed() >= scene.pace.linger * 2);
    assert_eq!(watcher.ending(), Ending::Unneeded);
}

#[test]
fn one_that_nobody_needs_at_all_ends() {
    let scene = Scene::new();
    assert_eq!(scene.watch().ending(), Ending::Unneeded);
    assert!(!scene.lock().exists());
}

#[test]
fn a_pid_that_is_another_s_by_now_follows_nothing() {
    let scene = Scene::new();
    scene.log_in("first", HOURS);
    scene.publish(Duration::from_millis(1));
    let lease = Lease {
        schema: LEASE_SCHEMA,
        container: "gone".to_owned(),
        pid: std::process::id().cast_signed(),
        started: 1,
        folder: Inode {
            device: 0,
            number: 0,
        },
        since: 0,
    };
    let place = scene.folder().path().join(LEASES).join("gone");
    fs::write(place, serde_json::to_vec(&lease).unwrap()).unwrap();
    assert_eq!(scene.watch().ending(), Ending::Unneeded);
}

#[test]
fn there_is_one_at_a_time_and_one_that_has_lost_its_lock_ends() {
    let scene = Scene::new();
    scene.log_in("first", HOURS);
    scene.publish(LONG);
    let watcher = scene.watch();
    let is_locked = || crate::live::lock::note_of_owner(&scene.lock()).is_some();
    eventually("it has begun", is_locked);
    assert!(Lock::try_take(&scene.lock()).unwrap().is_none());
    fs::remove_file(scene.lock()).unwrap();
    assert_eq!(watcher.ending(), Ending::Lost);
    assert_eq!(scene.published().as_deref(), Some("first"));
}

#[test]
fn scenario_76_no_publication_is_lost_to_a_watcher_that_is_about_to_end() {
    let mut scene = Scene::new();
    scene.pace.linger = Duration::from_millis(3);
    scene.log_in("first", HOURS);
    let mut ended = 0;
    for turn in 0..60 {
        let watcher = scene.watch();
        let is_locked = || crate::live::lock::note_of_owner(&scene.lock()).is_some();
        eventually("it begins", || is_locked() || watcher.is_over());
        sleep(Duration::from_micros(100 * turn));
        scene.publish(LONG);
        // As a launch does: whoever is at it now stays.
        let runs = crate::live::lock::note_of_owner(&scene.lock()).is_some();
        ended += u32::from(!runs);
        assert_eq!(scene.published().as_deref(), Some("first"), "{turn}");
        if runs {
            scene.log_in(&format!("next-{turn}"), HOURS);
            let next = format!("next-{turn}");
            eventually("it is at work", || {
                scene.published().as_ref() == Some(&next)
            });
            watcher.stop();
        } else {
            watcher.ending();
        }
        scene.folder().drop_wanted("ticket");
        scene.folder().remove().unwrap();
        scene.log_in("first", HOURS);
    }
    assert!(ended > 0, "some had ended");
}

#[test]
fn the_lease_of_a_container_that_is_gone_goes_while_others_follow() {
    let mut scene = Scene::new();
    scene.pace.tick = Duration::from_millis(50);
    scene.log_in("first", HOURS);
    scene.publish(LONG);
    let (one, _other) = (scene.follow("one"), scene.follow("other"));
    let _watcher = scene.watch();
    drop(one);
    let left = || {
        let leases = scene.folder().leases().into_iter();
        leases.map(|lease| lease.container).collect::<Vec<_>>()
    };
    eventually("its lease goes", || left() == ["other"]);
}
