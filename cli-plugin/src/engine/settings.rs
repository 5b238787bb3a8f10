//! The engine side's settings, `runtime.toml`, as registration writes them.

use std::path::Path;

use toml_edit::{DocumentMut, value};

/// The keys that the engine's side knows; it refuses all others.
const KEYS: [&str; 2] = ["low_level", "resolver"];

/// Why a `runtime.toml` is left as it is. To fit "… is left as it is: …".
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It is no TOML.
    #[error("{0}")]
    Malformed(Box<toml_edit::TomlError>),
    /// The engine's side would refuse it.
    #[error("it has the unknown key {0:?}; remove it")]
    UnknownKey(String),
}

/// The low-level runtime that the text names.
///
/// # Errors
/// When it is no TOML.
pub fn low_level(text: &str) -> Result<Option<String>, SettingsError> {
    let document = parse(text)?;
    let item = document.get(KEYS[0]).and_then(toml_edit::Item::as_str);
    Ok(item.map(str::to_owned))
}

fn parse(text: &str) -> Result<DocumentMut, SettingsError> {
    text.parse()
        .map_err(|error| SettingsError::Malformed(Box::new(error)))
}

/// The text with both settings in it; comments and order stay.
///
/// # Errors
/// When the present text is not one that the engine's side could read.
pub fn with(text: &str, low_level: &Path, resolver: &Path) -> Result<String, SettingsError> {
    let mut document = parse(text)?;
    if let Some((key, _)) = document.iter().find(|(key, _)| !KEYS.contains(key)) {
        return Err(SettingsError::UnknownKey(key.to_owned()));
    }
    for (key, path) in KEYS.into_iter().zip([low_level, resolver]) {
        let path = path.to_string_lossy();
        if document.get(key).and_then(toml_edit::Item::as_str) == Some(&path) {
            continue;
        }
        let mut new = toml_edit::Value::from(path.into_owned());
        if let Some(old) = document.get(key).and_then(toml_edit::Item::as_value) {
            *new.decor_mut() = old.decor().clone();
        }
        document[key] = value(new);
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(before: &str) -> Result<String, SettingsError> {
        with(
            before,
            Path::new("/usr/bin/runc"),
            Path::new("/p/docker-jackin"),
        )
    }

    #[test]
    fn a_new_file_has_both_settings() {
        insta::assert_snapshot!(text("").unwrap(), @r#"
        low_level = "/usr/bin/runc"
        resolver = "/p/docker-jackin"
        "#);
    }

    #[test]
    fn comments_and_order_stay() {
        let before = "# ours\nresolver = '/p/docker-jackin' # here\n\nlow_level = \"/old\" # old\n";
        let after =
            "# ours\nresolver = '/p/docker-jackin' # here\n\nlow_level = \"/usr/bin/runc\" # old\n";
        assert_eq!(text(before).unwrap(), after);
        assert_eq!(text(after).unwrap(), after);
    }

    #[test]
    fn what_the_engines_side_would_refuse_is_refused_here() {
        assert!(matches!(text("a = 1"), Err(SettingsError::UnknownKey(key)) if key == "a"));
        assert!(matches!(
            text("low_level = "),
            Err(SettingsError::Malformed(_))
        ));
    }
}
