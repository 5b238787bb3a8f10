//! Mounts: those of a workspace, and those of all or of some roles.

use super::node::{Content, Reader, Table};

/// A bind mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// A folder or file of the host.
    pub src: String,
    /// Where the container sees it.
    pub dst: String,
    /// Whether the container may only read it.
    pub readonly: bool,
    /// `worktree` or `clone`, where the container was to see a copy.
    pub isolation: Option<String>,
}

/// A mount that is no single workspace's.
#[derive(Debug)]
pub struct SharedMount {
    /// Its name.
    pub name: String,
    /// The role, or `namespace/*`; `None` for all.
    pub scope: Option<String>,
    /// What is mounted.
    pub mount: Mount,
}

impl SharedMount {
    /// Whether it is for containers of this role.
    pub fn is_for(&self, role: &str) -> bool {
        match self.scope.as_deref() {
            None => true,
            Some(scope) => match scope.strip_suffix("/*") {
                Some(namespace) => role
                    .split_once('/')
                    .is_some_and(|(first, _)| first == namespace),
                None => scope == role,
            },
        }
    }

    /// How exactly it names its roles; the most exact one of a name wins.
    pub fn rank(&self) -> u8 {
        match self.scope.as_deref() {
            None => 0,
            Some(scope) if scope.ends_with("/*") => 1,
            Some(_) => 2,
        }
    }
}

impl Mount {
    fn read(reader: &mut Reader, table: &mut Table, line: usize) -> Option<Self> {
        let src = reader.text(table, "src");
        let dst = reader.text(table, "dst");
        let readonly = reader.switch(table, "readonly").unwrap_or_default();
        let isolation = reader.text(table, "isolation");
        let (Some(src), Some(dst)) = (src, dst) else {
            reader.remark(line, "a mount without src or dst is left out");
            return None;
        };
        Some(Self {
            src,
            dst,
            readonly,
            isolation: isolation.filter(|word| word != "shared"),
        })
    }
}

/// `mounts` of a workspace.
pub(super) fn of_workspace(reader: &mut Reader, table: &mut Table) -> Vec<Mount> {
    let Some(node) = table.take("mounts") else {
        return Vec::new();
    };
    let Content::List(nodes) = node.content else {
        reader.remark(node.line, "mounts is no list, and is left out");
        return Vec::new();
    };
    let mut mounts = Vec::new();
    for node in nodes {
        let line = node.line;
        if let Some(mut inner) = reader.as_table("a mount", node) {
            mounts.extend(Mount::read(reader, &mut inner, line));
        }
    }
    mounts
}

/// `[docker.mounts]`: a table with `src` and `dst` in text is a mount, any
/// other the mounts of some roles.
pub(super) fn shared(reader: &mut Reader, docker: &mut Table) -> Vec<SharedMount> {
    let mut table = reader.table(docker, "mounts").unwrap_or_default();
    let mut mounts = Vec::new();
    for (name, node) in table.take_all() {
        let line = node.line;
        let Some(mut inner) = reader.as_table(&name, node) else {
            continue;
        };
        if inner.is_text("src") && inner.is_text("dst") {
            let mount = Mount::read(reader, &mut inner, line);
            mounts.extend(mount.map(|mount| SharedMount {
                name,
                scope: None,
                mount,
            }));
            continue;
        }
        for (inside, node) in inner.take_all() {
            let line = node.line;
            if let Some(mut inner) = reader.as_table(&inside, node) {
                let mount = Mount::read(reader, &mut inner, line);
                mounts.extend(mount.map(|mount| SharedMount {
                    name: inside,
                    scope: Some(name.clone()),
                    mount,
                }));
            }
        }
    }
    mounts
}
