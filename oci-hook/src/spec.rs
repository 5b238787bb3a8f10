//! Editing `config.json` and `process.json` without losing a byte of the rest.
//!
//! Field names are those of the OCI runtime specification, `config.md`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize as SerializeDerive};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::payload::{Payload, Variable, VariableName};
use crate::raw_object::RawObject;
use crate::record::Configured;
use crate::secret::Secret;
use crate::ticket::{HANDLE_ANNOTATION, HANDLE_VARIABLE, to_wiped_json};

/// The largest `config.json` or process file that is read, in bytes. Docker
/// writes about 20 kB; environments of a few MiB have been seen.
pub const MAX_SIZE: u64 = 64 << 20;

/// A bundle's `config.json`, or the process file of an exec, that is no valid
/// JSON of its kind. Carries only the position.
#[derive(Debug, thiserror::Error)]
#[error("it is not valid at line {line}, column {column}")]
pub struct Invalid {
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for Invalid {
    fn from(error: serde_json::Error) -> Self {
        Self {
            line: error.line(),
            column: error.column(),
        }
    }
}

/// A bundle's `config.json`.
#[derive(Debug)]
pub struct Spec<'a> {
    top: RawObject<'a>,
    process: Process<'a>,
}

/// What stands where a ticket's handle belongs.
#[derive(Debug, PartialEq, Eq)]
pub struct FoundHandle {
    /// The text, which may be no handle at all.
    pub text: String,
    /// Whether it came by the variable, which an image can set too.
    pub by_variable: bool,
}

/// The hook that is added at createRuntime.
///
/// It has no `timeout`: crun (1.8.1 and 1.21) waits for a hook that has one
/// with sigtimedwait, and where another child's SIGCHLD is still pending it
/// never sees the hook's own: a hook that has long ended well "times out".
/// What the hook waits for has limits of its own.
#[derive(Debug, SerializeDerive)]
pub struct Hook<'a> {
    /// The absolute path of the binary.
    pub path: &'a Path,
    /// Its arguments, `args[0]` included.
    pub args: &'a [&'a str],
    /// Its environment: never empty, since runc before 1.3 gives a hook
    /// without one the container's (CVE-2025-23266).
    pub env: &'a [&'a str],
}

/// The user that the container's process runs as, in the container's ids.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// Further groups.
    pub additional_gids: Vec<u32>,
}

impl<'a> Spec<'a> {
    /// Reads a `config.json`.
    pub fn from_json(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let top: RawObject = serde_json::from_slice(bytes)?;
        let process = Process {
            object: top.object("process")?,
        };
        Ok(Self { top, process })
    }

    /// The container's process.
    pub fn process(&self) -> &Process<'a> {
        &self.process
    }

    /// The ticket's handle as the engine hands it over: the annotation, which
    /// an image cannot set on Docker, before the variable, which it can.
    pub fn handle(&self) -> Result<Option<FoundHandle>, Invalid> {
        let annotations = self.top.object("annotations")?;
        let annotation: Option<String> = annotations.read(HANDLE_ANNOTATION)?;
        let by_variable = annotation.is_none();
        let text = match annotation {
            Some(handle) => Some(handle),
            None => self.process.variable(HANDLE_VARIABLE)?.map(Cow::into_owned),
        };
        let text = text.filter(|handle| !handle.is_empty());
        Ok(text.map(|text| FoundHandle { text, by_variable }))
    }

    /// The container's annotations.
    pub fn annotations(&self) -> Result<BTreeMap<String, String>, Invalid> {
        Ok(self.top.read("annotations")?.unwrap_or_default())
    }

    /// The version of the specification that it says it follows.
    pub fn oci_version(&self) -> Result<Option<String>, Invalid> {
        Ok(self.top.read("ociVersion")?)
    }

    /// The rootfs, as it is written: relative to the bundle, or absolute.
    pub fn root(&self) -> Result<Option<PathBuf>, Invalid> {
        Ok(self.top.object("root")?.read("path")?)
    }

    /// Where the container's mounts come from, in their order.
    pub fn mount_sources(&self) -> Result<Vec<PathBuf>, Invalid> {
        #[derive(Deserialize)]
        struct Mount {
            source: Option<PathBuf>,
        }
        let mounts: Option<Vec<Mount>> = self.top.read("mounts")?;
        let sources = mounts.unwrap_or_default().into_iter();
        Ok(sources.filter_map(|mount| mount.source).collect())
    }

    /// The `config.json` with a payload's variables, an absolute rootfs and,
    /// where one is given, a hook at the end of createRuntime.
    pub fn edited(
        &self,
        payload: &Payload,
        root: &Path,
        hook: Option<&Hook<'_>>,
    ) -> Result<Zeroizing<Vec<u8>>, Invalid> {
        let hooks = self.top.object("hooks")?;
        let create_runtime = hooks.read("createRuntime")?;
        let root = EditedRoot {
            object: self.top.object("root")?,
            path: root,
        };
        let edited = EditedSpec {
            top: &self.top,
            process: self
                .process
                .edit(Environment::of_start(&self.process, payload)?),
            root,
            hooks: hook.map(|hook| EditedHooks {
                object: hooks,
                create_runtime: Appended {
                    kept: create_runtime.unwrap_or_default(),
                    added: hook,
                },
            }),
        };
        Ok(to_wiped_json(&edited)?)
    }
}

