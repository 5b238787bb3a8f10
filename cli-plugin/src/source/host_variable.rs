//! `$NAME`: a variable of the shell at launch.

use jackin_oci_hook::payload::Payload;
use secrecy::SecretString;

use super::SourceError;
use crate::host::Host;

/// The shell that variables are read from.
#[derive(Debug, Clone, Copy)]
pub enum Shell<'a> {
    /// The shell this command was given in.
    Live(&'a Host),
    /// The shell is gone; this is what the container was given then.
    Gone(&'a Payload),
    /// There never was one: a policy started the container, and nobody.
    Absent,
}

impl Shell<'_> {
    /// The value of `$name` now.
    pub(super) fn read(self, name: &str) -> Result<SecretString, SourceError> {
        let value = match self {
            Self::Live(host) => host.variable_os(name),
            Self::Gone(_) | Self::Absent => None,
        };
        let value = value.ok_or_else(|| SourceError::Unset {
            name: name.to_owned(),
        })?;
        let text = value.to_str();
        text.map(Into::into).ok_or_else(|| SourceError::NoText {
            place: format!("${name}"),
        })
    }

    /// What was delivered as that variable before, if the shell is gone.
    pub(super) fn kept(self, delivered_as: &str) -> Option<SecretString> {
        let Self::Gone(payload) = self else {
            return None;
        };
        let mut variables = payload.env.iter();
        let kept = variables.find(|variable| variable.name.as_str() == delivered_as)?;
        Some(kept.value.expose().into())
    }
}

/// The name in `$NAME` or `${NAME}`; `None` when the text is none of a
/// variable's business.
pub(super) fn parse(text: &str) -> Result<Option<String>, SourceError> {
    let Some(rest) = text.strip_prefix('$') else {
        return Ok(None);
    };
    if rest.starts_with('$') {
        return Ok(None);
    }
    let name = rest
        .strip_prefix('{')
        .map_or(Some(rest), |braced| braced.strip_suffix('}'))
        .ok_or(SourceError::Dollar)?;
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest_well = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !starts_well || !rest_well {
        return Err(SourceError::Dollar);
    }
    Ok(Some(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn scenario_19_a_variable_is_read_when_it_is_asked_for() {
        let host = Host::new("/home/me", "/", [("A".into(), "one".into())]);
        let value = Shell::Live(&host).read("A").unwrap();
        assert_eq!(value.expose_secret(), "one");
        let error = Shell::Live(&host).read("NOT_THERE").unwrap_err();
        assert!(matches!(error, SourceError::Unset { .. }));
    }
}
