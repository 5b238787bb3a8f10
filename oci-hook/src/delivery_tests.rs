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