/// The `process` object of a `config.json`, or an exec's process file.
#[derive(Debug)]
pub struct Process<'a> {
    object: RawObject<'a>,
}

impl<'a> Process<'a> {
    /// Reads the process file of an exec.
    pub fn from_json(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let object = serde_json::from_slice(bytes)?;
        Ok(Self { object })
    }

    /// The user it runs as.
    pub fn user(&self) -> Result<User, Invalid> {
        Ok(self.object.read("user")?.unwrap_or_default())
    }

    /// The program it is to run, as it is written.
    pub fn program(&self) -> Result<Option<String>, Invalid> {
        let words: Option<Vec<String>> = self.object.read("args")?;
        Ok(words.and_then(|words| words.into_iter().next()))
    }

    /// Whether a process of the container's may have the right to mount
    /// (`CAP_SYS_ADMIN` among its bounding capabilities).
    pub fn may_mount(&self) -> Result<bool, Invalid> {
        type Sets = BTreeMap<String, Option<Vec<String>>>;
        let sets: Option<Sets> = self.object.read("capabilities")?;
        let bounding = sets.unwrap_or_default().remove("bounding").flatten();
        Ok(bounding.is_some_and(|bounding| bounding.iter().any(|one| one == "CAP_SYS_ADMIN")))
    }

    /// Whether `SELinux` confines it: the engine gives it a label.
    pub fn is_labelled(&self) -> Result<bool, Invalid> {
        let label: Option<String> = self.object.read("selinuxLabel")?;
        Ok(label.is_some_and(|label| !label.is_empty()))
    }

    /// Its working directory, `/` where none is named.
    pub fn cwd(&self) -> Result<PathBuf, Invalid> {
        Ok(self.object.read("cwd")?.unwrap_or_else(|| "/".into()))
    }

    /// The value of one of its variables; of two with one name the last, as
    /// runc has it.
    pub fn variable(&self, name: &str) -> Result<Option<Cow<'a, str>>, Invalid> {
        let mut found = None;
        for entry in self.env()? {
            let text = entry_text(entry)?;
            if let Some(value) = value_of(&text, name) {
                found = Some(Cow::Owned(value.to_owned()));
            }
        }
        Ok(found)
    }

    /// What it says of the variables that a payload sets or takes away.
    pub fn configured(&self, payload: &Payload) -> Result<Vec<Configured>, Invalid> {
        let mut configured = Vec::new();
        for name in touched(payload) {
            if let Some(value) = self.variable(name.as_str())? {
                configured.push(Configured {
                    name: name.clone(),
                    value: Secret::new(value.into_owned()),
                });
            }
        }
        Ok(configured)
    }

    /// The process file of an exec with a payload's variables, save those
    /// that the exec's user gave a value of their own.
    pub fn edited(
        &self,
        payload: &Payload,
        configured: &[Configured],
    ) -> Result<Zeroizing<Vec<u8>>, Invalid> {
        let environment = Environment::of_exec(self, payload, configured)?;
        Ok(to_wiped_json(&self.edit(environment))?)
    }

    fn edit<'b>(&'b self, env: Environment<'b>) -> EditedProcess<'b> {
        EditedProcess {
            object: &self.object,
            env,
        }
    }

    fn env(&self) -> Result<Vec<&'a RawValue>, Invalid> {
        Ok(self.object.read("env")?.unwrap_or_default())
    }
}

/// An environment: entries that stay as they are, and variables added.
#[derive(Debug)]
struct Environment<'a> {
    kept: Vec<&'a RawValue>,
    added: Vec<&'a Variable>,
}

