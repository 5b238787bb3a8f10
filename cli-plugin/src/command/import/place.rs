//! A workspace's folder and what of it containers see.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use toml_edit::{Array, InlineTable, Value};

use super::planner::Planner;
use crate::jackin::{Mount, SharedMount, Workspace};

/// Where agents had their home in jackin's first images, and where they have
/// it since.
const FIRST_HOME: &str = "/home/claude/";
const HOME: &str = "/home/agent/";

impl<'a> Planner<'a> {
    /// Plans every workspace's folder and mounts.
    pub(super) fn plan_workspaces(&mut self) {
        for (name, workspace) in &self.jackin.workspaces {
            self.plan_workspace(name, workspace);
        }
    }

    fn plan_workspace(&mut self, name: &str, workspace: &Workspace) {
        let ours = self.workspaces.of(name).to_owned();
        let table = vec!["workspaces".to_owned(), ours.clone()];
        let mut mounts = self.own_mounts(name, workspace);
        let folder = workspace
            .workdir
            .as_deref()
            .and_then(|inside| folder_of_host(inside, &mounts));
        mounts.extend(self.shared_mounts(name, workspace, &mounts));
        let about = format!("workspace {name} workdir");
        match folder {
            Some(folder) => {
                let shown = folder.display().to_string();
                if workspace.workdir.as_deref() != Some(shown.as_str()) {
                    let why = format!("is the host's folder here: {shown}");
                    self.plan.converted(about, why);
                }
                self.plan.set_word(table.clone(), "workdir", &shown);
            }
            None => self.plan.left(
                about,
                "no mount of it shows a folder of the host, so no folder is known to be this workspace's",
            ),
        }
        if !mounts.is_empty() {
            let shown: Vec<String> = mounts.iter().map(shown).collect();
            let mounts: Array = mounts.iter().map(to_toml).collect();
            self.plan
                .set(table, "mounts", Value::Array(mounts), shown.join(", "));
        }
        self.note_choices(name, &ours, workspace);
    }

    fn note_choices(&mut self, name: &str, ours: &str, workspace: &Workspace) {
        if !workspace.allowed_roles.is_empty() {
            self.plan.unprotected(
                format!("workspace {name} allowed_roles"),
                "any role can be started in a workspace here, and then has its logins and mounts",
            );
        }
        if let Some(role) = &workspace.default_role {
            let role = self.roles.of(role);
            self.plan.left(
                format!("workspace {name} default_role"),
                format!(
                    "a role is named at the start: docker jackin run --workspace {ours} {role}"
                ),
            );
        }
        if workspace.default_agent.is_some() {
            self.plan.left(
                format!("workspace {name} default_agent"),
                "the role's first agent is started, unless another one is named",
            );
        }
    }

    fn own_mounts(&mut self, name: &str, workspace: &Workspace) -> Vec<Mount> {
        let mut mounts: Vec<Mount> = Vec::new();
        for mount in &workspace.mounts {
            let about = format!("workspace {name} mount {}", mount.dst);
            let Some(mut ours) = self.mount(&about, mount) else {
                continue;
            };
            if mounts.iter().any(|one| one.dst == ours.dst) {
                self.plan.left(about, "another mount has the same place");
                continue;
            }
            if mount.isolation.is_some() {
                ours.readonly = true;
                self.plan.converted_with_care(
                    about,
                    format!(
                        "read-only here: agents wrote to a copy of {}, and there are no copies here",
                        ours.src
                    ),
                );
            }
            mounts.push(ours);
        }
        mounts
    }

    /// A mount with its paths as they are here; `None`, with a note, where it
    /// is none.
    fn mount(&mut self, about: &str, mount: &Mount) -> Option<Mount> {
        let mut ours = mount.clone();
        if let Some(below) = mount.src.strip_prefix("~/") {
            let src = self.host.home().join(below);
            src.to_str()?.clone_into(&mut ours.src);
        }
        if !Path::new(&ours.src).is_absolute() {
            self.plan.left(about, "its src is no absolute path");
            return None;
        }
        if let Some(below) = mount.dst.strip_prefix(FIRST_HOME) {
            ours.dst = format!("{HOME}{below}");
            let why = format!(
                "is at {} here, where agents have their home today",
                ours.dst
            );
            self.plan.converted(about, why);
        }
        Some(ours)
    }

