//! containerd: its bundles are `<state>/io.containerd.runtime.v2.task/
//! <namespace>/<id>`, and its CRI plugin says in annotations what it starts.
//!
//! No annotation of an image's reaches a container there (1.6 and 1.7). Its
//! images are in a content store that only containerd itself can look up.

use std::path::Path;

use super::{Engine, EngineRecord};
use crate::container::ContainerId;
use crate::spec::{Invalid, Spec};

const TASKS: &str = "io.containerd.runtime.v2.task";

/// The namespace of Docker's containers.
const DOCKERS: &str = "moby";

/// What containerd knows of a container; `None` when it is not containerd's.
pub(super) fn find(
    spec: &Spec<'_>,
    bundle: &Path,
    id: &ContainerId,
) -> Result<Option<EngineRecord>, Invalid> {
    match namespace_of(bundle, id) {
        None => Ok(None),
        Some(DOCKERS) => Ok(Some(EngineRecord::of(Engine::Docker, bundle))),
        Some(_) => {
            let mut annotations = spec.annotations()?;
            let mut known = EngineRecord::of(Engine::Containerd, bundle);
            let kind = annotations.get("io.kubernetes.cri.container-type");
            known.sandbox = kind.map(String::as_str) == Some("sandbox");
            known.image = annotations.remove("io.kubernetes.cri.image-name");
            Ok(Some(known))
        }
    }
}

fn namespace_of<'a>(bundle: &'a Path, id: &ContainerId) -> Option<&'a str> {
    let namespace = bundle.parent()?;
    let here = bundle.file_name()? == id.as_str() && namespace.parent()?.file_name()? == TASKS;
    here.then(|| namespace.file_name()?.to_str())?
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::engine_record::Doubt;

    fn find(namespace: &str, config: &str) -> EngineRecord {
        let bundle = format!("/run/containerd/io.containerd.runtime.v2.task/{namespace}/abc");
        let spec = Spec::from_json(config.as_bytes()).unwrap();
        let id = ContainerId::try_from(OsString::from("abc")).unwrap();
        EngineRecord::find(&spec, Path::new(&bundle), &id).unwrap()
    }

    #[test]
    fn a_pods_sandbox_is_told_from_its_containers() {
        let of_kind = |kind: &str| {
            let annotations = format!(
                r#"{{"annotations":{{"io.kubernetes.cri.container-type":"{kind}",
                "io.kubernetes.cri.image-name":"docker.io/library/app:1"}}}}"#
            );
            find("k8s.io", &annotations)
        };
        assert!(of_kind("sandbox").sandbox);
        let record = of_kind("container");
        assert_eq!((record.engine, record.sandbox), (Engine::Containerd, false));
        assert_eq!(record.image.as_deref(), Some("docker.io/library/app:1"));
        assert!(record.annotations_are_the_users);
        let doubt = record.doubt_variable("h");
        assert_eq!(doubt, Some(Doubt::UnknownVariable));
    }

    #[test]
    fn a_container_of_dockers_that_has_no_folder_is_still_dockers() {
        assert_eq!(find("moby", "{}").engine, Engine::Docker);
        assert_eq!(find("default", "{}").engine, Engine::Containerd);
        let spec = Spec::from_json(b"{}").unwrap();
        let id = ContainerId::try_from(OsString::from("abc")).unwrap();
        let other = EngineRecord::find(&spec, Path::new("/b/default/abc"), &id).unwrap();
        assert_eq!(other.engine, Engine::Unknown);
    }
}
