use serde_json::{Value, json};

use super::*;

const HANDLE: &str = "1000.00000000000000000000000000000001";

fn payload(env: &[(&str, &str)], unset: &[&str]) -> Payload {
    Payload {
        env: env
            .iter()
            .map(|(name, value)| {
                Variable::new(
                    VariableName::try_from(*name).unwrap(),
                    Secret::new((*value).to_owned()).try_into().unwrap(),
                )
            })
            .collect(),
        unset: unset
            .iter()
            .map(|name| VariableName::try_from(*name).unwrap())
            .collect(),
        files: Vec::new(),
    }
}

fn config(env: &Value) -> String {
    json!({
        "ociVersion": "1.0.2",
        "process": {"args": ["sh"], "env": env, "user": {"uid": 1000, "gid": 1000}},
        "root": {"path": "rootfs", "readonly": true},
        "hooks": {"prestart": [{"path": "/p"}], "createRuntime": [{"path": "/first"}]},
        "annotations": {},
    })
    .to_string()
}

fn edit(text: &str, payload: &Payload, hook: Option<&Hook<'_>>) -> Value {
    let spec = Spec::from_json(text.as_bytes()).unwrap();
    let edited = spec.edited(payload, Path::new("/b/rootfs"), hook).unwrap();
    serde_json::from_slice(&edited).unwrap()
}

fn exec(env: &Value, payload: &Payload, configured: &[(&str, &str)]) -> Value {
    let text = json!({"args": ["sh"], "env": env, "terminal": true}).to_string();
    let configured: Vec<Configured> = configured
        .iter()
        .map(|(name, value)| Configured {
            name: VariableName::try_from(*name).unwrap(),
            value: Secret::new((*value).to_owned()),
        })
        .collect();
    let process = Process::from_json(text.as_bytes()).unwrap();
    let edited = process.edited(payload, &configured).unwrap();
    let mut value: Value = serde_json::from_slice(&edited).unwrap();
    value["env"].take()
}

#[test]
fn what_is_not_edited_keeps_its_bytes() {
    let text = r#"{"linux": {"x":1.50,  "unknown":[1e3]},"process":{"env":["A=\u00e4"],"z":18446744073709551616},"ociVersion":"9"}"#;
    let spec = Spec::from_json(text.as_bytes()).unwrap();
    let edited = spec
        .edited(&payload(&[("B", "b")], &[]), Path::new("/r"), None)
        .unwrap();
    assert_eq!(
        std::str::from_utf8(&edited).unwrap(),
        r#"{"linux":{"x":1.50,  "unknown":[1e3]},"ociVersion":"9","process":{"z":18446744073709551616,"env":["A=\u00e4","B=b"]},"root":{"path":"/r"}}"#
    );
}

#[test]
fn a_variable_is_set_once_its_rivals_go_and_so_does_the_handle() {
    let env = json!([
        "PATH=/bin",
        "TOKEN=old",
        "TOKENS=kept",
        format!("{HANDLE_VARIABLE}={HANDLE}"),
        "RIVAL=x",
        "TOKEN=older"
    ]);
    let edited = edit(
        &config(&env),
        &payload(&[("TOKEN", "new")], &["RIVAL"]),
        None,
    );
    assert_eq!(
        edited["process"]["env"],
        json!(["PATH=/bin", "TOKENS=kept", "TOKEN=new"])
    );
}

#[test]
fn scenario_57_a_value_with_newlines_and_equals_signs_is_one_variable() {
    let env = json!(["EVIL=x\nTOKEN=y", "=odd", "NOVALUE"]);
    let edited = edit(
        &config(&env),
        &payload(&[("TOKEN", "a=b\nc\"d")], &[]),
        None,
    );
    assert_eq!(
        edited["process"]["env"],
        json!(["EVIL=x\nTOKEN=y", "=odd", "NOVALUE", "TOKEN=a=b\nc\"d"])
    );
}

#[test]
fn the_hook_comes_last_at_create_runtime_and_the_rootfs_is_absolute() {
    let hook = Hook {
        path: Path::new("/libexec/hook"),
        args: &["hook", "createRuntime"],
        env: &["PATH=/bin"],
    };
    let edited = edit(&config(&json!([])), &payload(&[], &[]), Some(&hook));
    assert_eq!(
        edited["hooks"],
        json!({
            "prestart": [{"path": "/p"}],
            "createRuntime": [
                {"path": "/first"},
                {"path": "/libexec/hook", "args": ["hook", "createRuntime"], "env": ["PATH=/bin"]},
            ],
        })
    );
    assert_eq!(
        edited["root"],
        json!({"path": "/b/rootfs", "readonly": true})
    );
}

#[test]
fn the_annotation_outranks_a_variable_that_an_image_may_have_kept() {
    let read = |text: &Value| {
        let found = Spec::from_json(text.to_string().as_bytes())
            .unwrap()
            .handle()
            .unwrap();
        found.map(|found| (found.text, found.by_variable))
    };
    let variable = format!("{HANDLE_VARIABLE}=stale");
    let both = json!({"process": {"env": [variable]}, "annotations": {HANDLE_ANNOTATION: HANDLE}});
    assert_eq!(read(&both), Some((HANDLE.into(), false)));
    let old_engine = json!({"process": {"env": [variable]}, "annotations": null});
    assert_eq!(read(&old_engine), Some(("stale".into(), true)));
    let none = json!({"process": {"env": [format!("{HANDLE_VARIABLE}=")]}});
    assert_eq!(read(&none), None);
    assert_eq!(read(&json!({})), None);
}

#[test]
fn scenario_43_an_exec_has_the_variables_and_its_users_word_wins() {
    let payload = payload(&[("TOKEN", "ours")], &["RIVAL"]);
    let configured = [("TOKEN", "image's"), ("RIVAL", "image's")];
    let plain = exec(
        &json!(["PATH=/bin", "TOKEN=image's", "RIVAL=image's"]),
        &payload,
        &configured,
    );
    assert_eq!(plain, json!(["PATH=/bin", "TOKEN=ours"]));
    let users = exec(
        &json!(["TOKEN=theirs", "RIVAL=theirs"]),
        &payload,
        &configured,
    );
    assert_eq!(users, json!(["TOKEN=theirs", "RIVAL=theirs"]));
    let handle = exec(
        &json!([format!("{HANDLE_VARIABLE}={HANDLE}")]),
        &payload,
        &[],
    );
    assert_eq!(handle, json!(["TOKEN=ours"]));
}

#[test]
fn what_the_configuration_said_of_a_touched_variable_is_kept_for_later_execs() {
    let text = config(&json!(["TOKEN=a", "TOKEN=b", "OTHER=c"]));
    let spec = Spec::from_json(text.as_bytes()).unwrap();
    let configured = spec
        .process()
        .configured(&payload(&[("TOKEN", "x")], &["RIVAL"]))
        .unwrap();
    let seen: Vec<_> = configured
        .iter()
        .map(|entry| (entry.name.as_str(), entry.value.expose()))
        .collect();
    assert_eq!(seen, [("TOKEN", "b")]);
}

#[test]
fn an_invalid_file_is_told_by_its_position_alone() {
    let error = Spec::from_json(b"{\"process\":\n {\"env\": [\"canary\"}}").unwrap_err();
    assert_eq!(error.to_string(), "it is not valid at line 2, column 19");
}
