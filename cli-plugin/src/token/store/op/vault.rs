//! Which vault the token goes into, and whether anything may be written there.

use serde::Deserialize;

use super::call::{Call, Op, failure};
use crate::failure::{Failure, Kind};
use crate::source::{OpTrouble, Trouble};

/// How 1Password calls a user's own vault, by the kind of account.
const OWN: [&str; 3] = ["Private", "Personal", "Employee"];

/// What an account may be allowed, one of which is enough: by itself in a
/// business account, and as one with all else in the others.
const RIGHTS: [&str; 2] = ["create_items", "allow_editing"];

/// How many vaults an error names.
const SHOWN: usize = 10;

/// A vault.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Vault {
    /// Its ID.
    pub(super) id: String,
    #[serde(default)]
    name: String,
}

impl Vault {
    /// For people; its name may be of anybody's making.
    pub(super) fn shown(&self) -> String {
        let name = self.name.chars().filter(|c| !c.is_control());
        let name: String = name.take(80).collect();
        if name.is_empty() {
            self.id.clone()
        } else {
            name
        }
    }
}

/// The vaults that are seen. The app may ask for an approval here.
pub(super) fn all(op: &Op) -> Result<Vec<Vault>, Failure> {
    let call = Call::new(["vault", "list", "--format=json"]);
    op.json(&call, "list the vaults of 1Password")
}

/// The vault that is wanted, by ID or by name; else the user's own, or the only
/// one there is.
pub(super) fn choose(op: &Op, vaults: &[Vault], wanted: Option<&str>) -> Result<Vault, Failure> {
    let named = |name: &str, vault: &&Vault| vault.name.to_lowercase() == name.to_lowercase();
    let found: Vec<&Vault> = match wanted {
        Some(wanted) => match vaults.iter().find(|vault| vault.id == wanted) {
            Some(vault) => vec![vault],
            None => vaults.iter().filter(|vault| named(wanted, vault)).collect(),
        },
        None if vaults.len() == 1 => vaults.iter().collect(),
        // No service account can see a user's own.
        None if op.is_service() => Vec::new(),
        None => {
            let own = |vault: &&Vault| OWN.iter().any(|name| named(name, vault));
            vaults.iter().filter(own).collect()
        }
    };
    match (&found[..], wanted) {
        ([vault], _) => Ok((*vault).clone()),
        ([], Some(wanted)) => {
            let what = format!("find vault {wanted} in {}", op.shown());
            let failure = failure(&what, &OpTrouble::NoVault.into());
            Err(list(failure, vaults.iter()))
        }
        ([], None) => {
            let message = format!(
                "1Password has {} vaults in {}, and none was named",
                vaults.len(),
                op.shown()
            );
            Err(list(
                Failure::new(Kind::Configuration, message),
                vaults.iter(),
            ))
        }
        (several, wanted) => {
            let name = wanted.map_or_else(
                || "are your own".to_owned(),
                |name| format!("are named {name}"),
            );
            let message = format!("several vaults of 1Password {name} in {}", op.shown());
            Err(list(
                Failure::new(Kind::Configuration, message),
                several.iter().copied(),
            ))
        }
    }
}

fn list<'a>(mut failure: Failure, vaults: impl Iterator<Item = &'a Vault>) -> Failure {
    for vault in vaults.take(SHOWN) {
        failure = failure.hint(format!("--vault={}: {}", vault.id, vault.shown()));
    }
    failure
}

/// Refuses a vault that nothing may be written to, as far as `op` tells. What
/// it does not tell comes out when the token is kept.
pub(super) fn require_writable(op: &Op, vault: &Vault) -> Result<(), Failure> {
    let mut others = false;
    for right in RIGHTS {
        let right = format!("--permission={right}");
        let call = Call::new(["vault", "list", &*right, "--format=json"]);
        let answer = match op.attempt(&call) {
            Ok(answer) => answer,
            // Nobody is kept waiting twice.
            Err(Trouble::NoAnswer(_)) => return Ok(()),
            // An account of another kind does not know that right.
            Err(_) => continue,
        };
        let allowed: Vec<Vault> = serde_json::from_slice(&answer.output).unwrap_or_default();
        if allowed.iter().any(|allowed| allowed.id == vault.id) {
            return Ok(());
        }
        others |= !allowed.is_empty();
    }
    // No vault at all may mean that nobody was asked.
    if !others {
        return Ok(());
    }
    let what = format!("keep a token in vault {} of {}", vault.shown(), op.shown());
    Err(failure(&what, &OpTrouble::Forbidden.into()))
}
