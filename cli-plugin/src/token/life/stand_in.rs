//! A machine whose store, mint and kills are the test's own.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::slot::slot_of;
use super::{Life, Means, Step};
use crate::config::{Config, ConfigPlace, Written, load};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::token::record::{Made, Record, Records};
use crate::token::store::{Choice, Kept, Label, Store, WantedStore, Wish};
use crate::token::{ClaudeToken, TokenScope};

/// A configuration of one workspace with one role.
pub(super) const CONFIG: &str = "\
# Mine.
[roles.web]
image = \"x\"
agents = [\"claude\"]

[workspaces.a]
workdir = \"/nonexistent/a\"
";

/// What a kill looks like from within.
struct Killed;

/// What is kept in the store, by the server's URL: the number of a token.
type Places = BTreeMap<String, String>;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Trouble {
    #[default]
    None,
    Mint,
    Interrupted,
    Put,
    /// It keeps what it is given, and says that it failed.
    PutAfterAll,
    ReadBack,
    /// Something else comes out.
    Altered,
    Remove,
    /// Somebody edits the configuration while the user is in the browser.
    Edited,
}

/// The machine.
pub(super) struct StandIn {
    #[expect(dead_code, reason = "held, not read")]
    folder: tempfile::TempDir,
    pub(super) place: ConfigPlace,
    places: Rc<RefCell<Places>>,
    pub(super) trouble: Cell<Trouble>,
    /// Whether the place is the user's own item.
    pub(super) adopted: Cell<bool>,
    pub(super) plain: Cell<bool>,
    minted: Cell<u32>,
    pub(super) steps: RefCell<Vec<String>>,
    /// What is counted down to a kill.
    fuse: Rc<Fuse>,
}

/// Counts the moments, and kills at one.
#[derive(Default)]
struct Fuse {
    moment: Cell<u32>,
    kill_at: Cell<Option<u32>>,
}

impl Fuse {
    fn tick(&self) {
        let moment = self.moment.get();
        self.moment.set(moment + 1);
        if self.kill_at.get() == Some(moment) {
            // No hook is told, so that nothing is printed.
            std::panic::resume_unwind(Box::new(Killed));
        }
    }
}

/// A configuration as it is read.
pub(super) fn parse(text: &str) -> Config {
    StandIn::with(text).config()
}

/// The workspace `a`, or the role in it.
pub(super) fn scope(role: Option<&str>) -> TokenScope {
    TokenScope {
        workspace: "a".to_owned(),
        role: role.map(str::to_owned),
    }
}

/// Any store.
pub(super) fn any() -> Wish {
    Wish {
        store: WantedStore::Auto,
        op: crate::token::store::OpWish::default(),
        folder: "/".into(),
    }
}

impl StandIn {
    pub(super) fn new() -> Self {
        Self::with(CONFIG)
    }

    pub(super) fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, config).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let host = Host::new(folder.path(), "/", []);
        Self {
            folder,
            place: ConfigPlace { file, host },
            places: Rc::default(),
            trouble: Cell::default(),
            adopted: Cell::default(),
            plain: Cell::default(),
            minted: Cell::default(),
            steps: RefCell::default(),
            fuse: Rc::default(),
        }
    }

    /// A new command.
    pub(super) fn life(&self) -> Life<'_> {
        Life::new(&self.place, self)
    }

    pub(super) fn config(&self) -> Config {
        load(&self.place.file, &self.place.host).unwrap()
    }

    pub(super) fn text(&self) -> String {
        fs::read_to_string(&self.place.file).unwrap()
    }

    pub(super) fn write(&self, text: &str) {
        fs::write(&self.place.file, text).unwrap();
    }

    pub(super) fn records(&self) -> Records {
        Records::beside(&self.place.file)
    }

    pub(super) fn record(&self, scope: &TokenScope) -> Record {
        self.records().read(scope).unwrap()
    }

    /// What the store keeps.
    pub(super) fn kept(&self) -> Places {
        self.places.borrow().clone()
    }

    /// The steps that were told, without those that are about nothing.
    pub(super) fn told(&self) -> String {
        let steps = self.steps.borrow();
        let told = steps.iter().filter(|step| !step.is_empty());
        told.cloned().collect::<Vec<_>>().join("\n")
    }

    /// Gives a command that is killed at that moment; whether it was.
    pub(super) fn killed_at(&self, moment: u32, command: impl FnOnce(&Life<'_>)) -> bool {
        self.fuse.moment.set(0);
        self.fuse.kill_at.set(Some(moment));
        let life = self.life();
        let given = std::panic::AssertUnwindSafe(|| command(&life));
        let outcome = std::panic::catch_unwind(given);
        self.fuse.kill_at.set(None);
        match outcome {
            Ok(()) => false,
            Err(why) if why.is::<Killed>() => true,
            Err(why) => std::panic::resume_unwind(why),
        }
    }

    /// The token that a launch would get in a scope's slot.
    pub(super) fn token_of(&self, scope: &TokenScope) -> Option<String> {
        let config = self.config();
        let written = slot_of(&config, scope)?.clone();
        let read = self.look(&written).unwrap();
        Some(number(&read))
    }

    fn look(&self, written: &Written) -> Result<SecretString, Failure> {
        let Written::Text(text) = written else {
            panic!("this store has no such source");
        };
        let text = text.expose_secret();
        let Some(server) = text.strip_prefix("helper:fake/") else {
            return Ok(text.into());
        };
        let places = self.places.borrow();
        let found = places.get(server);
        let found = found.ok_or_else(|| Failure::new(Kind::Configuration, "nothing there"))?;
        Ok(token(found).secret().clone())
    }
}

