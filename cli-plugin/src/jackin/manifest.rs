//! `jackin.role.toml` of a role's checkout: somebody else's words, of which
//! only the image, the agents and plain variables are taken.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;

use super::folder;
use super::node::Reader;

/// The largest manifest that is read, in bytes.
const LIMIT: u64 = 256 << 10;

/// What a manifest says.
#[derive(Debug, Default)]
pub struct Manifest {
    /// The image that its makers publish.
    pub image: Option<String>,
    /// The agents; empty for claude only.
    pub agents: Vec<String>,
    /// Variables with a value that nobody is asked for.
    pub defaults: BTreeMap<String, SecretString>,
    /// Variables that somebody is asked for.
    pub prompts: Vec<String>,
}

impl Manifest {
    /// That of a role that jackin has checked out; `None` without one.
    pub fn of_role(state: &Path, role: &str) -> Option<Self> {
        let parts: Vec<&str> = role.split('/').collect();
        let plain = |part: &&str| !part.is_empty() && !part.starts_with('.');
        if parts.len() > 2 || !parts.iter().all(plain) {
            return None;
        }
        let checkout = state.join("roles").join(role);
        let mut files = ["jackin.role.toml", "jackin.agent.toml"].into_iter();
        let text = files.find_map(|file| folder::text(&checkout.join(file), LIMIT).ok()?)?;
        Self::read(&text)
    }

    fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::new("");
        let mut table = reader.parse(text)?;
        let mut manifest = Self {
            image: reader.text(&mut table, "published_image"),
            agents: reader.texts(&mut table, "agents").unwrap_or_default(),
            ..Self::default()
        };
        for (name, mut variable) in reader.tables(&mut table, "env") {
            let asks = reader.switch(&mut variable, "interactive") == Some(true);
            match reader.text(&mut variable, "default") {
                Some(default) if !asks => {
                    manifest.defaults.insert(name, default.into());
                }
                _ => manifest.prompts.push(name),
            }
        }
        Some(manifest)
    }
}
