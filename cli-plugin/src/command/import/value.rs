//! A value of jackin's as one of ours.

use secrecy::{ExposeSecret, SecretString};
use toml_edit::{InlineTable, Value};

use crate::config::Written;
use crate::jackin::EnvValue;
use crate::source::Source;

/// A value that our reader takes for the same.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) value: Value,
    /// What may be shown of it.
    pub(super) shown: String,
    /// Why it means something else now, where it does.
    pub(super) changed: Option<&'static str>,
}

/// It may be a secret.
impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Ready {
    /// The value; or why there is none that means the same.
    pub(super) fn of(value: &EnvValue) -> Result<Self, String> {
        match value {
            EnvValue::Literal(text) => Self::literal(text),
            EnvValue::HostVariable(name) => Self::written(Written::Text(format!("${name}").into())),
            EnvValue::Op { reference, account } => Self::written(match account {
                Some(_) => Written::Op {
                    reference: reference.clone(),
                    account: account.clone(),
                },
                None => Written::Text(reference.as_str().into()),
            }),
            EnvValue::BareOp(reference) => {
                let ready = Self::written(Written::Text(reference.as_str().into()))?;
                Ok(Self {
                    changed: Some(
                        "jackin passed this reference on as text; here 1Password is asked for it",
                    ),
                    ..ready
                })
            }
            EnvValue::OnDemand => Err("jackin asked at every use, and gave it to no container by \
                 itself; there is nothing like it here"
                .to_owned()),
        }
    }

    /// A text, written so that it is read as nothing else.
    pub(super) fn literal(text: &SecretString) -> Result<Self, String> {
        let written = match text.expose_secret().strip_prefix('$') {
            Some(rest) => Written::Text(format!("$${rest}").into()),
            None => Written::Text(text.clone()),
        };
        match Source::parse(&written) {
            Ok(Source::Plain(_)) => Self::written(written),
            _ => Err("it is text that begins as a reference does here".to_owned()),
        }
    }

    /// Nothing, in the place of what a wider scope would give.
    pub(super) fn nothing() -> Self {
        Self {
            value: "".into(),
            shown: "nothing".to_owned(),
            changed: None,
        }
    }

    fn written(written: Written) -> Result<Self, String> {
        Source::parse(&written).map_err(|error| format!("it cannot be used: {error}"))?;
        let shown = Source::shown(&written);
        let value = match written {
            Written::Text(text) => text.expose_secret().into(),
            Written::Op { reference, account } => {
                let mut table = InlineTable::new();
                table.insert("op", reference.as_str().into());
                if let Some(account) = account {
                    table.insert("account", account.as_str().into());
                }
                Value::InlineTable(table)
            }
            Written::Command(_) => return Err("jackin has no commands".to_owned()),
        };
        Ok(Self {
            value,
            shown,
            changed: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn literal(text: &str) -> Option<String> {
        let ready = Ready::literal(&text.into()).ok()?;
        assert!(ready.shown == "plain value" && !format!("{ready:?}").contains(text));
        Some(ready.value.as_str().unwrap().to_owned())
    }

    #[test]
    fn a_text_stays_text_whatever_it_looks_like_here() {
        for (text, written) in [
            ("canary", Some("canary")),
            ("pre-${NAME}", Some("pre-${NAME}")),
            ("$A$B", Some("$$A$B")),
            ("$", Some("$$")),
            ("$1", Some("$$1")),
            ("cmd:rm -rf /", None),
            ("file:/etc/passwd", None),
            ("helper:x/y", None),
            ("keychain:x", None),
        ] {
            assert_eq!(literal(text).as_deref(), written, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_read_back_as_itself_or_not_taken_over(
            text in "(\\$|\\$\\$|\\$\\{|op://|cmd:|file:|helper:|se://)?[ -~]{0,12}"
        ) {
            if let Ok(ready) = Ready::literal(&text.as_str().into()) {
                let written = Written::Text(ready.value.as_str().unwrap().into());
                let Ok(Source::Plain(read)) = Source::parse(&written) else {
                    panic!("{text} became a reference")
                };
                prop_assert_eq!(read.expose_secret(), text.as_str());
            }
        }
    }
}
