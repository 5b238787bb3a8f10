//! A file that is encrypted for the user's own age identity: what is left
//! where there is no keyring. The file may lie in a backup or in a repository
//! of settings; the identity, which opens it, lies elsewhere.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use age::x25519::Identity;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{Kept, Label, Store, name};
use crate::failure::{Failure, Kind};
use crate::host::Host;
use crate::source::NoIdentity;
use crate::source::age::identity;
use crate::staged_file::{Access, StagedFile, sweep};
use crate::token::ClaudeToken;
use crate::token::record::Made;

/// The folder of the files, beside the configuration, and how they end.
const FOLDER: &str = "tokens";
const ENDING: &str = "age";

/// A folder for encrypted files, and the identity that they are for.
pub(super) struct AgeFile {
    folder: PathBuf,
    identity: PathBuf,
    /// Whether the user said where the identity is. It is somewhere then, and
    /// another one in its place would be a mistake.
    named: bool,
    uid: u32,
}

/// Looks whether the identity can be used, if there is one yet.
///
/// # Errors
/// It could be somebody else's, or holds nothing of use.
pub(super) fn open(folder: &Path, host: &Host) -> Result<AgeFile, Failure> {
    if folder
        .to_str()
        .is_none_or(|path| path.contains(char::is_control))
    {
        let message = "no token can be kept in a folder whose name is no plain text";
        return Err(
            Failure::new(Kind::Configuration, message).hint("choose another store with --store")
        );
    }
    let store = AgeFile {
        folder: folder.join(FOLDER),
        identity: identity::place(host),
        named: identity::named(host).is_some(),
        uid: host.uid(),
    };
    store.read_identity()?;
    Ok(store)
}

impl AgeFile {
    /// The identity; `None` when there is none yet.
    fn read_identity(&self) -> Result<Option<Identity>, Failure> {
        let trouble = match identity::read(&self.identity, self.uid) {
            Ok(identities) => return Ok(identities.into_iter().next()),
            Err(trouble) => trouble,
        };
        let failure = Failure::new(Kind::Configuration, &trouble).hint(trouble.hint());
        match trouble {
            NoIdentity::Unreadable { path, error } if error.kind() == io::ErrorKind::NotFound => {
                if !self.named {
                    return Ok(None);
                }
                let path = path.to_string_lossy();
                Err(failure.hint(format!(
                    "or make one: age-keygen -o {}",
                    shell_words::quote(&path)
                )))
            }
            _ => Err(failure),
        }
    }

    /// The identity, which is made when there is none. It never takes the place
    /// of another: what that one opens would be lost.
    fn identity(&self) -> Result<Identity, Failure> {
        if let Some(identity) = self.read_identity()? {
            return Ok(identity);
        }
        match make_identity(&self.identity) {
            // Somebody else has made one just now.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                let place = self.identity.display();
                let message = format!("failed to make the age identity {place}: {error}");
                return Err(Failure::new(Kind::Configuration, message));
            }
            Ok(()) => {}
        }
        self.read_identity()?.ok_or_else(|| {
            let place = self.identity.display();
            Failure::new(
                Kind::Internal,
                format!("the age identity {place} is gone again"),
            )
        })
    }

    fn file(&self, label: &Label) -> PathBuf {
        let (stem, mint) = (name::stem(label), name::mint(label));
        self.folder.join(format!("{stem}.{mint}.{ENDING}"))
    }
}

/// Writes a new identity, as `age-keygen` has it.
fn make_identity(place: &Path) -> io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("/"));
    make_folder(folder)?;
    let identity = Identity::generate();
    let (public, secret) = (identity.to_public(), identity.to_string());
    let text = Zeroizing::new(format!(
        "# made by docker-jackin: opens the tokens that it keeps in files\n\
         # public key: {public}\n{}\n",
        secret.expose_secret()
    ));
    sweep(folder);
    StagedFile::write(folder, text.as_bytes(), Access::Mode(0o600))?.put_new(place)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut made = DirBuilder::new();
    made.recursive(true).mode(0o700).create(folder)
}

impl Store for AgeFile {
    fn shown(&self) -> String {
        let (folder, identity) = (self.folder.display(), self.identity.display());
        format!("an encrypted file in {folder}, for the age identity {identity}")
    }

    fn made(&self) -> Made {
        Made::Ours
    }

    fn announce(&self, label: &Label) -> Kept {
        Kept::Age {
            file: self.file(label),
        }
    }

    fn put(&self, label: &Label, token: &ClaudeToken) -> Result<Kept, Failure> {
        let file = self.file(label);
        let failed = |why: &dyn std::fmt::Display| {
            let message = format!("failed to write {}: {why}", file.display());
            Failure::new(Kind::Configuration, message)
        };
        let recipient = self.identity()?.to_public();
        let secret = token.secret().expose_secret().as_bytes();
        let content = age::encrypt(&recipient, secret).map_err(|error| failed(&error))?;
        make_folder(&self.folder).map_err(|error| failed(&error))?;
        sweep(&self.folder);
        let staged = StagedFile::write(&self.folder, &content, Access::Mode(0o600));
        staged
            .and_then(|staged| staged.put_new(&file))
            .map_err(|error| failed(&error))?;
        Ok(Kept::Age { file })
    }
}

/// Removes a file of ours.
pub(super) fn remove(file: &Path) -> Result<(), Failure> {
    if !is_ours(file) {
        return Err(super::not_ours(&format!("age:{}", file.display())));
    }
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let message = format!("failed to remove {}: {error}", file.display());
            Err(Failure::new(Kind::Configuration, message))
        }
        _ => Ok(()),
    }
}

/// Whether a file is called as those are that we make. A record might be wrong.
fn is_ours(file: &Path) -> bool {
    let folder = file.parent().and_then(Path::file_name);
    let name = file.file_name().and_then(|name| name.to_str());
    let stem = name.and_then(|name| name.strip_suffix(ENDING)?.strip_suffix('.'));
    let mint = stem.and_then(|stem| Some(stem.rsplit_once('.')?.1));
    let climbs = |part| part == Component::ParentDir;
    file.is_absolute()
        && !file.components().any(climbs)
        && folder.is_some_and(|folder| folder == FOLDER)
        && mint.is_some_and(name::is_mint)
}

/// The command that removes it.
pub(super) fn removal_command(file: &Path) -> String {
    format!("rm {}", shell_words::quote(&file.to_string_lossy()))
}

#[cfg(test)]
#[path = "age_file_tests.rs"]
mod tests;
