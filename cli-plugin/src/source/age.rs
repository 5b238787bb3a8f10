//! `age:PATH`: a file that is encrypted for the user's own age identity.

pub(crate) mod identity;

use std::io::Read;
use std::path::{Path, PathBuf};

use ::age::armor::ArmoredReader;
use ::age::{DecryptError, Decryptor, Identity};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{SourceError, file};
use crate::host::Host;
use identity::NoIdentity;

/// How such a source begins.
pub(super) const SCHEME: &str = "age:";

/// Why an encrypted file gives no value. Never carries one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AgeTrouble {
    /// There is nothing to decrypt it with.
    #[error(transparent)]
    NoIdentity(#[from] NoIdentity),
    /// It is for somebody else.
    #[error("it is encrypted for another identity than the one in {}", identity.display())]
    Stranger {
        /// Where the user's own is.
        identity: PathBuf,
    },
    /// It wants a passphrase.
    #[error("it is encrypted with a passphrase, and only files for an identity are read")]
    Passphrase,
    /// It is not what it was when it was made.
    #[error("it is no age file, or has been changed since it was encrypted")]
    Broken,
}

impl AgeTrouble {
    /// What to do next.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::NoIdentity(trouble) => Some(trouble.hint()),
            Self::Stranger { .. } => Some(format!(
                "name the file of its identity in {}",
                identity::VARIABLE
            )),
            Self::Passphrase | Self::Broken => None,
        }
    }
}

/// Reads the file, `~/` being below the home folder.
pub(super) fn read(path: &Path, host: &Host) -> Result<SecretString, SourceError> {
    let (path, content) = file::content(path, host.home())?;
    let value = decrypted(&content, host).map_err(|trouble| SourceError::Age {
        path: path.clone(),
        trouble,
    })?;
    file::text(&value, &path)
}

fn decrypted(content: &[u8], host: &Host) -> Result<Zeroizing<Vec<u8>>, AgeTrouble> {
    let place = identity::place(host);
    let identities = identity::read(&place, host.uid())?;
    let decryptor =
        Decryptor::new_buffered(ArmoredReader::new(content)).map_err(|_| AgeTrouble::Broken)?;
    if decryptor.is_scrypt() {
        return Err(AgeTrouble::Passphrase);
    }
    let identities = identities.iter().map(|identity| identity as &dyn Identity);
    let mut reader = decryptor.decrypt(identities).map_err(|error| match error {
        DecryptError::NoMatchingKeys => AgeTrouble::Stranger { identity: place },
        _ => AgeTrouble::Broken,
    })?;
    // It is shorter than what it was encrypted to: nothing of it is left
    // behind by growing.
    let mut value = Zeroizing::new(Vec::with_capacity(content.len()));
    let read = reader.read_to_end(&mut value);
    read.map(|_| value).map_err(|_| AgeTrouble::Broken)
}

#[cfg(test)]
#[path = "age_tests.rs"]
mod tests;
