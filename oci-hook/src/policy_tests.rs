use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use super::*;

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn rule(name: &str, conditions: &str) -> String {
    format!(
        "[[rule]]\nname = \"{name}\"\nowner = \"me\"\nrole = \"web\"\n[rule.match]\n{conditions}\n"
    )
}

fn policy(rules: &[(&str, &str)]) -> Policy {
    let text: String = rules
        .iter()
        .map(|(name, wanted)| rule(name, wanted))
        .collect();
    Policy::from_toml(text.as_bytes()).unwrap()
}

#[test]
fn a_rule_is_read_with_all_that_may_stand_in_it() {
    let text = format!(
        "[[rule]]\nname = \"agents-1\"\nowner = 1000\nworkspace = \"my-app\"\nagents = [\"claude\", \"codex\"]\n\
         user = \"dev\"\non_failure = \"start\"\n[rule.match]\nannotations = {{ \"dev.jackin.policy\" = \"agents\" }}\n\
         image = \"acme/web-agent:1\"\ndigest = \"{DIGEST}\"\nengine_user = 0\n"
    );
    let read = Policy::from_toml(text.as_bytes()).unwrap();
    let wanted = Rule {
        name: "agents-1".to_owned(),
        owner: Owner::Uid(1000),
        workspace: Some("my-app".to_owned()),
        subject: Subject::Agents(vec!["claude".to_owned(), "codex".to_owned()]),
        user: Some("dev".to_owned().try_into().unwrap()),
        on_failure: OnFailure::Start,
        conditions: Conditions {
            annotations: [("dev.jackin.policy".to_owned(), "agents".to_owned())].into(),
            image: Some("acme/web-agent:1".to_owned()),
            digest: Some(DIGEST.to_owned()),
            engine_user: Some(0),
        },
    };
    assert_eq!(read.rules, [wanted]);
    let least = policy(&[("a", "engine_user = 0")]);
    let owner = &least.rules[0].owner;
    assert_eq!(*owner, Owner::Name("me".to_owned()));
    assert_eq!(least.rules[0].on_failure, OnFailure::Refuse);
    assert_eq!(
        Policy::from_toml(b"# none yet\n").unwrap(),
        Policy::default()
    );
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let good = rule("a", "image = \"i\"");
    for (from, to, line, says) in [
        ("role =", "rol =", 4, "rol"),
        ("owner = \"me\"", "", 1, "owner"),
        ("owner = \"me\"", "owner = -1", 3, "uid"),
        ("owner = \"me\"", "owner = 4294967295", 3, "uid"),
        ("owner = \"me\"", "owner = \"a:b\"", 3, "/etc/passwd"),
        ("name = \"a\"", "name = \"A b\"", 2, "a-z"),
        ("role = \"web\"", "", 1, "either role or agents"),
        (
            "role = \"web\"",
            "role = \"web\"\nagents = [\"claude\"]",
            1,
            "either role or agents",
        ),
        ("role = \"web\"", "agents = []", 4, "list of agents"),
        ("role = \"web\"", "role = \"\"", 4, "a name"),
        (
            "role = \"web\"",
            "role = \"web\"\nworkspace = \"a\\nb\"",
            5,
            "a name",
        ),
        (
            "role = \"web\"",
            "role = \"web\"\nuser = \"-x\"",
            5,
            "uid:gid",
        ),
        (
            "role = \"web\"",
            "role = \"web\"\non_failure = \"skip\"",
            5,
            "skip",
        ),
        ("image = \"i\"", "", 5, "matches nothing"),
        ("image = \"i\"", "annotations = {}", 5, "matches nothing"),
        ("image = \"i\"", "label = \"i\"", 6, "label"),
        ("image = \"i\"", "digest = \"sha256:0a\"", 6, "64 digits"),
        ("image = \"i\"", "engine_user = -1", 6, "-1"),
        (
            "image = \"i\"",
            "annotations = { \"org.opencontainers.image.title\" = \"x\" }",
            5,
            "from the image",
        ),
        ("[rule.match]\nimage = \"i\"", "", 1, "match"),
    ] {
        let text = good.replace(from, to);
        assert_ne!(text, good, "{from}");
        let error = Policy::from_toml(text.as_bytes()).unwrap_err();
        assert!(
            error.line == line && error.reason.contains(says),
            "{to}: {error}"
        );
        assert_eq!(error.reason.lines().count(), 1, "{error}");
    }
    let error = Policy::from_toml(b"# one\n# \xff\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2: the text is not UTF-8");
    let twice = format!("{good}{good}");
    let error = Policy::from_toml(twice.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 8: a rule before it is called \"a\", too"
    );
}

