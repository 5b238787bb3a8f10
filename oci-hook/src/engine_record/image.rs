//! What an image says of itself. It is the image's own text, which its engine
//! reads too, and in which the two must not read different things.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{hex_of, text_of};
use crate::raw_object::RawObject;

/// An image's manifest (OCI, or Docker's of schema 2).
pub(super) struct Manifest {
    /// The digest of its configuration.
    pub config: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads one; `None` when it is not known for sure what it says.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = text_of(path)?;
        let top: RawObject = serde_json::from_slice(&text).ok()?;
        let config: RawObject = top.read_plain("config").ok()??;
        let annotations: Option<Annotations> = top.read_plain("annotations").ok()?;
        let config: String = config.read_plain("digest").ok()??;
        hex_of(&config)?;
        Some(Self {
            config,
            annotations: annotations.unwrap_or_default().0,
        })
    }
}

#[derive(Default, Deserialize)]
struct Annotations(BTreeMap<String, String>);

/// The variables of an image, by its configuration; `None` when it is not known
/// for sure which.
pub(super) fn variables(path: &Path) -> Option<Vec<String>> {
    let text = text_of(path)?;
    let top: RawObject = serde_json::from_slice(&text).ok()?;
    let Some(config) = top.read_plain::<RawObject>("config").ok()? else {
        return Some(Vec::new());
    };
    let env: Option<Vec<String>> = config.read_plain("Env").ok()?;
    Some(env.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn scenario_54_variables_under_a_key_that_go_alone_reads_are_not_known() {
        let variables = |text: &str| variables(written(text).path());
        let known = variables(r#"{"config":{"Env":["A=b"],"User":"x"}}"#);
        assert_eq!(known, Some(vec!["A=b".to_owned()]));
        for text in ["{}", r#"{"config":null}"#, r#"{"config":{"Env":null}}"#] {
            assert_eq!(variables(text), Some(Vec::new()), "{text}");
        }
        for text in [
            r#"{"config":{"ENV":["A=b"]}}"#,
            r#"{"Config":{"Env":["A=b"]}}"#,
            r#"{"config":{},"CONFIG":{"Env":["A=b"]}}"#,
            r#"{"config":{"Env":[],"env":["A=b"]}}"#,
        ] {
            assert_eq!(variables(text), None, "{text}");
        }
    }

    #[test]
    fn scenario_54_annotations_under_a_key_that_go_alone_reads_are_not_known() {
        let read = |text: &str| Manifest::read(written(text).path());
        let plain = read(r#"{"config":{"digest":"sha256:0a"},"annotations":{"a":"b"}}"#);
        assert_eq!(plain.unwrap().annotations["a"], "b");
        for text in [
            r#"{"config":{"digest":"sha256:0a"},"Annotations":{"a":"b"}}"#,
            r#"{"config":{"digest":"sha256:0a"},"annotation\u017f":{"a":"b"}}"#,
            r#"{"config":{"digest":"sha256:0a"},"Config":{"digest":"sha256:0b"}}"#,
            r#"{"config":{"digest":"sha256:0a","DIGEST":"sha256:0b"}}"#,
            r#"{"config":{"digest":"sha256:../a"}}"#,
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
