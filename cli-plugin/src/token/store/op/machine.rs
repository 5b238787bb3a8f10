//! A machine with the stand-in `op`, for tests.

use std::path::PathBuf;

#[path = "../../../../tests/stand_in/op_scene.rs"]
pub(super) mod scene;

use scene::OpScene;

use crate::host::Host;
use crate::token::store::Label;
use crate::token::{ClaudeToken, TokenScope};

/// A machine.
pub(super) struct Machine {
    home: tempfile::TempDir,
    pub(super) scene: OpScene,
}

impl Machine {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let scene = OpScene::new(&home.path().join("op"), &home.path().join("bin"));
        Self { home, scene }
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.home.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    /// It, with these variables beside those that it needs.
    pub(super) fn host(&self, more: &[(&str, &str)]) -> Host {
        let folder = self.scene.folder().to_str().unwrap().to_owned();
        let always = [("PATH", self.path("bin")), ("OP_STAND_IN", folder)];
        let more = more
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let variables = always.into_iter().chain(more);
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        Host::new(self.home.path(), "/", variables)
    }
}

/// A token that begins as real ones do.
pub(super) fn token(letter: char) -> ClaudeToken {
    let text = format!("sk-ant-oat01-{}", letter.to_string().repeat(95));
    ClaudeToken::parse(&text.into()).unwrap()
}

/// A label for these scopes.
pub(super) fn label(scopes: &[(&str, Option<&str>)]) -> Label {
    let scope = |(workspace, role): &(&str, Option<&str>)| TokenScope {
        workspace: (*workspace).to_owned(),
        role: role.map(str::to_owned),
    };
    Label {
        scopes: scopes.iter().map(scope).collect(),
        issued: "2026-11-23T10:00:00Z".parse().unwrap(),
        expires: "2027-11-23T10:00:00Z".parse().unwrap(),
        mint: "0123456789ab".to_owned(),
    }
}
