//! Who in the configuration uses a place in a store.

use secrecy::ExposeSecret;

use crate::agent::Agent;
use crate::auth::scope::Scope;
use crate::config::{AgentBlocks, Config, Value, Variables, Written};
use crate::source::Source;
use crate::token::TokenScope;
use crate::token::store::Kept;

/// Something that refers to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    scope: Scope,
    key: String,
}

impl Use {
    /// Whether it is this scope's slot for a token.
    pub(super) fn is_slot_of(&self, scope: &TokenScope) -> bool {
        self.key == "oauth_token" && self.scope == scope.scope()
    }

    /// `oauth_token of workspace my-app`.
    pub(super) fn words(&self) -> String {
        format!("{} of {}", self.key, self.scope)
    }
}

/// All that refers to this place.
pub(super) fn uses(config: &Config, kept: &Kept) -> Vec<Use> {
    let mut all = Vec::new();
    note(&mut all, &Scope::Global, Some(&config.agents), &config.env);
    for (name, role) in &config.roles {
        note(&mut all, &Scope::Role(name.clone()), None, &role.env);
    }
    for (name, workspace) in &config.workspaces {
        let scope = Scope::Workspace(name.clone());
        note(&mut all, &scope, Some(&workspace.agents), &workspace.env);
        for (role, cell) in &workspace.roles {
            let scope = Scope::WorkspaceRole(name.clone(), role.clone());
            note(&mut all, &scope, Some(&cell.agents), &cell.env);
        }
    }
    let all = all.into_iter();
    let used = all.filter(|(_, value)| refers(&value.written, kept));
    used.map(|(used, _)| used).collect()
}

/// Notes the values of one scope.
fn note<'a>(
    all: &mut Vec<(Use, &'a Value)>,
    scope: &Scope,
    blocks: Option<&'a AgentBlocks>,
    env: &'a Variables,
) {
    let mut push = |key: String, value: &'a Value| {
        let scope = scope.clone();
        all.push((Use { scope, key }, value));
    };
    for (agent, block) in blocks.into_iter().flatten() {
        if let Some(value) = &block.oauth_token {
            push("oauth_token".to_owned(), value);
        }
        if let Some(value) = &block.api_key {
            push(key_of(*agent), value);
        }
    }
    for (name, value) in env {
        push(name.as_str().to_owned(), value);
    }
}

fn key_of(agent: Agent) -> String {
    format!("{agent}'s api_key")
}

/// Whether what was written leads to this place, by whatever spelling: what
/// is removed from a store does not come back.
pub(super) fn refers(written: &Written, kept: &Kept) -> bool {
    let Some(reference) = kept.reference() else {
        return false;
    };
    if let (Written::Text(one), Written::Text(other)) = (written, &reference)
        && one.expose_secret() == other.expose_secret()
    {
        return true;
    }
    match (Source::parse(written), kept) {
        // In whichever account, by whichever name of the vault.
        (Ok(source @ Source::Op(_)), Kept::Op { item, .. }) => {
            let source = source.to_string();
            source.split('/').any(|part| part == item)
        }
        (Ok(Source::Command(_)), Kept::Op { item, .. }) => {
            let parts = |word: &str| {
                word.split(|c: char| !c.is_alphanumeric())
                    .any(|one| one == item)
            };
            words_of(written).iter().any(|word| parts(word))
        }
        // By another path, or in a command of the user's.
        (Ok(_), _) => mark(kept).is_some_and(|mark| {
            let words = words_of(written);
            words.iter().any(|word| word.contains(mark))
        }),
        (Err(_), _) => false,
    }
}

/// What no other place has in its name; `None` where that is not so.
fn mark(kept: &Kept) -> Option<&str> {
    match kept {
        Kept::Op { .. } | Kept::Plain => None,
        Kept::Helper { server, .. } => Some(server),
        Kept::SecretService { account, .. } | Kept::Keychain { account, .. } => Some(account),
        Kept::Age { file } => file.file_name()?.to_str(),
    }
}

fn words_of(written: &Written) -> Vec<&str> {
    match written {
        Written::Text(text) => vec![text.expose_secret()],
        Written::Op { reference, .. } => vec![reference],
        Written::Command(words) => words.iter().map(String::as_str).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::life::stand_in::parse;

    fn item(item: &str) -> Kept {
        Kept::Op {
            account: Some("ACC".to_owned()),
            vault: Some("v1".to_owned()),
            item: item.to_owned(),
            field: "credential".to_owned(),
        }
    }

    #[test]
    fn a_place_is_found_wherever_and_however_it_is_referred_to() {
        let config = parse(
            r#"
            [env]
            MINE = "op://Private/i1/credential"
            [workspaces.a]
            [workspaces.a.claude]
            oauth_token = { op = "op://v1/i1/credential", account = "ACC" }
            [workspaces.a.codex]
            api_key = "op://v1/i2/credential"
            [workspaces.a.roles.web.claude]
            token = "helper:pass/docker-jackin/a"
            [roles.web]
            image = "x"
            agents = ["claude"]
            [roles.web.env]
            BY_HAND = "age:~/.docker/jackin/tokens/a.0123456789ab.age"
            ALSO = "cmd:sh -c 'op item get i3 | tail -1'"
            "#,
        );
        let words = |kept: &Kept| {
            let uses = uses(&config, kept);
            uses.iter().map(Use::words).collect::<Vec<_>>()
        };
        let found = words(&item("i1"));
        assert_eq!(found, ["MINE of global", "oauth_token of workspace a"]);
        assert_eq!(words(&item("i2")), ["codex's api_key of workspace a"]);
        assert_eq!(words(&item("i")), [""; 0]);
        let helper = |name: &str, server: &str| Kept::Helper {
            name: name.to_owned(),
            server: server.to_owned(),
        };
        let found = words(&helper("pass", "docker-jackin/a"));
        assert_eq!(found, ["oauth_token of workspace a × role web"]);
        assert_eq!(words(&helper("pass", "docker-jackin/b")), [""; 0]);
        assert_eq!(words(&Kept::Plain), [""; 0]);
        let age = |name: &str| Kept::Age {
            file: format!("/home/me/.docker/jackin/tokens/{name}.age").into(),
        };
        assert_eq!(words(&age("a.0123456789ab")), ["BY_HAND of role web"]);
        assert_eq!(words(&age("a.0123456789ac")), [""; 0]);
        assert_eq!(words(&item("i3")), ["ALSO of role web"]);
    }
}
