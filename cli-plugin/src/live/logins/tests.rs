use super::*;
use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use jackin_oci_hook::published::LEASE_SCHEMA;
use proptest::prelude::*;

use crate::agent::Agent;
use crate::agent::login::Origin;
use crate::host::Host;
use crate::live::{Renewal, Trouble, id_of, renew};

fn logins() -> (tempfile::TempDir, Logins) {
    let shm = tempfile::tempdir_in("/dev/shm").expect("Linux has a tmpfs here");
    let uid = rustix::process::geteuid().as_raw();
    let tickets = TicketFolder::open(&[shm.path().join("docker-jackin")], uid).unwrap();
    let logins = Logins::beside(&tickets).unwrap();
    (shm, logins)
}

fn publication(content: &str) -> Publication {
    let origin = Origin::File("/h/.claude/.credentials.json".into());
    Publication {
        id: id_of(Agent::Claude, &origin),
        agent: Agent::Claude,
        origin,
        content: Secret::new(content.to_owned()),
        expires: Some(UNIX_EPOCH + Duration::from_secs(2_000_000_000)),
        account: Some("0123456789abcdef".to_owned()),
    }
}

fn machine() -> Machine {
    Machine::of(&Host::new("/h", "/", []))
}

fn wanted() -> Wanted {
    Wanted::of_ticket("0a", SystemTime::now() + Duration::from_secs(900))
}

fn publish(logins: &Logins, content: &str, read: SystemTime) -> LoginFolder {
    let publication = publication(content);
    logins
        .publish(&publication, &machine(), &wanted(), read)
        .unwrap();
    logins.get(&publication.id).unwrap()
}

fn published(folder: &LoginFolder) -> Option<String> {
    fs::read_to_string(folder.published()).ok()
}

/// A lease of this test's own process.
fn lease(folder: &LoginFolder, container: &str) -> Lease {
    let metadata = fs::metadata(folder.path().join(PUBLISHED)).unwrap();
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, behind) = stat.rsplit_once(')').unwrap();
    Lease {
        schema: LEASE_SCHEMA,
        container: container.to_owned(),
        pid: std::process::id().cast_signed(),
        started: behind.split_whitespace().nth(19).unwrap().parse().unwrap(),
        folder: Inode {
            device: metadata.dev(),
            number: metadata.ino(),
        },
        since: 7,
    }
}

fn write_lease(folder: &LoginFolder, lease: &Lease) {
    let path = folder.path().join(LEASES).join(&lease.container);
    fs::write(path, serde_json::to_vec(lease).unwrap()).unwrap();
}

#[test]
fn what_is_published_can_be_read_by_any_uid_and_all_else_by_its_owner_alone() {
    let (_shm, logins) = logins();
    let folder = publish(&logins, "canary", SystemTime::now());
    let modes = |folder: &LoginFolder| {
        let mode = |below: &str| {
            let metadata = fs::symlink_metadata(folder.path().join(below)).unwrap();
            metadata.mode() & 0o7777
        };
        [
            "",
            "published",
            "published/login",
            "leases",
            "wanted",
            "state.json",
            "wanted/0a",
        ]
        .map(mode)
    };
    let expected = [0o700, 0o755, 0o444, 0o700, 0o700, 0o600, 0o600];
    assert_eq!(modes(&folder), expected);
    // As another umask would have made them, or an older version.
    for name in ["", "published", "leases", "wanted"] {
        let permissions = Permissions::from_mode(0o710);
        fs::set_permissions(folder.path().join(name), permissions).unwrap();
    }
    publish(&logins, "canary2", SystemTime::now());
    assert_eq!(modes(&folder), expected);
}

