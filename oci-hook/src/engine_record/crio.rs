//! CRI-O, by what it writes into a container's annotations. What its store
//! tells of an image is not looked at.

use std::path::Path;

use super::{Engine, EngineRecord};
use crate::spec::{Invalid, Spec};

/// What CRI-O knows of a container; `None` when it is not CRI-O's.
///
/// That images cannot set annotations there was read in its issue 6906 and not
/// measured, so they do not count as the user's.
pub(super) fn find(spec: &Spec<'_>, bundle: &Path) -> Result<Option<EngineRecord>, Invalid> {
    let mut annotations = spec.annotations()?;
    let manager = annotations.get("io.container.manager");
    if manager.map(String::as_str) != Some("cri-o") {
        return Ok(None);
    }
    let kind = annotations.get("io.kubernetes.cri-o.ContainerType");
    let sandbox = kind.map(String::as_str) == Some("sandbox");
    let mut known = EngineRecord::of(Engine::Crio, bundle);
    known.sandbox = sandbox;
    known.image = annotations.remove("io.kubernetes.cri-o.ImageName");
    Ok(Some(known))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::container::ContainerId;

    fn find(kind: &str) -> EngineRecord {
        let text = format!(
            r#"{{"ociVersion":"1.0.2","annotations":{{"io.container.manager":"cri-o",
            "io.kubernetes.cri-o.ContainerType":"{kind}","io.kubernetes.cri-o.ImageName":"r.example/web:1"}}}}"#
        );
        let spec = Spec::from_json(text.as_bytes()).unwrap();
        let bundle = Path::new("/run/containers/storage/overlay-containers/abc/userdata");
        let id = ContainerId::try_from(OsString::from("abc")).unwrap();
        EngineRecord::find(&spec, bundle, &id).unwrap()
    }

    #[test]
    fn a_pods_own_container_is_told_from_the_users() {
        assert!(find("sandbox").sandbox);
        let record = find("container");
        assert_eq!((record.engine, record.sandbox), (Engine::Crio, false));
        assert_eq!(record.image.as_deref(), Some("r.example/web:1"));
        assert!(!record.annotations_are_the_users);
    }
}
