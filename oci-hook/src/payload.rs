//! What a container is given: variables and files. Agents are unknown here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::published::LoginId;
use crate::secret::Secret;

/// What the engine's side puts into one container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// Variables set in process 1 and in every later exec.
    #[serde(default)]
    pub env: Vec<Variable>,
    /// Variables taken away, because they would outrank what is delivered.
    #[serde(default)]
    pub unset: Vec<VariableName>,
    /// Files put in place before the container's process starts.
    #[serde(default)]
    pub files: Vec<CredentialFile>,
}

impl Payload {
    /// What a hook alone can deliver of it: files, those that stand for its
    /// variables included. `unset` stays, as what must not be there.
    ///
    /// # Errors
    /// The names of the variables that nothing stands for.
    pub fn without_variables(&self) -> Result<Self, Vec<VariableName>> {
        let mut files = self.files.clone();
        let mut missed = Vec::new();
        for variable in &self.env {
            match &variable.without {
                Without::Nothing => missed.push(variable.name.clone()),
                Without::Needless => {}
                Without::File(file) => files.push(file.clone()),
            }
        }
        if !missed.is_empty() {
            return Err(missed);
        }
        Ok(Self {
            env: Vec::new(),
            unset: self.unset.clone(),
            files,
        })
    }
}

/// One variable and its secret value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// The name, without `=` or NUL.
    pub name: VariableName,
    /// The value, without NUL.
    pub value: VariableValue,
    /// What stands for it in a container that no variable can be given to.
    #[serde(default, skip_serializing_if = "Without::is_nothing")]
    pub without: Without,
}

impl Variable {
    /// A variable that nothing stands for.
    pub fn new(name: VariableName, value: VariableValue) -> Self {
        Self {
            name,
            value,
            without: Without::Nothing,
        }
    }
}

/// What stands for a variable where a hook alone serves the container: a hook
/// cannot change the process's environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Without {
    /// Nothing does: such a container is not served.
    #[default]
    Nothing,
    /// It is not missed: the payload's files say the same.
    Needless,
    /// A file does.
    File(CredentialFile),
}

impl Without {
    fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }
}

/// The name of an environment variable: not empty, no `=`, no NUL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariableName(String);

impl VariableName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VariableName {
    type Error = InvalidPayload;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(InvalidPayload::VariableName);
        }
        Ok(Self(name))
    }
}

impl TryFrom<&str> for VariableName {
    type Error = InvalidPayload;

    fn try_from(name: &str) -> Result<Self, Self::Error> {
        Self::try_from(name.to_owned())
    }
}

impl From<VariableName> for String {
    fn from(name: VariableName) -> Self {
        name.0
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret value of a variable: no NUL, since the kernel ends it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Secret", into = "Secret")]
pub struct VariableValue(Secret);

impl VariableValue {
    /// The value itself, for the one place that hands it on.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl TryFrom<Secret> for VariableValue {
    type Error = InvalidPayload;

    fn try_from(value: Secret) -> Result<Self, Self::Error> {
        if value.expose().contains('\0') {
            return Err(InvalidPayload::VariableValue);
        }
        Ok(Self(value))
    }
}

impl From<VariableValue> for Secret {
    fn from(value: VariableValue) -> Self {
        value.0
    }
}

/// One file for the container, owned there by the container's user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialFile {
    /// Where it belongs.
    pub place: Place,
    /// How it gets there, and what it holds.
    pub delivery: Delivery,
}

/// How a file gets into the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Delivery {
    /// A secret: it lies on the container's own tmpfs with mode 0600 and is
    /// bound over its place, so it is in no layer and no volume.
    Bind {
        /// The file's bytes.
        content: Secret,
    },
    /// A secret that its owner publishes and keeps up to date
    /// ([`crate::published`]): what they publish is mounted read-only, and bound
    /// over its place, so that every change of it is seen at once.
    Live {
        /// The login, among the ticket's owner's.
        login: LoginId,
        /// The file's bytes for a container that cannot follow it, which gets
        /// them as by [`Self::Bind`].
        content: Secret,
    },
    /// No secret: a JSON object whose keys are merged into the file that is
    /// there, or that becomes the file with mode 0600 where there is none.
    MergeJson {
        /// The object to merge in.
        object: serde_json::Map<String, serde_json::Value>,
    },
    /// No secret: lines for a file that is no JSON. They go to the end of the
    /// file that is there, which gets a line break first where it ends without
    /// one, or become the file with mode 0600 where there is none.
    AppendText {
        /// What is appended.
        text: String,
        /// Nothing is appended to a file with this string in it, nor to one
        /// that has `text` already.
        unless: String,
    },
}

