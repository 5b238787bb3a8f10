use std::ffi::OsString;
use std::path::PathBuf;

use super::*;
use crate::engine_record::Doubt;

const ID: &str = "6adbb5a86e3e3d3fb1871adcf633ace2ec376f654dedd023dbf00beb7d757173";
const IMAGE: &str = "cb6e128f0e427c7a6f2bec3ceee834b6bb05ac39bf78f6392150b8516199653f";

/// A store as Podman 4.3.1 makes it, with one container and its image.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(list: &str) -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let metadata =
            format!(r#"{{\"image-name\":\"localhost/img:ann\",\"image-id\":\"{IMAGE}\"}}"#);
        let entries = format!(
            r#"[{{"id":"other","image":"0"}},{{"id":"{ID}","names":["a"],"image":"{IMAGE}","metadata":"{metadata}"}}]"#
        );
        scene.write(&format!("overlay-containers/{list}"), &entries);
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"sha256:{IMAGE}","size":7}},"annotations":{{"dev.jackin.ticket":"0.ann"}}}}"#
        );
        scene.write(&format!("overlay-images/{IMAGE}/manifest"), &manifest);
        let config = "=c2hhMjU2OmNiNmUxMjhmMGU0MjdjN2E2ZjJiZWMzY2VlZTgzNGI2YmIwNWFjMzliZjc4ZjYzOTIxNTBiODUxNjE5OTY1M2Y=";
        scene.write(
            &format!("overlay-images/{IMAGE}/{config}"),
            r#"{"config":{"Env":["A=b"]}}"#,
        );
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn find(&self, config: &str) -> EngineRecord {
        let bundle = self.path(&format!("overlay-containers/{ID}/userdata"));
        let spec = Spec::from_json(config.as_bytes()).unwrap();
        let id = ContainerId::try_from(OsString::from(ID)).unwrap();
        EngineRecord::find(&spec, &bundle, &id).unwrap()
    }
}

#[test]
fn podmans_list_names_the_image_and_the_store_what_is_in_it() {
    for list in LISTS {
        let record = Scene::new(list).find(r#"{"ociVersion":"1.0.2-dev"}"#);
        assert_eq!(record.engine, Engine::Podman);
        assert!(record.alive.ends_with(format!("{ID}/userdata")));
        assert_eq!(record.image.as_deref(), Some("localhost/img:ann"));
        assert_eq!(record.image_id, Some(format!("sha256:{IMAGE}")));
        assert_eq!(record.doubt_variable("b"), Some(Doubt::ImagesVariable));
        assert_eq!(record.doubt_variable("c"), None);
        let doubt = record.doubt_annotation("0.ann");
        assert_eq!(doubt, Some(Doubt::ImagesAnnotation));
        assert!(!record.sandbox);
    }
}

#[test]
fn files_that_are_odd_or_missing_are_not_known_and_nothing_worse() {
    let config = r#"{"ociVersion":"1.0.2-dev"}"#;
    let image = format!("overlay-images/{IMAGE}/manifest");
    for (name, text) in [
        ("overlay-containers/containers.json", "[{"),
        ("overlay-containers/containers.json", "[]"),
        ("overlay-containers/containers.json", "{}"),
        (&image, "[]"),
        (&image, r#"{"config":{"digest":"sha256:../../x"}}"#),
        (&image, r#"{"config":{"digest":""}}"#),
    ] {
        let scene = Scene::new("containers.json");
        scene.write(name, text);
        let record = scene.find(config);
        assert_eq!(record.engine, Engine::Podman, "{text}");
        assert_eq!(record.image_env, None, "{text}");
        let doubt = record.doubt_variable("c");
        assert_eq!(doubt, Some(Doubt::UnknownVariable), "{text}");
    }
    let scene = Scene::new("containers.json");
    scene.write(
        "overlay-containers/containers.json",
        &format!(r#"[{{"id":"{ID}","image":"../../elsewhere","metadata":"{{"}}]"#),
    );
    let record = scene.find(config);
    assert_eq!((record.image, record.image_id), (None, None));
    let doubt = record.image_annotations.is_none();
    assert!(doubt);
}

#[test]
fn an_image_cannot_pass_a_container_of_podmans_off_as_a_pods_own() {
    let record = Scene::new("containers.json").find(
        r#"{"ociVersion":"1.0.2-dev","annotations":{"io.container.manager":"cri-o",
        "io.kubernetes.cri-o.ContainerType":"sandbox","io.kubernetes.cri.container-type":"sandbox"}}"#,
    );
    assert_eq!((record.engine, record.sandbox), (Engine::Podman, false));
}

#[test]
fn annotations_are_the_users_from_the_podman_on_that_leaves_the_images_out() {
    for (version, copies) in [
        ("1.0.2-dev", true),
        ("1.0.2", true),
        ("1.1.0-rc.1", true),
        ("", true),
        ("one", true),
        ("1.1.0", false),
        ("1.1.0+dev", false),
        ("1.2.0", false),
        ("1.2.0-rc.1", false),
        ("2.0.0", false),
    ] {
        assert_eq!(copies_annotations(version), copies, "{version:?}");
    }
    let record = Scene::new("containers.json").find(r#"{"ociVersion":"1.2.0"}"#);
    assert!(record.annotations_are_the_users);
    assert_eq!(record.doubt_annotation("0.ann"), None);
}

#[test]
fn a_files_name_is_its_key_in_base64() {
    // RFC 4648, section 10.
    for (key, name) in [
        ("f", "=Zg=="),
        ("fo", "=Zm8="),
        ("foo", "=Zm9v"),
        ("foob", "=Zm9vYg=="),
        ("fooba", "=Zm9vYmE="),
        ("foobar", "=Zm9vYmFy"),
    ] {
        assert_eq!(big_data_name(key), name);
    }
}
