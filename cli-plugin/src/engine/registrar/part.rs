//! How it stands with one engine, as data and as people read it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::EngineName;

/// One engine's part of a status. What could not be found out is absent, and
/// then `problems` says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Which engine.
    pub engine: EngineName,
    /// Its program and version, or its socket; `None` when it is not here.
    pub found: Option<String>,
    /// Whether anything of ours is registered with it.
    pub registered: bool,
    /// The names under which the wrapper is registered.
    pub runtimes: Vec<String>,
    /// Whether the wrapper is its default runtime.
    pub is_default: bool,
    /// The files of ours, or with something of ours in them.
    pub files: Vec<PathBuf>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// What is missing or wrong, with what to do about it; a status has those of
    /// all its parts in one list.
    #[serde(skip)]
    pub problems: Vec<String>,
}

impl Part {
    /// An engine of which nothing is known yet.
    pub fn new(engine: EngineName) -> Self {
        Self {
            engine,
            found: None,
            registered: false,
            runtimes: Vec::new(),
            is_default: false,
            files: Vec::new(),
            notes: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Takes down the runtimes that a file registers, by their programs.
    pub fn add_runtimes(&mut self, runtimes: Vec<(String, PathBuf)>, file: &Path) {
        for (_, program) in &runtimes {
            self.require_program(program, file);
        }
        self.runtimes = runtimes.into_iter().map(|(name, _)| name).collect();
        self.files.push(file.to_owned());
    }

    /// Takes down that a registered program is missing: an engine would not
    /// say so, or only when a container needs it.
    pub fn require_program(&mut self, program: &Path, file: &Path) {
        if program.is_file() {
            return;
        }
        self.problems.push(format!(
            "{} is missing, and {} names it\n  register anew with: docker jackin install --engine {}",
            program.display(),
            file.display(),
            self.engine
        ));
    }

    /// Whether there is anything to tell unasked.
    pub fn is_worth_telling(&self) -> bool {
        self.found.is_some() || self.registered
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.as_deref().unwrap_or("not found here");
        let name = self.engine.to_string();
        writeln!(f, "{name:<10} {found}")?;
        let line = |f: &mut fmt::Formatter<'_>, text: &str| writeln!(f, "{:<10} {text}", "");
        if !self.registered {
            line(f, "nothing registered")?;
        }
        if !self.runtimes.is_empty() {
            let default = if self.is_default { " (default)" } else { "" };
            line(
                f,
                &format!("registered {}{default}", self.runtimes.join(", ")),
            )?;
        }
        for file in &self.files {
            line(f, &file.display().to_string())?;
        }
        for note in &self.notes {
            line(f, note)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_whose_program_is_gone_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let [here, gone] = ["here", "gone"].map(|name| folder.path().join(name));
        std::fs::write(&here, "").unwrap();
        let mut part = Part::new(EngineName::Containerd);
        let runtimes = vec![("a".into(), here), ("b".into(), gone.clone())];
        part.add_runtimes(runtimes, Path::new("/etc/containerd/config.toml"));
        assert_eq!(part.runtimes, ["a", "b"]);
        let expected = format!(
            "{} is missing, and /etc/containerd/config.toml names it\n  \
             register anew with: docker jackin install --engine containerd",
            gone.display()
        );
        assert_eq!(part.problems, [expected]);
    }

    #[test]
    fn an_engines_part_reads_line_by_line() {
        let part = Part {
            found: Some("/usr/bin/podman (podman version 5.4.2)".into()),
            registered: true,
            runtimes: vec!["docker-jackin".into(), "docker-jackin-crun".into()],
            is_default: true,
            files: vec!["/etc/containers/containers.conf.d/50-docker-jackin.conf".into()],
            notes: vec!["a note".into()],
            ..Part::new(EngineName::Podman)
        };
        insta::assert_snapshot!(part.to_string(), @"
        podman     /usr/bin/podman (podman version 5.4.2)
                   registered docker-jackin, docker-jackin-crun (default)
                   /etc/containers/containers.conf.d/50-docker-jackin.conf
                   a note
        ");
        let json = serde_json::to_value(&part).unwrap();
        assert_eq!(json["engine"], "podman");
        assert!(json.get("problems").is_none(), "{json}");
        insta::assert_snapshot!(Part::new(EngineName::Crio).to_string(), @"
        crio       not found here
                   nothing registered
        ");
    }
}