#[test]
fn the_same_login_again_changes_nothing_that_a_container_could_see() {
    let (_shm, logins) = logins();
    let folder = publish(&logins, "canary", SystemTime::now());
    let seen = || {
        let metadata = fs::metadata(folder.published()).unwrap();
        (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
    };
    let before = (seen(), folder.state());
    publish(&logins, "canary", SystemTime::now());
    assert_eq!((seen(), folder.state()), before);
    publish(&logins, "another", SystemTime::now());
    assert_ne!(seen(), before.0);
    assert_eq!(published(&folder).as_deref(), Some("another"));
}

#[test]
fn scenario_41_who_reads_the_former_login_reads_it_to_its_end() {
    let (_shm, logins) = logins();
    let folder = publish(&logins, "a former one", SystemTime::now());
    let mut reader = fs::File::open(folder.published()).unwrap();
    let mut half = [0; 6];
    reader.read_exact(&mut half).unwrap();
    publish(&logins, "another one, and longer", SystemTime::now());
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!((&half, rest.as_str()), (b"a form", "er one"));
}

#[test]
fn the_folder_that_containers_hold_stays_through_every_change() {
    let (_shm, logins) = logins();
    let folder = publish(&logins, "one", SystemTime::now());
    let lease = lease(&folder, "c");
    folder.withdraw().unwrap();
    folder.withdraw().unwrap();
    assert_eq!(published(&folder), None);
    folder.replace(&Secret::new("two".to_owned())).unwrap();
    publish(&logins, "three", SystemTime::now());
    assert_eq!(published(&folder).as_deref(), Some("three"));
    assert!(folder.is_current(&lease));
    let moved = folder.path().join("moved");
    fs::rename(folder.path().join(PUBLISHED), moved).unwrap();
    assert!(!folder.is_current(&lease), "there is none today");
    publish(&logins, "four", SystemTime::now());
    assert!(!folder.is_current(&lease), "it is another one");
}

#[test]
fn the_state_tells_of_what_is_published_and_nothing_of_the_secret() {
    let (_shm, logins) = logins();
    let read = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    let folder = publish(&logins, "canary", read);
    let text = fs::read_to_string(folder.path().join(STATE)).unwrap();
    assert!(!text.contains("canary"), "{text}");
    let state = folder.state().unwrap();
    assert_eq!(state.agent, "claude");
    assert_eq!(state.machine, machine());
    let published = state.published.unwrap();
    assert_eq!(published.since, 1_700_000_000_123);
    assert_eq!(published.expires, Some(2_000_000_000_000));
    assert_eq!(published.account.as_deref(), Some("0123456789abcdef"));
    assert_eq!(
        published.fingerprint,
        fingerprint::of(&Secret::new("canary".to_owned()))
    );
}

#[test]
fn a_restart_does_not_forget_what_the_shell_of_the_launch_said() {
    let (_shm, logins) = logins();
    let variables = [("PATH", "/h/bin"), ("HTTPS_PROXY", "http://me:canary@p:1")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let launch = Machine::of(&Host::new("/h", "/", variables.clone()));
    assert!(!format!("{launch:?}").contains("canary"));
    let publication = publication("one");
    let publish = |machine: &Machine| {
        logins
            .publish(&publication, machine, &wanted(), SystemTime::now())
            .unwrap();
        logins
            .get(&publication.id)
            .unwrap()
            .state()
            .unwrap()
            .machine
    };
    assert_eq!(publish(&launch), launch);
    assert_eq!(publish(&launch.clone().without_shell()), launch);
    let environment = renew::environment(&launch);
    for (name, value) in variables {
        let set = environment.iter().rev().find(|(is, _)| *is == *name);
        assert_eq!(set.unwrap().1, *value, "the last counts");
    }
    // A restart that no launch came before knows none, until somebody comes by.
    logins.get(&publication.id).unwrap().withdraw().unwrap();
    fs::remove_file(logins.get(&publication.id).unwrap().path().join(STATE)).unwrap();
    let unknown = launch.clone().without_shell();
    assert_eq!(publish(&unknown), unknown);
    logins.tell_shell(&launch);
    let told = logins.get(&publication.id).unwrap().state().unwrap();
    assert_eq!(told.machine, launch);
    let later = Machine::of(&Host::new(
        "/h",
        "/",
        [("PATH".to_owned(), "/b".to_owned())],
    ));
    assert_eq!(publish(&later), later);
}

#[test]
fn publishing_ends_what_was_wrong_and_what_was_tried_for_another_token() {
    let (_shm, logins) = logins();
    let folder = publish(&logins, "one", SystemTime::now());
    let renewed = |of: &str| Renewal {
        fingerprint: fingerprint::of(&Secret::new(of.to_owned())),
        attempts: 2,
        last: 1,
        next: None,
        failed: None,
    };
    let trouble = Trouble {
        what: "holds no login".to_owned(),
        since: 1,
    };
    let mut state = folder.state().unwrap();
    state.trouble = Some(trouble);
    state.renewal = Some(renewed("one"));
    folder.write_state(&state).unwrap();
    publish(&logins, "one", SystemTime::now());
    let state = folder.state().unwrap();
    assert_eq!((state.trouble, state.renewal), (None, Some(renewed("one"))));
    publish(&logins, "two", SystemTime::now());
    assert_eq!(folder.state().unwrap().renewal, None);
}

#[test]
fn what_was_read_before_does_not_replace_what_was_read_since() {
    let (_shm, logins) = logins();
    let before = SystemTime::now() - Duration::from_secs(5);
    let folder = publish(&logins, "new", SystemTime::now());
    publish(&logins, "old", before);
    assert_eq!(published(&folder).as_deref(), Some("new"));
    let mut state = folder.state().unwrap();
    state.published = None;
    state.logged_out = Some(millis(SystemTime::now()));
    folder.withdraw().unwrap();
    folder.write_state(&state).unwrap();
    publish(&logins, "old", before);
    assert_eq!(published(&folder), None, "the host is logged out since");
    assert_eq!(folder.state(), Some(state.clone()));
    // A clock that was ahead is no reason to stand still.
    state.logged_out = Some(millis(SystemTime::now() + Duration::from_secs(3600)));
    folder.write_state(&state).unwrap();
    publish(&logins, "newer", SystemTime::now());
    assert_eq!(published(&folder).as_deref(), Some("newer"));
}

#[test]
fn what_a_kill_left_behind_is_swept_and_what_is_being_written_is_not() {
    let (_shm, logins) = logins();
    let folder = publish(&logins, "one", SystemTime::now());
    let old = SystemTime::now() - Duration::from_secs(120);
    let mut left = Vec::new();
    for name in ["", "published", "leases", "wanted"] {
        for (file, dated) in [(".old", old), (".young", SystemTime::now())] {
            let path = folder.path().join(name).join(file);
            fs::write(&path, "canary").unwrap();
            fs::File::open(&path).unwrap().set_modified(dated).unwrap();
            left.push(path);
        }
    }
    let going = logins.path().join(".0123");
    fs::create_dir_all(going.join("published")).unwrap();
    publish(&logins, "two", SystemTime::now());
    left.retain(|path| path.exists());
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(left.iter().all(|path| path.ends_with(".young")), "{left:?}");
    assert!(!going.exists());
    let all: Vec<_> = logins.all().iter().map(|one| one.id().clone()).collect();
    assert_eq!(all, [folder.id().clone()]);
}

#[test]
fn those_who_may_come_are_known_until_they_are_over() {
    let (_shm, logins) = logins();
    let now = SystemTime::now();
    let at = |seconds: u64| now + Duration::from_secs(seconds);
    let folder = publish(&logins, "one", now);
    folder.drop_wanted("0a");
    assert_eq!(folder.wanted_until(now), None);
    let want = |name: &str, until: SystemTime| {
        let wanted = Wanted {
            name: name.to_owned(),
            until,
        };
        logins.publish(&publication("one"), &machine(), &wanted, now)
    };
    want("a", at(10)).unwrap();
    want("b", at(20)).unwrap();
    fs::write(folder.path().join(WANTED).join("broken"), "{").unwrap();
    let latest = |at: SystemTime| folder.wanted_until(at).map(millis);
    assert_eq!(latest(now), Some(millis(at(20))));
    assert_eq!(latest(at(11)), Some(millis(at(20))));
    assert_eq!(private_file::names(&folder.path().join(WANTED)), ["b"]);
    logins.drop_wanted("b");
    assert_eq!(latest(now), None);
    for name in ["../state.json", "", ".a", "a/b"] {
        assert!(want(name, at(10)).is_err(), "{name:?}");
        folder.drop_wanted(name);
    }
    assert!(folder.state().is_some());
}

#[test]
fn a_ticket_is_waited_for_until_its_end_and_when_redeemed_until_its_container_is_there() {
    let (_shm, logins) = logins();
    let now = SystemTime::now();
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let folder = publish(&logins, "one", now);
    let note = folder.path().join(WANTED).join("0a");
    let ticket = logins.tickets.join("0a");
    fs::write(&ticket, "").unwrap();
    let file = fs::File::options().write(true).open(&note).unwrap();
    file.set_modified(now - minutes(5)).unwrap();
    assert!(folder.wanted_until(now) > Some(now + minutes(14)));
    fs::remove_file(&ticket).unwrap();
    assert_eq!(folder.wanted_until(now), None);
    assert!(!note.exists());
    // One that is about to be staged.
    publish(&logins, "one", now);
    let until = folder.wanted_until(now).unwrap();
    assert!((now..now + minutes(2)).contains(&until));
}

#[test]
fn a_resolved_request_and_a_redeemed_ticket_have_a_minute_for_their_container() {
    let minute = Duration::from_secs(60);
    let now = SystemTime::now();
    let resolved = Wanted::of_resolution("12", now);
    assert_eq!(resolved.name, "resolve-12");
    assert_eq!(resolved.until, now + minute);
    assert_eq!(Wanted::of_ticket("12", now).until, now + minute);
}

#[test]
fn leases_are_read_and_what_is_none_is_passed_by() {
    let (_shm, logins) = logins();
    let folder = publish(&logins, "one", SystemTime::now());
    let mut young = lease(&folder, "young");
    young.since = 9;
    let old = lease(&folder, "old");
    for lease in [&young, &old] {
        write_lease(&folder, lease);
    }
    let leases = folder.path().join(LEASES);
    let text = serde_json::to_string(&old).unwrap();
    fs::write(leases.join("another"), &text).unwrap();
    let newer = text.replace(r#""schema":1"#, r#""schema":2"#);
    fs::write(leases.join("old2"), newer.replace("old", "old2")).unwrap();
    fs::write(leases.join(".half"), "{").unwrap();
    assert_eq!(folder.leases(), [old.clone(), young.clone()]);
    assert_eq!(folder.lease_of("young"), Some(young));
    logins.drop_lease("young");
    assert_eq!(folder.leases(), [old]);
}

#[test]
fn a_login_goes_only_when_nobody_follows_it_or_may_come() {
    let (_shm, logins) = logins();
    let folder = publish(&logins, "one", SystemTime::now());
    let busy = |folder: &LoginFolder| {
        let refused = folder.remove().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
        assert_eq!(published(folder).as_deref(), Some("one"));
    };
    busy(&folder);
    folder.drop_wanted("0a");
    let mut lease = lease(&folder, "c");
    write_lease(&folder, &lease);
    busy(&folder);
    lease.schema += 1;
    write_lease(&folder, &lease);
    busy(&folder);
    lease.schema -= 1;
    lease.started += 1;
    write_lease(&folder, &lease);
    folder.remove().unwrap();
    assert_eq!(fs::read_dir(logins.path()).unwrap().count(), 0);
    assert!(logins.all().is_empty());
}

#[test]
fn one_that_reads_while_others_publish_sees_one_login_or_the_other() {
    let (_shm, logins) = logins();
    let contents = ["a".repeat(9000), "b".repeat(700)];
    let folder = publish(&logins, &contents[0], SystemTime::now());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers = contents.each_ref().map(|content| {
            let logins = &logins;
            scope.spawn(move || {
                for _ in 0..100 {
                    publish(logins, content, SystemTime::now());
                }
            })
        });
        let reader = scope.spawn(|| {
            let mut read = 0;
            while !done.load(Ordering::Relaxed) {
                let seen = published(&folder).unwrap();
                assert!(contents.contains(&seen), "{} bytes", seen.len());
                read += 1;
            }
            read
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
    let files = fs::read_dir(folder.path().join(PUBLISHED)).unwrap();
    assert_eq!(files.count(), 1, "nothing unfinished is left");
}

#[test]
fn one_that_goes_while_a_launch_publishes_it_is_there_for_the_launch() {
    let (_shm, logins) = logins();
    let id = publication("one").id;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = logins.get(&id).map(|folder| folder.remove());
            }
        });
        for _ in 0..100 {
            let folder = publish(&logins, "one", SystemTime::now());
            assert_eq!(published(&folder).as_deref(), Some("one"));
            assert!(folder.state().is_some());
            folder.drop_wanted("0a");
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_link_in_a_logins_place_is_not_followed() {
    let (_shm, logins) = logins();
    let id = publication("one").id;
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), logins.path().join(id.as_str())).unwrap();
    let refused = logins.publish(
        &publication("one"),
        &machine(),
        &wanted(),
        SystemTime::now(),
    );
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_login_that_cannot_be_written_is_wanted_by_nobody() {
    let (_shm, logins) = logins();
    let folder = publish(&logins, "one", SystemTime::now());
    folder.drop_wanted("0a");
    // Nothing can be renamed over a folder.
    fs::remove_file(folder.path().join(STATE)).unwrap();
    fs::create_dir(folder.path().join(STATE)).unwrap();
    let refused = logins.publish(
        &publication("two"),
        &machine(),
        &wanted(),
        SystemTime::now(),
    );
    assert!(refused.is_err());
    assert_eq!(folder.wanted_until(SystemTime::now()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn in_whatever_order_launches_publish_the_login_read_last_is_there(
        order in Just((0..6_u64).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let (_shm, logins) = logins();
        let read = |at: u64| UNIX_EPOCH + Duration::from_secs(1_700_000_000 + at);
        let mut latest = 0;
        for at in order {
            let folder = publish(&logins, &format!("login-{at}"), read(at));
            latest = latest.max(at);
            let expected = format!("login-{latest}");
            prop_assert_eq!(published(&folder), Some(expected));
            let since = folder.state().unwrap().published.unwrap().since;
            prop_assert_eq!(since, millis(read(latest)));
        }
    }
}
