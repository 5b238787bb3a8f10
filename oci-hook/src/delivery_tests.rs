use rustix::process::Uid;
use serde_json::json;

use super::*;
use crate::payload::CredentialFile;
use crate::record::Origin;

fn target(spec: &serde_json::Value, payload: &Payload) -> Result<Target, Error> {
    let record = Record {
        origin: Origin::Ticket("0.000102030405060708090a0b0c0d0e0f".parse().unwrap()),
        user: None,
        request: None,
        payload: payload.clone(),
        configured: Vec::new(),
        hook_alone: false,
        surplus: Vec::new(),
    };
    let text = spec.to_string();
    let spec = Spec::from_json(text.as_bytes()).unwrap();
    let own = std::process::id().cast_signed();
    Target::of(&spec, Path::new("/bundle"), &record, own)
}

fn place(path: &str, moved_by: Option<(&str, &str)>) -> Place {
    let value = match moved_by {
        None => json!({"path": path}),
        Some((variable, inside)) => {
            json!({"path": path, "moved_by": {"variable": variable, "path": inside}})
        }
    };
    serde_json::from_value(value).unwrap()
}

#[test]
fn scenario_36_a_variable_of_the_container_moves_a_file() {
    let payload = Payload {
        files: vec![CredentialFile {
            place: place(".claude.json", Some(("CLAUDE_CONFIG_DIR", ".claude.json"))),
            delivery: Delivery::MergeJson {
                object: serde_json::Map::new(),
            },
        }],
        ..Payload::default()
    };
    let path = |env: &[&str]| {
        let spec = json!({"process": {"env": env, "cwd": "/srv"}});
        let target = target(&spec, &payload).unwrap();
        let home = Path::new("/home/dev");
        path_of(
            &payload.files[0].place,
            target.moved[0].as_deref(),
            home,
            &target.cwd,
        )
    };
    assert_eq!(path(&[]), Path::new("/home/dev/.claude.json"));
    assert_eq!(
        path(&["CLAUDE_CONFIG_DIR="]),
        Path::new("/home/dev/.claude.json")
    );
    assert_eq!(
        path(&["CLAUDE_CONFIG_DIR=/data"]),
        Path::new("/data/.claude.json")
    );
    assert_eq!(
        path(&["CLAUDE_CONFIG_DIR=conf"]),
        Path::new("/srv/conf/.claude.json")
    );
}

#[test]
fn who_may_mount_in_a_user_namespace_of_the_owners_follows_nothing_of_theirs() {
    let target = |capabilities: serde_json::Value| {
        let process =
            json!({"cwd": "/", "user": {"uid": 0, "gid": 0}, "capabilities": capabilities});
        let spec = json!({"ociVersion": "1.2.0", "root": {"path": "rootfs"}, "process": process});
        target(&spec, &Payload::default()).unwrap()
    };
    let rootless = Standing::Rootless { uid: 1000 };
    let mut mounts = target(json!({"bounding": ["CAP_CHOWN", "CAP_SYS_ADMIN"], "ambient": null}));
    let starting = Phase::Starting;
    assert!(mounts.may_change_what_is_of(0, rootless, starting));
    assert!(!mounts.may_change_what_is_of(1000, Standing::Root, starting));
    // With users of its own, of whom the owner is one.
    mounts.users.root.uid = Uid::from_raw(1000);
    assert!(mounts.may_change_what_is_of(1000, Standing::Root, starting));
    // Of whom it made one its own since.
    mounts.ids = Ids::without_users();
    assert!(!mounts.may_change_what_is_of(1000, Standing::Root, starting));
    assert!(mounts.may_change_what_is_of(1000, Standing::Root, Phase::Running));
    mounts.users.root.uid = Uid::ROOT;
    assert!(!mounts.may_change_what_is_of(1000, Standing::Root, Phase::Running));
    for capabilities in [json!({"bounding": ["CAP_CHOWN"]}), json!({}), json!(null)] {
        let plain = target(capabilities);
        assert!(!plain.may_change_what_is_of(0, rootless, starting));
        assert!(!plain.may_change_what_is_of(0, rootless, Phase::Running));
    }
}

#[test]
fn who_has_a_label_of_selinuxs_follows_nothing() {
    let reason = |process: serde_json::Value| {
        let spec = json!({"ociVersion": "1.2.0", "root": {"path": "rootfs"}, "process": process});
        let target = target(&spec, &Payload::default()).unwrap();
        target.cannot_follow(1000, Standing::Root, Phase::Starting)
    };
    let label = "system_u:system_r:container_t:s0:c1,c2";
    let told = reason(json!({"cwd": "/", "selinuxLabel": label})).unwrap();
    assert!(told.starts_with("SELinux confines"), "{told}");
    assert_eq!(reason(json!({"cwd": "/", "selinuxLabel": ""})), None);
    assert_eq!(reason(json!({"cwd": "/"})), None);
}
