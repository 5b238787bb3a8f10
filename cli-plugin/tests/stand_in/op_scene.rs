//! The scene of a test with 1Password: the stand-in `op` in a folder of `PATH`,
//! two accounts with vaults of the same names, and what the stand-in noted.
//!
//! Whoever uses it hands the program `OP_STAND_IN`, the scene's folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The accounts: `my.1password.com` was used last, and counts when none is named.
pub(crate) const MY_ACCOUNT: &str = "MYACCOUNTAAAAAAAAAAAAAAAAA";
pub(crate) const WORK_ACCOUNT: &str = "WORKACCOUNTAAAAAAAAAAAAAAA";
/// Their users, who are told apart where accounts are not.
pub(crate) const MY_USER: &str = "MYUSERAAAAAAAAAAAAAAAAAAAA";
pub(crate) const WORK_USER: &str = "WORKUSERAAAAAAAAAAAAAAAAAA";
/// The vaults: a Private and a Shared one in each account.
pub(crate) const MY_PRIVATE: &str = "myprivateaaaaaaaaaaaaaaaaa";
pub(crate) const MY_SHARED: &str = "mysharedaaaaaaaaaaaaaaaaaa";
pub(crate) const WORK_PRIVATE: &str = "workprivateaaaaaaaaaaaaaaa";
pub(crate) const WORK_SHARED: &str = "worksharedaaaaaaaaaaaaaaaa";
/// What stands for a service account's token.
pub(crate) const SERVICE_TOKEN: &str = "ops_stand-in-service-account";

/// The stand-in's folder.
pub(crate) struct OpScene {
    folder: PathBuf,
}

impl OpScene {
    /// A scene in `folder`, with `op` put into the folder `bin` of `PATH`.
    pub(crate) fn new(folder: &Path, bin: &Path) -> Self {
        fs::create_dir_all(folder.join("items")).unwrap();
        fs::create_dir_all(bin).unwrap();
        symlink(program(), bin.join("op")).unwrap();
        let scene = Self {
            folder: folder.to_owned(),
        };
        let vaults = |private: &str, shared: &str| json!([{ "id": private, "name": "Private" }, { "id": shared, "name": "Shared" }]);
        scene.accounts(&json!([
            {
                "url": "my.1password.com", "email": "me@example.com", "user_uuid": MY_USER,
                "account_uuid": MY_ACCOUNT, "vaults": vaults(MY_PRIVATE, MY_SHARED),
            },
            {
                "url": "work.1password.com", "email": "me@work.example", "user_uuid": WORK_USER,
                "account_uuid": WORK_ACCOUNT, "vaults": vaults(WORK_PRIVATE, WORK_SHARED),
            },
        ]));
        scene
    }

    /// The folder that `OP_STAND_IN` is to name.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Other accounts.
    pub(crate) fn accounts(&self, accounts: &Value) {
        fs::write(self.folder.join("accounts.json"), accounts.to_string()).unwrap();
    }

    /// A service account that sees these vaults, for who has [`SERVICE_TOKEN`]
    /// in `OP_SERVICE_ACCOUNT_TOKEN`.
    pub(crate) fn service_account(&self, vaults: &[&str]) {
        let service = json!({ "token": SERVICE_TOKEN, "vaults": vaults });
        fs::write(self.folder.join("service.json"), service.to_string()).unwrap();
    }

    /// An item with an ID, of the category and with the fields that it names.
    pub(crate) fn item(&self, account: &str, vault: &str, item: &Value) {
        let id = item["id"].as_str().unwrap();
        let name = if [MY_SHARED, WORK_SHARED].contains(&vault) {
            "Shared"
        } else {
            "Private"
        };
        let mut item = item.clone();
        item["vault"] = json!({ "id": vault, "name": name });
        item["version"] = json!(1);
        let archived = item.as_object_mut().unwrap().remove("archived");
        let kept =
            json!({ "account": account, "archived": archived == Some(json!(true)), "item": item });
        fs::write(self.file(id), kept.to_string()).unwrap();
    }

    /// From now on these rules alone tell how it misbehaves; none for not at
    /// all. They are in `op/behaviour.rs`: `forbidden: item create` and so on.
    pub(crate) fn behave(&self, rules: &[&str]) {
        fs::write(self.folder.join("behave"), rules.join("\n")).unwrap();
    }

    /// What it keeps for an ID, `{account, archived, item, former}`.
    pub(crate) fn kept(&self, id: &str) -> Option<Value> {
        let text = fs::read(self.file(id)).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    /// All that it keeps, by ID.
    pub(crate) fn all_kept(&self) -> Vec<Value> {
        let files = fs::read_dir(self.folder.join("items")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        let read = |file: &PathBuf| serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        files.iter().map(read).collect()
    }

    /// How it was called, a line each, oldest first: `item create - --vault=…`.
    pub(crate) fn calls(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let words = |line: &str| serde_json::from_str::<Vec<String>>(line).unwrap().join(" ");
        log.lines().map(words).collect()
    }

    /// The calls that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let writes = ["item create", "item edit", "item delete"];
        let mut calls = self.calls();
        calls.retain(|call| writes.iter().any(|verb| call.starts_with(verb)));
        calls
    }

    /// Forgets how it was called.
    pub(crate) fn forget_calls(&self) {
        fs::write(self.folder.join("log"), "").unwrap();
    }

    /// Panics if it was called as no program of ours may call it: a secret in
    /// the arguments or the environment, an unknown flag, a wrong input.
    pub(crate) fn assert_no_surprise(&self) {
        let surprises = fs::read_to_string(self.folder.join("surprises"));
        assert_eq!(surprises.unwrap_or_default(), "");
    }

    fn file(&self, id: &str) -> PathBuf {
        self.folder.join("items").join(format!("{id}.json"))
    }
}

/// The example `stand-in-op`, which `cargo test` builds beside the tests.
fn program() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let target = this.parent().and_then(Path::parent).unwrap();
    let program = target.join("examples/stand-in-op");
    assert!(
        program.exists(),
        "{} is not there; a run of some tests alone does not build it: \
         cargo build -p docker-jackin --example stand-in-op",
        program.display()
    );
    program
}
