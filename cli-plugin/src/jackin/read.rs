//! All files of a folder, read into one whole.

use super::node::{Reader, Table};
use super::version::{self, Format};
use super::{Account, Folder, Jackin, Layer, ReadFile, Remark, Rest, Role, Workspace, mount};

/// The name of the file for all.
const CONFIG: &str = "config.toml";

/// Reads what a folder of jackin's holds.
pub fn read(folder: &Folder) -> Jackin {
    let mut jackin = Jackin {
        remarks: folder.remarks.clone(),
        ..Jackin::default()
    };
    if let Some(text) = &folder.config {
        jackin.read_config(text);
    }
    for (name, text) in &folder.workspaces {
        jackin.read_workspace(name, text);
    }
    jackin
}

/// Takes out the version, and says so where it is none that is known.
pub(super) fn version(reader: &mut Reader, table: &mut Table, workspace: bool) -> Option<String> {
    let node = table.take("version")?;
    let line = node.line;
    let super::node::Content::Text(version) = node.content else {
        reader.remark(line, "the version is no text; read as far as it is known");
        return None;
    };
    if version::is_unknown(&version, workspace) {
        reader.remark(
            line,
            "a version that is not known here; read as far as it is known",
        );
    }
    Some(
        version
            .chars()
            .filter(|c| !c.is_control())
            .take(32)
            .collect(),
    )
}

impl Jackin {
    fn read_config(&mut self, text: &str) {
        let mut reader = Reader::new(CONFIG);
        if let Some(mut table) = reader.parse(text) {
            self.take_config(&mut reader, &mut table);
        }
        self.remarks.append(&mut reader.remarks);
    }

    fn take_config(&mut self, reader: &mut Reader, table: &mut Table) {
        let version = version(reader, table, false);
        let number = version.as_deref().and_then(version::number);
        let format = Format::of_config(number, table);
        self.has_accounts = format == Format::Accounts;
        self.files.push(ReadFile {
            name: CONFIG.to_owned(),
            version,
            format,
        });
        self.global = Layer::read(reader, table);
        for key in ["agents", "roles"] {
            for (name, mut inner) in reader.tables(table, key) {
                let role = Role::read(reader, &mut inner, &name, &mut self.rest);
                self.roles.insert(name, role);
            }
        }
        for (id, mut inner) in reader.tables(table, "accounts") {
            let account = Account::read(reader, &mut inner);
            self.accounts.insert(id, account);
        }
        if let Some(mut docker) = reader.table(table, "docker") {
            self.mounts = mount::shared(reader, &mut docker);
            reader.rest(&mut docker, "docker", &mut self.rest);
        }
        for (name, mut inner) in reader.tables(table, "workspaces") {
            self.take_workspace(reader, &name, &mut inner);
        }
        reader.rest(table, "", &mut self.rest);
    }

    fn read_workspace(&mut self, name: &str, text: &str) {
        let file = format!("workspaces/{name}.toml");
        let mut reader = Reader::new(&file);
        if let Some(mut table) = reader.parse(text) {
            if self.workspaces.contains_key(name) {
                self.rest
                    .retain(|rest| rest.workspace.as_deref() != Some(name));
                self.remarks.push(Remark {
                    place: CONFIG.to_owned(),
                    what: format!("[workspaces.{name}] gives way to {file}"),
                });
            }
            self.take_workspace(&mut reader, name, &mut table);
            let read = self.workspaces.get(name);
            self.files.extend(read.map(|workspace| ReadFile {
                name: file,
                version: workspace.version.clone(),
                format: workspace.format,
            }));
        }
        self.remarks.append(&mut reader.remarks);
    }

    fn take_workspace(&mut self, reader: &mut Reader, name: &str, table: &mut Table) {
        let mut rest = Vec::new();
        let workspace = Workspace::read(reader, table, &mut rest);
        self.rest.extend(rest.into_iter().map(|rest| Rest {
            workspace: Some(name.to_owned()),
            ..rest
        }));
        self.workspaces.insert(name.to_owned(), workspace);
    }
}

impl Role {
    fn read(reader: &mut Reader, table: &mut Table, name: &str, rest: &mut Vec<Rest>) -> Self {
        // Where it is built from is of no use to a tool that builds nothing,
        // and a secret may stand in the address.
        table.take("git");
        let role = Self {
            trusted: reader.switch(table, "trusted").unwrap_or_default(),
            layer: Layer::read(reader, table),
        };
        reader.rest(table, &format!("roles.{name}"), rest);
        role
    }
}