impl Delivery {
    /// The secret that it delivers, if it is one.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Bind { content } | Self::Live { content, .. } => Some(content),
            Self::MergeJson { .. } | Self::AppendText { .. } => None,
        }
    }
}

/// The place of a file in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Where it is by default.
    pub path: ContainerPath,
    /// Where it is instead when the container's process has this variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_by: Option<MovedBy>,
}

/// A variable of the container's process that names another folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovedBy {
    /// The variable; an empty value counts as not set.
    pub variable: VariableName,
    /// The file's path inside the folder that the variable names.
    pub path: ContainerPath,
}

/// A path in a container: absolute, or relative to the user's home folder.
///
/// Never empty, never with a `..`, an empty component or a NUL in it, and at
/// most 4095 bytes long (`PATH_MAX` less its NUL).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerPath(String);

impl ContainerPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it starts at the container's root rather than at the home.
    pub fn is_absolute(&self) -> bool {
        self.0.starts_with('/')
    }
}

impl TryFrom<String> for ContainerPath {
    type Error = InvalidPayload;

    fn try_from(path: String) -> Result<Self, Self::Error> {
        let below = path.strip_prefix('/').unwrap_or(&path);
        let plain = |part: &str| !matches!(part, "" | "." | "..");
        if path.len() > 4095 || path.contains('\0') || !below.split('/').all(plain) {
            return Err(InvalidPayload::Path);
        }
        Ok(Self(path))
    }
}

impl TryFrom<&str> for ContainerPath {
    type Error = InvalidPayload;

    fn try_from(path: &str) -> Result<Self, Self::Error> {
        Self::try_from(path.to_owned())
    }
}

impl From<ContainerPath> for String {
    fn from(path: ContainerPath) -> Self {
        path.0
    }
}

/// Why a payload is refused. None of these carries what was in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPayload {
    /// A name is empty, or holds `=` or NUL.
    #[error("a variable's name is empty or holds '=' or NUL")]
    VariableName,
    /// A value holds NUL.
    #[error("a variable's value holds NUL")]
    VariableValue,
    /// A path is empty, too long, or has a `.`, `..`, empty part or NUL.
    #[error("a file's path is empty, too long, or has a '.', '..' or empty part")]
    Path,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_leave_the_home_are_refused() {
        for path in [
            "", "/", "..", "../x", "a/../b", "a//b", "a/", "./a", "a\0b", "/..",
        ] {
            assert_eq!(
                ContainerPath::try_from(path),
                Err(InvalidPayload::Path),
                "{path:?}"
            );
        }
        for path in [".claude/.credentials.json", "/data/x", "a..b"] {
            assert!(ContainerPath::try_from(path).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn names_and_values_that_would_make_two_variables_are_refused() {
        for name in ["", "A=B", "A\0"] {
            assert_eq!(
                VariableName::try_from(name),
                Err(InvalidPayload::VariableName)
            );
        }
        assert!(VariableValue::try_from(Secret::new("a\0b".into())).is_err());
        assert!(VariableValue::try_from(Secret::new("a\nb=c".into())).is_ok());
    }

    #[test]
    fn where_no_variable_can_be_set_files_stand_for_them_or_their_names_are_told() {
        let text = r#"{"env":[
            {"name":"TOKEN","value":"t","without":{"file":{"place":{"path":"f"},"delivery":{"bind":{"content":"t"}}}}},
            {"name":"KEY","value":"k","without":"needless"}],
            "unset":["RIVAL"],
            "files":[{"place":{"path":"g"},"delivery":{"bind":{"content":"k"}}}]}"#;
        let mut payload: Payload = serde_json::from_str(text).unwrap();
        let files = payload.without_variables().unwrap();
        let paths = files.files.iter().map(|file| file.place.path.as_str());
        assert_eq!(paths.collect::<Vec<_>>(), ["g", "f"]);
        assert_eq!((files.env.len(), &files.unset), (0, &payload.unset));

        payload.env[1].without = Without::Nothing;
        let missed = payload.without_variables().unwrap_err();
        assert_eq!(missed, [VariableName::try_from("KEY").unwrap()]);
    }

    #[test]
    fn a_refusal_does_not_show_the_value() {
        let text = r#"{"env":[{"name":"A","value":"canary\u0000"}]}"#;
        let error = serde_json::from_str::<Payload>(text).unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