const PASSWD: &[u8] = b"root:x:0:0::/root:\nme:x:1000:1000::/home/me:\n";

/// What is known of a container of root's engine, that nothing is known of.
fn facts(annotations: &BTreeMap<String, String>) -> Facts<'_> {
    Facts {
        annotations,
        annotations_are_the_users: true,
        image: None,
        image_id: None,
        standing: Standing::Root,
        passwd: PASSWD,
    }
}

/// The name of the rule that counts, and why each before it does not.
fn told<'a>(policy: &'a Policy, facts: &Facts<'a>) -> (Option<&'a str>, Vec<Missed<'a>>) {
    let decision = decide(policy, facts);
    let missed = decision
        .trace
        .into_iter()
        .filter_map(|verdict| verdict.missed);
    (
        decision.rule.map(|rule| rule.name.as_str()),
        missed.collect(),
    )
}

#[test]
fn the_first_rule_of_which_all_holds_counts_and_why_the_others_do_not_is_told() {
    let policy = policy(&[
        ("other-image", "image = \"acme/web:2\""),
        ("other-engine", "engine_user = 1000\nimage = \"acme/web:1\""),
        (
            "annotated",
            "annotations = { a = \"1\", b = \"2\" }\nimage = \"acme/web:1\"",
        ),
        ("image", "image = \"acme/web:1\""),
        ("never-asked", "engine_user = 0"),
    ]);
    let annotations = [("a", "1"), ("b", "2x")];
    let annotations = annotations
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let mut facts = facts(&annotations);
    facts.image = Some("acme/web:1");
    let missed = vec![
        Missed::Image(Some("acme/web:1")),
        Missed::EngineUser(0),
        Missed::Annotation("b"),
    ];
    assert_eq!(told(&policy, &facts), (Some("image"), missed));
    facts.image = Some("acme/web:10");
    assert_eq!(told(&policy, &facts).0, Some("never-asked"));
}

#[test]
fn scenario_54_annotations_that_an_image_may_have_set_match_nothing() {
    let policy = policy(&[
        (
            "annotated",
            "annotations = { \"dev.jackin.policy\" = \"agents\" }",
        ),
        ("image", "image = \"i\""),
    ]);
    let annotations = [("dev.jackin.policy".to_owned(), "agents".to_owned())].into();
    let mut facts = facts(&annotations);
    assert_eq!(told(&policy, &facts), (Some("annotated"), vec![]));
    facts.annotations_are_the_users = false;
    let off = Missed::AnnotationsOfTheImage;
    assert_eq!(
        told(&policy, &facts),
        (None, vec![off.clone(), Missed::Image(None)])
    );
    facts.image = Some("i");
    assert_eq!(told(&policy, &facts), (Some("image"), vec![off]));
}

#[test]
fn a_digest_is_the_images_id_or_the_one_in_the_reference() {
    let policy = policy(&[("digest", &format!("digest = \"{DIGEST}\""))]);
    let none = BTreeMap::new();
    let mut facts = facts(&none);
    assert_eq!(told(&policy, &facts), (None, vec![Missed::Digest]));
    facts.image_id = Some(DIGEST);
    assert_eq!(told(&policy, &facts).0, Some("digest"));
    facts.image_id = Some("sha256:00");
    let reference = format!("acme/web@{DIGEST}");
    facts.image = Some(&reference);
    assert_eq!(told(&policy, &facts).0, Some("digest"));
    // A tag that looks like it is none.
    facts.image = Some(DIGEST);
    assert_eq!(told(&policy, &facts).0, None);
}