    /// The mounts of all containers, and of roles, that this workspace's have
    /// whichever role is started.
    fn shared_mounts(&mut self, name: &str, workspace: &Workspace, own: &[Mount]) -> Vec<Mount> {
        let jackin = self.jackin;
        let names: BTreeSet<&str> = jackin.mounts.iter().map(|one| one.name.as_str()).collect();
        let mut mounts: Vec<Mount> = Vec::new();
        for shared in names {
            let about = format!("docker.mounts.{shared}");
            let Some(mount) = self.for_every_role(shared, workspace) else {
                let why = format!(
                    "not in workspace {name}: it is for some roles only, and a mount is for all \
                     roles of a workspace here"
                );
                self.plan.left(about, why);
                continue;
            };
            let Some(ours) = self.mount(&about, mount) else {
                continue;
            };
            if own.iter().chain(&mounts).any(|one| one.dst == ours.dst) {
                let why = format!(
                    "not in workspace {name}, which has another one at {}",
                    ours.dst
                );
                self.plan.left(about, why);
                continue;
            }
            self.plan
                .converted(about, format!("stands in workspace {name}"));
            mounts.push(ours);
        }
        mounts
    }

    /// The mount of this name, if it is the same for all roles that can be
    /// started in the workspace.
    fn for_every_role(&self, name: &str, workspace: &Workspace) -> Option<&'a Mount> {
        let jackin = self.jackin;
        let named = || jackin.mounts.iter().filter(|one| one.name == name);
        let of_role = |role: &str| {
            let fitting = named().filter(|one| one.is_for(role));
            fitting.max_by_key(|one| one.rank())
        };
        if workspace.allowed_roles.is_empty() {
            let scoped = named().any(|one| one.scope.is_some());
            return named().next().filter(|_| !scoped).map(|one| &one.mount);
        }
        let mut roles = workspace.allowed_roles.iter();
        let first: &'a SharedMount = of_role(roles.next()?)?;
        let same = |role: &String| of_role(role).is_some_and(|one| one.mount == first.mount);
        roles.all(same).then_some(&first.mount)
    }
}

/// The host's folder that a container sees at `inside`: jackin names the
/// container's, and the host's is what is meant here.
fn folder_of_host(inside: &str, mounts: &[Mount]) -> Option<PathBuf> {
    let inside = Path::new(inside);
    let climbs = |path: &Path| path.components().any(|part| part == Component::ParentDir);
    if climbs(inside) {
        return None;
    }
    let around = mounts
        .iter()
        .filter_map(|mount| Some((mount, inside.strip_prefix(&mount.dst).ok()?)));
    let nearest = around.max_by_key(|(mount, _)| Path::new(&mount.dst).components().count());
    if let Some((mount, below)) = nearest {
        return Some(Path::new(&mount.src).join(below).components().collect());
    }
    // A folder around its mounts is no folder of the host: the first mount is
    // the project.
    let first = mounts
        .iter()
        .find(|mount| Path::new(&mount.dst).starts_with(inside))?;
    Some(Path::new(&first.src).components().collect())
}

fn to_toml(mount: &Mount) -> Value {
    let mut table = InlineTable::new();
    table.insert("src", mount.src.as_str().into());
    table.insert("dst", mount.dst.as_str().into());
    if mount.readonly {
        table.insert("readonly", true.into());
    }
    Value::InlineTable(table)
}

fn shown(mount: &Mount) -> String {
    let readonly = if mount.readonly { ":ro" } else { "" };
    format!("{}:{}{readonly}", mount.src, mount.dst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_container_s_folder_is_led_back_to_the_host_s() {
        let mount = |src: &str, dst: &str| Mount {
            src: src.to_owned(),
            dst: dst.to_owned(),
            readonly: false,
            isolation: None,
        };
        let mounts = [
            mount("/src/shop", "/w/shop"),
            mount("/deep", "/w/shop/deep"),
        ];
        for (inside, folder) in [
            ("/w/shop", Some("/src/shop")),
            ("/w/shop/api", Some("/src/shop/api")),
            ("/w/shop/deep/x", Some("/deep/x")),
            ("/w", Some("/src/shop")),
            ("/other", None),
            ("/w/shop/../..", None),
        ] {
            let found = folder_of_host(inside, &mounts);
            assert_eq!(found.as_deref(), folder.map(Path::new), "{inside}");
        }
    }
}
