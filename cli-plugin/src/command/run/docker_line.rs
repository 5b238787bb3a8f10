//! The command line of the `docker run` that is started in our place.

use std::ffi::OsString;
use std::path::Path;

use jackin_oci_hook::ticket::{HANDLE_ANNOTATION, HANDLE_VARIABLE};

use crate::command::channel::HandleBy;
use crate::config::{Mount, Workspace};
use crate::engine::installation::RUNTIME_NAME;
use crate::mounted;
use crate::plugin::arguments::for_docker;
use crate::plugin::global_flags::GlobalFlags;

/// All that goes into the command line.
#[derive(Debug)]
pub(super) struct DockerLine<'a> {
    pub(super) flags: &'a GlobalFlags,
    pub(super) handle: &'a str,
    pub(super) handle_by: HandleBy,
    /// Whether our runtime is still to be named.
    pub(super) runtime: bool,
    /// The container's labels, as `name=value`.
    pub(super) labels: &'a [String],
    pub(super) workspace: Option<&'a Workspace>,
    pub(super) folder: &'a Path,
    pub(super) role_flags: &'a [OsString],
    pub(super) user_flags: &'a [OsString],
    pub(super) image: &'a str,
    pub(super) command: Option<&'a [OsString]>,
}

impl DockerLine<'_> {
    /// docker's arguments: ours, the role's, the user's, in rising rank.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let mut line = for_docker(self.flags);
        line.push("run".into());
        if self.runtime {
            line.extend(["--runtime".into(), RUNTIME_NAME.into()]);
        }
        match self.handle_by {
            HandleBy::Annotation => {
                let annotation = format!("{HANDLE_ANNOTATION}={}", self.handle);
                line.extend(["--annotation".into(), annotation.into()]);
            }
            HandleBy::Variable => line.extend(["--env".into(), HANDLE_VARIABLE.into()]),
        }
        for label in self.labels {
            line.extend(["--label".into(), label.into()]);
        }
        if let Some(workspace) = self.workspace {
            line.extend(mount_flags(workspace, self.folder));
        }
        line.extend_from_slice(self.role_flags);
        line.extend_from_slice(self.user_flags);
        line.push(self.image.into());
        line.extend_from_slice(self.command.unwrap_or_default());
        line
    }

    /// The variables that docker is given beside its environment.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        match self.handle_by {
            HandleBy::Annotation => Vec::new(),
            HandleBy::Variable => vec![(HANDLE_VARIABLE, self.handle.to_owned())],
        }
    }
}

/// The workspace's mounts, and where in them the current folder is: there the
/// container starts, as the user's shell stands here.
fn mount_flags(workspace: &Workspace, folder: &Path) -> Vec<OsString> {
    let mut flags = Vec::new();
    for mount in &workspace.mounts {
        let source = mounted::source(workspace, mount);
        flags.extend(["--mount".into(), mount_value(&source, mount).into()]);
    }
    if let Some(inside) = mounted::inside(workspace, folder) {
        flags.extend(["--workdir".into(), inside.into()]);
    }
    flags
}

/// `--mount` takes a line of comma-separated values.
fn mount_value(source: &Path, mount: &Mount) -> String {
    let mut fields = vec![
        "type=bind".to_owned(),
        quoted(&format!("source={}", source.display())),
        quoted(&format!("target={}", mount.dst)),
    ];
    if mount.readonly {
        fields.push("readonly".to_owned());
    }
    fields.join(",")
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(mounts: Vec<Mount>) -> Workspace {
        Workspace {
            workdir: Some("/src/app".into()),
            mounts,
            ..Workspace::default()
        }
    }

    fn mount(src: &str, dst: &str, readonly: bool) -> Mount {
        Mount {
            src: src.into(),
            dst: dst.into(),
            readonly,
        }
    }

    fn flags(workspace: &Workspace, folder: &str) -> String {
        let flags = mount_flags(workspace, Path::new(folder));
        flags.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn a_workspace_is_mounted_and_the_container_starts_where_the_shell_stands() {
        let app = workspace(vec![
            mount(".", "/workspace", false),
            mount("/data", "/d", true),
        ]);
        let mounts = "--mount type=bind,source=/src/app,target=/workspace --mount type=bind,source=/data,target=/d,readonly";
        for (folder, inside) in [
            ("/src/app", "/workspace"),
            ("/src/app/deep/er", "/workspace/deep/er"),
            ("/elsewhere", "/workspace"),
            ("/data/x", "/d/x"),
        ] {
            assert_eq!(flags(&app, folder), format!("{mounts} --workdir {inside}"));
        }
        assert_eq!(flags(&workspace(vec![]), "/src/app"), "");
    }

    #[test]
    fn a_comma_in_a_path_stays_in_its_field() {
        let app = workspace(vec![mount("a,\"b", "/w", false)]);
        assert!(flags(&app, "/x").contains(r#""source=/src/app/a,""b",target=/w"#));
    }
}
