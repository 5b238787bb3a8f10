use serde_json::json;

use super::*;

fn target(spec: &serde_json::Value, payload: &Payload) -> Result<Target, Error> {
    let text = spec.to_string();
    let spec = Spec::from_json(text.as_bytes()).unwrap();
    Target::of(&spec, Path::new("/bundle"), payload)
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
fn ids_are_mapped_out_of_the_containers_user_namespace() {
    let spec = json!({
        "process": {"user": {"uid": 1000, "gid": 5, "additionalGids": [0]}},
        "linux": {
            "uidMappings": [{"containerID": 0, "hostID": 100_000, "size": 65_536}],
            "gidMappings": [{"containerID": 0, "hostID": 200_000, "size": 10}],
        },
    });
    let target = target(&spec, &Payload::default()).unwrap();
    assert_eq!(target.user.uid.as_raw(), 101_000);
    assert_eq!(target.user.gid.as_raw(), 200_005);
    assert_eq!(target.user.groups, [Gid::from_raw(200_000)]);
    assert_eq!(target.root.uid.as_raw(), 100_000);
    assert_eq!(target.uid_inside, 1000);
}

#[test]
fn an_id_without_a_mapping_is_refused() {
    let spec = json!({
        "process": {"user": {"uid": 70_000, "gid": 0}},
        "linux": {"uidMappings": [{"containerID": 0, "hostID": 1, "size": 65_536}]},
    });
    let error = target(&spec, &Payload::default()).unwrap_err();
    assert!(matches!(error, Error::Unmapped(70_000)));
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
        let spec = json!({"process": {"env": env, "cwd": "/work"}});
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
        Path::new("/work/conf/.claude.json")
    );
}

#[test]
fn scenario_49_home_is_home_else_passwds_else_the_root() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("etc")).unwrap();
    std::fs::write(
        folder.path().join("etc/passwd"),
        "dev:x:1000:1000::/home/dev:\n",
    )
    .unwrap();
    let rootfs = Rootfs::open(folder.path()).unwrap();
    let home_of = |env: &[&str], uid: u32| {
        let spec = json!({"process": {"env": env, "cwd": "/work", "user": {"uid": uid, "gid": 0}}});
        home(&rootfs, &target(&spec, &Payload::default()).unwrap())
    };
    assert_eq!(home_of(&["HOME=/data"], 1000).unwrap(), Path::new("/data"));
    assert_eq!(
        home_of(&["HOME=rel"], 1000).unwrap(),
        Path::new("/work/rel")
    );
    assert_eq!(home_of(&["HOME="], 1000).unwrap(), Path::new("/home/dev"));
    assert_eq!(home_of(&[], 4711).unwrap(), Path::new("/"));

    let giant = std::fs::File::create(folder.path().join("etc/passwd")).unwrap();
    giant.set_len(1 << 30).unwrap();
    assert!(matches!(home_of(&[], 1000), Err(Error::Passwd(1000))));

    std::fs::remove_file(folder.path().join("etc/passwd")).unwrap();
    let mode = Mode::from_raw_mode(0o644);
    fs::mknodat(
        fs::CWD,
        folder.path().join("etc/passwd"),
        fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    assert_eq!(home_of(&[], 1000).unwrap(), Path::new("/"));
}