#[test]
fn a_rootless_engine_serves_its_own_user_alone() {
    let text = format!(
        "{}{}{}",
        rule("unknown", "image = \"i\"").replace("\"me\"", "\"nobody-here\""),
        rule("roots", "image = \"i\"").replace("\"me\"", "0"),
        rule("mine", "engine_user = 1000"),
    );
    let policy = Policy::from_toml(text.as_bytes()).unwrap();
    let none = BTreeMap::new();
    let mut facts = facts(&none);
    facts.image = Some("i");
    assert_eq!(
        told(&policy, &facts).0,
        Some("unknown"),
        "it fails then, by its name"
    );
    facts.standing = Standing::Rootless { uid: 1000 };
    let others = Missed::OtherUsersEngine;
    assert_eq!(
        told(&policy, &facts),
        (Some("mine"), vec![others.clone(), others])
    );
    facts.standing = Standing::Rootless { uid: 1001 };
    assert_eq!(told(&policy, &facts).0, None);
}

/// A folder with a policy, as root has it.
fn folder(mode: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let file = folder.path().join(NAME);
    std::fs::write(&file, rule("a", "engine_user = 0")).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
    folder
}

fn load(folder: &tempfile::TempDir) -> Result<Option<Policy>, Error> {
    Policy::load_from(folder.path(), Standing::Root)
}

#[test]
fn no_policy_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load(&folder).unwrap().is_none());
    let missing = folder.path().join("missing");
    assert!(
        Policy::load_from(&missing, Standing::Root)
            .unwrap()
            .is_none()
    );
}

#[test]
fn only_a_policy_that_nobody_but_root_can_write_is_read() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    assert_eq!(load(&folder(0o644)).unwrap().unwrap().rules.len(), 1);
    assert_eq!(load(&folder(0o600)).unwrap().unwrap().rules.len(), 1);
    for mode in [0o664, 0o646] {
        let error = load(&folder(mode)).unwrap_err();
        assert!(
            matches!(error, Error::NotRoots(ref path) if path.ends_with(NAME)),
            "{error}"
        );
    }
    let others = folder(0o644);
    chown(others.path().join(NAME), Some(1000), None).unwrap();
    assert!(matches!(load(&others), Err(Error::NotRoots(_))));

    let open = folder(0o644);
    std::fs::set_permissions(open.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let error = load(&open).unwrap_err();
    assert!(
        matches!(error, Error::NotRoots(ref path) if path == open.path()),
        "{error}"
    );

    // To a rootless engine root's files are those of an id it does not have.
    let unmapped = folder(0o644);
    let rootless = Standing::Rootless { uid: 1000 };
    assert!(Policy::load_from(unmapped.path(), rootless).is_err());
    for path in [unmapped.path().to_owned(), unmapped.path().join(NAME)] {
        chown(path, Some(UNMAPPED), None).unwrap();
    }
    assert!(
        Policy::load_from(unmapped.path(), rootless)
            .unwrap()
            .is_some()
    );
    assert!(load(&unmapped).is_err());
}

#[test]
fn links_fifos_folders_and_files_too_large_are_refused() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let place = |folder: &tempfile::TempDir| folder.path().join(NAME);
    let linked = folder(0o644);
    std::fs::rename(place(&linked), linked.path().join("real")).unwrap();
    symlink("real", place(&linked)).unwrap();
    assert!(matches!(load(&linked), Err(Error::NoFile(_))));

    for kind in [FileType::Fifo, FileType::Directory] {
        let other = folder(0o644);
        std::fs::remove_file(place(&other)).unwrap();
        let mode = Mode::from_raw_mode(0o644);
        match kind {
            FileType::Fifo => fs::mkfifoat(fs::CWD, place(&other), mode).unwrap(),
            _ => std::fs::create_dir(place(&other)).unwrap(),
        }
        assert!(matches!(load(&other), Err(Error::NoFile(_))), "{kind:?}");
    }

    let large = folder(0o644);
    let size = usize::try_from(MAX_SIZE).unwrap();
    std::fs::write(place(&large), "#".repeat(size + 1)).unwrap();
    assert!(matches!(load(&large), Err(Error::Read { .. })));
}

#[test]
fn the_example_holds_no_rule_and_those_in_it_are_valid() {
    let example = include_str!("../../share/policy/policy.toml");
    let none = Policy::from_toml(example.as_bytes()).unwrap();
    assert_eq!(none, Policy::default());
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rule) if !rule.starts_with(' ') => format!("{rule}\n"),
        _ => format!("{line}\n"),
    };
    let wanted: String = example.lines().map(line).collect();
    let policy = Policy::from_toml(wanted.as_bytes()).unwrap();
    let names: Vec<_> = policy.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["agents", "rootless"]);
    assert!(policy.rules[0].conditions.digest.is_some());
}
