//! `NAME = …` in an `[env]` of jackin's: a literal, a variable of the host, or
//! a field of 1Password.

use std::fmt;

use secrecy::SecretString;

use super::node::{Content, Node, Reader};

/// What a variable is to be.
#[derive(Clone)]
pub enum EnvValue {
    /// The text itself.
    Literal(SecretString),
    /// A variable of the host.
    HostVariable(String),
    /// A field of 1Password.
    Op {
        /// The reference.
        reference: String,
        /// The account it is read in.
        account: Option<String>,
    },
    /// The same as a bare text, which jackin has passed on as it stands since
    /// the table form came.
    BareOp(String),
    /// Asked for at every use, and in no container otherwise.
    OnDemand,
}

/// A literal may be a secret.
impl fmt::Debug for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Literal(_) => "<literal>",
            Self::HostVariable(_) => "<host variable>",
            Self::Op { .. } | Self::BareOp(_) => "<op reference>",
            Self::OnDemand => "<on demand>",
        })
    }
}

impl EnvValue {
    /// What a text means: a variable only where it is all of the text.
    fn of_text(text: &str) -> Self {
        if let Some(name) = host_variable(text) {
            return Self::HostVariable(name.to_owned());
        }
        if text.starts_with("op://") {
            return Self::BareOp(text.to_owned());
        }
        Self::Literal(text.into())
    }

    pub(super) fn read(reader: &mut Reader, key: &str, node: Node) -> Option<Self> {
        let line = node.line;
        let mut table = match node.content {
            Content::Text(text) => return Some(Self::of_text(&text)),
            Content::Table(table) => table,
            _ => {
                reader.remark(line, format!("{key} is no text, and is left out"));
                return None;
            }
        };
        if reader.switch(&mut table, "on_demand") == Some(true) {
            return Some(Self::OnDemand);
        }
        let account = reader.text(&mut table, "account");
        if let Some(reference) = reader.text(&mut table, "op") {
            return Some(Self::Op { reference, account });
        }
        if let Some(text) = reader.text(&mut table, "value") {
            return Some(Self::of_text(&text));
        }
        reader.remark(line, format!("{key} has no value, and is left out"));
        None
    }

    /// The same in an account, where it names none itself.
    pub(super) fn set_account(&mut self, named: &str) {
        if let Self::Op { account, .. } = self {
            account.get_or_insert_with(|| named.to_owned());
        }
    }
}

/// The name in `$NAME` or `${NAME}`.
fn host_variable(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('$')?;
    let name = match rest.strip_prefix('{') {
        Some(braced) => braced.strip_suffix('}')?,
        None => rest,
    };
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (starts && name.chars().all(goes_on)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_variable_only_as_a_whole() {
        for (text, name) in [
            ("$NAME", Some("NAME")),
            ("${_a1}", Some("_a1")),
            ("pre-${NAME}", None),
            ("$A$B", None),
            ("$", None),
            ("$1", None),
            ("${}", None),
            ("${A", None),
        ] {
            assert_eq!(host_variable(text), name, "{text}");
        }
    }
}
