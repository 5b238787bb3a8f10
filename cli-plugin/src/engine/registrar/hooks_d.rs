//! The hook of Podman and CRI-O: a JSON file in a folder that they read
//! (`oci-hooks(5)`, schema 1.0.0).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::own_file::OwnFile;

/// The folder that Podman (rootful and rootless) and CRI-O read by default;
/// Podman 4.3 and 5.4 do not read the one below `/etc`.
pub const DEFAULT_FOLDER: &str = "/usr/share/containers/oci/hooks.d";

/// The file's name in there.
const NAME: &str = "50-docker-jackin.json";

/// The hook's file name.
pub(super) const HOOK: &str = "docker-jackin-hook";

/// Its whole environment: without one, the hook gets the caller's.
pub(super) const ENVIRONMENT: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/// The words that it is called with; the first is its own name.
pub(super) const ARGUMENTS: [&str; 2] = [HOOK, "redeem"];

/// The file in a folder of hooks.
pub fn file(folder: &Path) -> OwnFile {
    OwnFile::told_by(folder.join(NAME), is_ours)
}

/// What it says: containers that name a ticket in their annotation get the
/// hook. It has no time limit, which crun would hold against hooks that ended
/// in time ([`jackin_oci_hook::spec::Hook`]).
pub fn text(hook: &Path) -> String {
    let content = json!({
        "version": "1.0.0",
        "hook": {
            "path": hook,
            "args": ARGUMENTS,
            "env": [ENVIRONMENT],
        },
        "when": { "annotations": { "^dev\\.jackin\\.ticket$": ".+" } },
        "stages": ["createRuntime"],
    });
    format!("{content:#}\n")
}

/// The hook that a text names.
pub fn named_hook(text: &str) -> Option<PathBuf> {
    let content: Value = serde_json::from_str(text).ok()?;
    Some(content["hook"]["path"].as_str()?.into())
}

fn is_ours(text: &str) -> bool {
    named_hook(text).is_some_and(|path| path.ends_with(HOOK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hook_is_asked_for_by_the_annotation_alone() {
        let text = text(Path::new("/l/docker-jackin-hook"));
        assert!(is_ours(&text));
        assert!(!is_ours("{}") && !is_ours("") && !is_ours(r#"{"hook":{"path":"/x"}}"#));
        insta::assert_snapshot!(text, @r#"
        {
          "hook": {
            "args": [
              "docker-jackin-hook",
              "redeem"
            ],
            "env": [
              "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
            ],
            "path": "/l/docker-jackin-hook"
          },
          "stages": [
            "createRuntime"
          ],
          "version": "1.0.0",
          "when": {
            "annotations": {
              "^dev\\.jackin\\.ticket$": ".+"
            }
          }
        }
        "#);
    }
}
