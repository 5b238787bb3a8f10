//! The drop-in's text.

use std::fmt;
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Value};

use crate::engine::installation::RUNTIME_NAME;
use crate::engine::registrar::own_file::HEADER;

/// What the drop-in says.
pub(super) struct DropIn<'a> {
    /// The names of the wrapper, and its programs.
    pub(super) runtimes: &'a [(String, PathBuf)],
    /// What the wrapper calls when its name says nothing else.
    pub(super) low_level: &'a Path,
    /// Whether the wrapper is the default runtime.
    pub(super) default: bool,
    /// All folders of hooks, where one more has to be named.
    pub(super) hook_folders: Option<Vec<String>>,
    /// What is in force without us.
    pub(super) supports_json: Vec<String>,
    /// The same.
    pub(super) supports_no_cgroup: Vec<String>,
}

impl fmt::Display for DropIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER} --engine podman`; uninstalling removes it.")?;
        writeln!(
            f,
            "# A list in here replaces the one in force, and so repeats it."
        )?;
        writeln!(f, "\n[engine]")?;
        if self.default {
            writeln!(f, "runtime = {}", text(RUNTIME_NAME))?;
        }
        if let Some(folders) = &self.hook_folders {
            writeln!(f, "hooks_dir = {}", list(folders, &[]))?;
        }
        let names: Vec<_> = self
            .runtimes
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let json = list(&self.supports_json, &names);
        writeln!(f, "runtime_supports_json = {json}")?;
        let no_cgroup = list(&self.supports_no_cgroup, &self.without_cgroups());
        writeln!(
            f,
            "# The key has no s at its end, whatever containers.conf(5) says."
        )?;
        writeln!(f, "runtime_supports_nocgroup = {no_cgroup}")?;
        writeln!(f, "\n[engine.runtimes]")?;
        for (name, program) in self.runtimes {
            let program = program.display().to_string();
            writeln!(f, "{name} = [{}]", text(&program))?;
        }
        Ok(())
    }
}

impl DropIn<'_> {
    /// The names that can do without cgroups: those on crun.
    fn without_cgroups(&self) -> Vec<&str> {
        let on_crun = |name: &str| match name.strip_prefix(RUNTIME_NAME) {
            Some("") => self.low_level.file_name().is_some_and(|low| low == "crun"),
            rest => rest == Some("-crun"),
        };
        let names = self.runtimes.iter().map(|(name, _)| name.as_str());
        names.filter(|name| on_crun(name)).collect()
    }
}

/// The names of the wrapper in a drop-in's text.
pub(super) fn runtimes(drop_in: &str) -> Vec<String> {
    let names = || {
        let document: DocumentMut = drop_in.parse().ok()?;
        let table = document.get("engine")?.get("runtimes")?.as_table_like()?;
        Some(table.iter().map(|(name, _)| name.to_owned()).collect())
    };
    names().unwrap_or_default()
}

/// The programs that a drop-in's text names.
pub(super) fn programs(drop_in: &str) -> Vec<PathBuf> {
    let programs = || {
        let document: DocumentMut = drop_in.parse().ok()?;
        let table = document.get("engine")?.get("runtimes")?.as_table_like()?;
        let lists = table.iter().filter_map(|(_, list)| list.as_array());
        let texts = lists.flat_map(|list| list.iter().filter_map(Value::as_str));
        Some(texts.map(PathBuf::from).collect())
    };
    programs().unwrap_or_default()
}

/// Whether a drop-in's text makes the wrapper the default runtime.
pub(super) fn is_default(drop_in: &str) -> bool {
    let named = || {
        let document: DocumentMut = drop_in.parse().ok()?;
        let name = document.get("engine")?.get("runtime")?.as_str()?;
        Some(name == RUNTIME_NAME)
    };
    named().unwrap_or(false)
}

/// A list and more names that are not in it yet, as TOML.
fn list(known: &[String], more: &[&str]) -> Array {
    let mut list = Array::new();
    let known = known.iter().map(String::as_str).collect::<Vec<_>>();
    for name in known.iter().chain(more) {
        if !list.iter().any(|there| there.as_str() == Some(name)) {
            list.push(*name);
        }
    }
    list
}

fn text(text: &str) -> Value {
    Value::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::registrar::Wanted;

    #[test]
    fn the_names_of_the_wrapper_are_added_to_what_is_in_force() {
        let wanted = Wanted::of(Path::new("/l"), false);
        let mut drop_in = DropIn {
            runtimes: &wanted.runtimes,
            low_level: &wanted.low_level,
            default: false,
            hook_folders: None,
            supports_json: vec!["crun".into(), "docker-jackin".into()],
            supports_no_cgroup: vec!["crun".into()],
        };
        let text = drop_in.to_string();
        let json = "json = [\"crun\", \"docker-jackin\", \"docker-jackin-runc\"";
        assert!(text.contains(json), "{text}");
        assert!(
            text.contains("nocgroup = [\"crun\", \"docker-jackin-crun\"]"),
            "{text}"
        );
        assert!(!is_default(&drop_in.to_string()));
        drop_in.default = true;
        drop_in.low_level = Path::new("/usr/bin/crun");
        drop_in.hook_folders = Some(vec!["/h".into(), "/o".into()]);
        let text = drop_in.to_string();
        assert!(is_default(&text));
        let names = ["docker-jackin", "docker-jackin-runc", "docker-jackin-crun"];
        assert_eq!(runtimes(&text), names);
        assert_eq!(programs(&text)[0], Path::new("/l/docker-jackin-runtime"));
        assert_eq!(programs(&text).len(), 3);
        assert!(text.contains("hooks_dir = [\"/h\", \"/o\"]"), "{text}");
        let no_cgroup = "nocgroup = [\"crun\", \"docker-jackin\", \"docker-jackin-crun\"]";
        assert!(text.contains(no_cgroup), "{text}");
    }
}