/// The token of a number.
pub(super) fn token(number: &str) -> ClaudeToken {
    let text = format!("sk-ant-oat01-{number:0>60}");
    ClaudeToken::parse(&text.into()).unwrap()
}

fn number(secret: &SecretString) -> String {
    let digits = secret.expose_secret().rsplit('-').next().unwrap();
    digits.trim_start_matches('0').to_owned()
}

struct FakeStore {
    places: Rc<RefCell<Places>>,
    trouble: Trouble,
    made: Made,
    plain: bool,
    fuse: Rc<Fuse>,
}

impl Store for FakeStore {
    fn shown(&self) -> String {
        "the fake".to_owned()
    }

    fn made(&self) -> Made {
        self.made
    }

    fn announce(&self, label: &Label) -> Kept {
        if self.plain {
            return Kept::Plain;
        }
        let server = match self.made {
            Made::Ours => label.mint.clone(),
            Made::Adopted => "item".to_owned(),
        };
        let name = "fake".to_owned();
        Kept::Helper { name, server }
    }

    fn put(&self, label: &Label, token: &ClaudeToken) -> Result<Kept, Failure> {
        self.fuse.tick();
        let kept = self.announce(label);
        if self.trouble != Trouble::Put
            && let Kept::Helper { server, .. } = &kept
        {
            let mut places = self.places.borrow_mut();
            places.insert(server.clone(), number(token.secret()));
        }
        self.fuse.tick();
        match self.trouble {
            Trouble::Put | Trouble::PutAfterAll => {
                Err(Failure::new(Kind::Configuration, "the fake is full"))
            }
            _ => Ok(kept),
        }
    }
}

impl Means for StandIn {
    fn ready(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn choose(&self, _: &Wish) -> Result<Choice, Failure> {
        let made = if self.adopted.get() {
            Made::Adopted
        } else {
            Made::Ours
        };
        Ok(Choice {
            store: Box::new(FakeStore {
                places: self.places.clone(),
                trouble: self.trouble.get(),
                made,
                plain: self.plain.get(),
                fuse: self.fuse.clone(),
            }),
            why: None,
        })
    }

    fn mint(&self) -> Result<ClaudeToken, Failure> {
        self.fuse.tick();
        match self.trouble.get() {
            Trouble::Mint => return Err(Failure::new(Kind::Configuration, "no token")),
            Trouble::Interrupted => return Err(Failure::new(Kind::Interrupted(2), "given up")),
            Trouble::Edited => {
                let text = self.text();
                let edited = text.replace(
                    "[workspaces.a]",
                    "[workspaces.a.claude]\noauth_token = \"$X\"\n[workspaces.a]",
                );
                self.write(&edited);
            }
            _ => {}
        }
        self.minted.set(self.minted.get() + 1);
        self.fuse.tick();
        Ok(token(&self.minted.get().to_string()))
    }

    fn read(&self, written: Written) -> Result<SecretString, Failure> {
        self.fuse.tick();
        match self.trouble.get() {
            Trouble::ReadBack => Err(Failure::new(Kind::Configuration, "it is locked")),
            Trouble::Altered => Ok(token("999").secret().clone()),
            _ => self.look(&written),
        }
    }

    fn remove(&self, kept: &Kept) -> Result<(), Failure> {
        let Kept::Helper { server, .. } = kept else {
            panic!("nothing else is ours: {kept}");
        };
        assert!(!self.adopted.get() || server != "item", "it is the user's");
        self.fuse.tick();
        if self.trouble.get() == Trouble::Remove {
            return Err(Failure::new(Kind::Configuration, "the fake refuses"));
        }
        self.places.borrow_mut().remove(server);
        self.fuse.tick();
        Ok(())
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn step(&self, step: &Step<'_>) {
        self.steps.borrow_mut().push(step.to_string());
        self.fuse.tick();
    }
}