impl<'a> Environment<'a> {
    fn of_start(process: &Process<'a>, payload: &'a Payload) -> Result<Self, Invalid> {
        let drops = |name: &str| touched(payload).any(|touched| touched.as_str() == name);
        Ok(Self {
            kept: keep(process, |name, _| name != HANDLE_VARIABLE && !drops(name))?,
            added: payload.env.iter().collect(),
        })
    }

    fn of_exec(
        process: &Process<'a>,
        payload: &'a Payload,
        configured: &[Configured],
    ) -> Result<Self, Invalid> {
        let from_configuration = |name: &str, value: &str| {
            let mut entries = configured.iter();
            entries.any(|entry| entry.name.as_str() == name && entry.value.expose() == value)
        };
        let ours = |name: &str| touched(payload).any(|touched| touched.as_str() == name);
        let kept = keep(process, |name, value| {
            name != HANDLE_VARIABLE && (!ours(name) || !from_configuration(name, value))
        })?;
        let mut added: Vec<&Variable> = payload.env.iter().collect();
        for entry in &kept {
            let text = entry_text(entry)?;
            added.retain(|variable| value_of(&text, variable.name.as_str()).is_none());
        }
        Ok(Self { kept, added })
    }
}

fn keep<'a>(
    process: &Process<'a>,
    keeps: impl Fn(&str, &str) -> bool,
) -> Result<Vec<&'a RawValue>, Invalid> {
    let mut kept = Vec::new();
    for entry in process.env()? {
        let text = entry_text(entry)?;
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        if keeps(name, value) {
            kept.push(entry);
        }
    }
    Ok(kept)
}

/// The variables that a payload sets or takes away.
fn touched(payload: &Payload) -> impl Iterator<Item = &VariableName> {
    let set = payload.env.iter().map(|variable| &variable.name);
    set.chain(&payload.unset)
}

fn entry_text(entry: &RawValue) -> Result<Zeroizing<String>, Invalid> {
    Ok(Zeroizing::new(serde_json::from_str(entry.get())?))
}

fn value_of<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    entry.strip_prefix(name)?.strip_prefix('=')
}

impl Serialize for Environment<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut env = serializer.serialize_seq(None)?;
        for entry in &self.kept {
            env.serialize_element(entry)?;
        }
        for Variable { name, value, .. } in &self.added {
            let entry = [name.as_str(), "=", value.expose()].concat();
            env.serialize_element(&*Zeroizing::new(entry))?;
        }
        env.end()
    }
}

struct EditedSpec<'a> {
    top: &'a RawObject<'a>,
    process: EditedProcess<'a>,
    root: EditedRoot<'a>,
    hooks: Option<EditedHooks<'a>>,
}

impl Serialize for EditedSpec<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.top.entries() {
            match key {
                "process" | "root" => {}
                "hooks" if self.hooks.is_some() => {}
                _ => map.serialize_entry(key, value)?,
            }
        }
        map.serialize_entry("process", &self.process)?;
        map.serialize_entry("root", &self.root)?;
        if let Some(hooks) = &self.hooks {
            map.serialize_entry("hooks", hooks)?;
        }
        map.end()
    }
}

struct EditedProcess<'a> {
    object: &'a RawObject<'a>,
    env: Environment<'a>,
}

impl Serialize for EditedProcess<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        replaced(serializer, self.object, "env", &self.env)
    }
}

struct EditedRoot<'a> {
    object: RawObject<'a>,
    path: &'a Path,
}

impl Serialize for EditedRoot<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        replaced(serializer, &self.object, "path", self.path)
    }
}

struct EditedHooks<'a> {
    object: RawObject<'a>,
    create_runtime: Appended<'a>,
}

impl Serialize for EditedHooks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        replaced(
            serializer,
            &self.object,
            "createRuntime",
            &self.create_runtime,
        )
    }
}

/// A list of hooks with one more at its end.
struct Appended<'a> {
    kept: Vec<&'a RawValue>,
    added: &'a Hook<'a>,
}

impl Serialize for Appended<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.kept.len() + 1))?;
        for hook in &self.kept {
            list.serialize_element(hook)?;
        }
        list.serialize_element(self.added)?;
        list.end()
    }
}

/// Writes an object with the value of one key replaced, or added.
fn replaced<S: Serializer>(
    serializer: S,
    object: &RawObject<'_>,
    key: &str,
    value: &(impl Serialize + ?Sized),
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (name, kept) in object.entries() {
        if name != key {
            map.serialize_entry(name, kept)?;
        }
    }
    map.serialize_entry(key, value)?;
    map.end()
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
