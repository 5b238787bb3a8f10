//! A mount as it is given to a command: `SRC:DST`, or `SRC:DST:ro`.

use toml_edit::InlineTable;

/// A mount of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GivenMount {
    source: String,
    target: String,
    readonly: bool,
}

impl GivenMount {
    /// Takes it apart, from its end: a folder's name may hold a colon.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (readonly, text) = match text.strip_suffix(":ro") {
            Some(text) => (true, text),
            None => (false, text.strip_suffix(":rw").unwrap_or(text)),
        };
        let wanted = "it is SRC:DST or SRC:DST:ro, with DST an absolute path in the container";
        match text.rsplit_once(':') {
            Some((source, target)) if !source.is_empty() && target.starts_with('/') => Ok(Self {
                source: source.to_owned(),
                target: target.to_owned(),
                readonly,
            }),
            _ => Err(wanted.to_owned()),
        }
    }

    /// As it stands in the configuration.
    pub(super) fn to_toml(&self) -> InlineTable {
        let mut table = InlineTable::new();
        table.insert("src", self.source.as_str().into());
        table.insert("dst", self.target.as_str().into());
        if self.readonly {
            table.insert("readonly", true.into());
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_read_from_its_end() {
        for (text, written) in [
            (".:/workspace", r#"{ src = ".", dst = "/workspace" }"#),
            ("/a:b:/c", r#"{ src = "/a:b", dst = "/c" }"#),
            (".:/w:ro", r#"{ src = ".", dst = "/w", readonly = true }"#),
            (".:/w:rw", r#"{ src = ".", dst = "/w" }"#),
        ] {
            let mount = GivenMount::parse(text).unwrap();
            assert_eq!(mount.to_toml().to_string(), written, "{text}");
        }
        for text in ["", ".", ":/w", ".:w", "/a:ro", ".:"] {
            assert!(GivenMount::parse(text).is_err(), "{text}");
        }
    }
}
