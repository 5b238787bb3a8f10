//! What the stand-in keeps, and what it notes:
//!
//! - `accounts.json`: the accounts of this machine, each with its `vaults`; a
//!   vault has `id`, `name` and, where nothing may be written, `"read": true`
//! - `service.json`: `{"token": …, "vaults": [ids]}`, a service account
//! - `items/<id>.json`: `{account, archived, item, former}`
//! - `behave`: how it is to misbehave, a rule a line
//! - `log`: a JSON array of the arguments of each call, a line each
//! - `surprises`: what no program of ours may do

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

/// The folder, for this call alone.
pub(crate) struct State {
    folder: PathBuf,
    _lock: File,
}

/// An item with what stands around it.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) account: String,
    pub(crate) archived: bool,
    pub(crate) content: Value,
    pub(crate) former: Value,
}

impl Item {
    pub(crate) fn id(&self) -> &str {
        self.content["id"].as_str().unwrap_or_default()
    }

    pub(crate) fn title(&self) -> &str {
        self.content["title"].as_str().unwrap_or_default()
    }

    pub(crate) fn vault(&self) -> &str {
        self.content["vault"]["id"].as_str().unwrap_or_default()
    }

    pub(crate) fn fields(&self) -> &[Value] {
        self.content["fields"].as_array().map_or(&[], Vec::as_slice)
    }
}

impl State {
    /// Opens it, and waits for other calls to end.
    pub(crate) fn open() -> Self {
        let folder = std::env::var_os("OP_STAND_IN").expect("OP_STAND_IN names the folder");
        let folder = PathBuf::from(folder);
        fs::create_dir_all(folder.join("items")).unwrap();
        let lock = File::create(folder.join("lock")).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        Self {
            folder,
            _lock: lock,
        }
    }

    fn json(&self, name: &str) -> Value {
        let text = fs::read(self.folder.join(name)).unwrap_or_else(|_| b"null".to_vec());
        serde_json::from_slice(&text).unwrap()
    }

    fn append(&self, name: &str, line: &str) {
        let file = self.folder.join(name);
        let file = OpenOptions::new().create(true).append(true).open(file);
        writeln!(file.unwrap(), "{line}").unwrap();
    }

    /// Notes a call.
    pub(crate) fn note(&self, given: &[String]) {
        self.append("log", &json!(given).to_string());
    }

    /// Notes what must not be.
    pub(crate) fn surprise(&self, given: &[String], words: &str) {
        self.append("surprises", &format!("{words}: {}", json!(given)));
    }

    /// How it is to misbehave.
    pub(crate) fn rules(&self) -> Vec<String> {
        let rules = fs::read_to_string(self.folder.join("behave")).unwrap_or_default();
        rules.lines().map(str::to_owned).collect()
    }

    /// The accounts.
    pub(crate) fn accounts(&self) -> Vec<Value> {
        let accounts = self.json("accounts.json");
        accounts.as_array().cloned().unwrap_or_default()
    }

    /// The service account.
    pub(crate) fn service(&self) -> Value {
        self.json("service.json")
    }

    /// All items.
    pub(crate) fn items(&self) -> Vec<Item> {
        let files = fs::read_dir(self.folder.join("items")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        let read = |file: PathBuf| {
            let kept: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            Item {
                account: kept["account"].as_str().unwrap_or_default().to_owned(),
                archived: kept["archived"] == true,
                content: kept["item"].clone(),
                former: kept["former"].clone(),
            }
        };
        files.into_iter().map(read).collect()
    }

    /// Keeps an item.
    pub(crate) fn keep(&self, item: &Item) {
        let kept = json!({
            "account": item.account,
            "archived": item.archived,
            "item": item.content,
            "former": item.former,
        });
        let file = self
            .folder
            .join("items")
            .join(format!("{}.json", item.id()));
        fs::write(file, serde_json::to_vec_pretty(&kept).unwrap()).unwrap();
    }

    /// Forgets an item.
    pub(crate) fn forget(&self, id: &str) {
        fs::remove_file(self.folder.join("items").join(format!("{id}.json"))).unwrap();
    }

    /// An ID that no item had before.
    pub(crate) fn new_id(&self) -> String {
        let file = self.folder.join("made");
        let made = fs::read_to_string(&file).unwrap_or_default();
        let number: u32 = made.parse().unwrap_or_default();
        fs::write(&file, (number + 1).to_string()).unwrap();
        let digit =
            |place: u32| char::from(b'a' + u8::try_from(number / 26u32.pow(place) % 26).unwrap());
        format!("new{}{}{}", "x".repeat(21), digit(1), digit(0))
    }
}
