//! An owner who publishes a login by hand, so that tests of the engine's side
//! do not depend on the user's.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jackin_oci_hook::payload::{CredentialFile, Delivery, Payload};
use jackin_oci_hook::published::{ASKED, FILE, LEASES, LOGINS, Lease, LoginId, PUBLISHED};
use jackin_oci_hook::secret::Secret;
use jackin_tests::canary::Canary;
use jackin_tests::staging;

/// Where the login belongs in a container.
pub(crate) const PLACE: &str = ".agent/login";

/// One login of an owner's.
pub(crate) struct Owner {
    pub(crate) uid: u32,
    root: PathBuf,
    id: LoginId,
    /// What a container gets that cannot follow it.
    pub(crate) copy: Canary,
}

impl Owner {
    /// Publishes a login on a machine whose root file system is at `root`.
    pub(crate) fn new(root: &Path, uid: u32, login: &Canary) -> Result<Self> {
        // The tickets' folder says where its owner's is.
        let handle = staging::ticket(uid, Payload::default())?.handle();
        let tickets = staging::place_on(root, &handle)?;
        let root = tickets.ancestors().nth(2).context("no folder")?.to_owned();
        let owner = Self {
            uid,
            root,
            id: LoginId::try_from(handle.id.as_str().to_owned())?,
            copy: Canary::new()?,
        };
        owner.begin(login)?;
        Ok(owner)
    }

    /// Makes the folders and publishes the first login.
    pub(crate) fn begin(&self, login: &Canary) -> Result<()> {
        let published = self.published();
        fs::create_dir_all(&published)?;
        for folder in published.ancestors().take(4) {
            self.own(folder, 0o700)?;
        }
        self.own(&published, 0o755)?;
        self.publish(login)
    }

    fn own(&self, path: &Path, mode: u32) -> Result<()> {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        Ok(chown(path, Some(self.uid), Some(self.uid))?)
    }

    /// The login's folder.
    pub(crate) fn login(&self) -> PathBuf {
        self.root.join(LOGINS).join(self.id.as_str())
    }

    /// The folder that containers mount.
    pub(crate) fn published(&self) -> PathBuf {
        self.login().join(PUBLISHED)
    }

    /// Puts another login in the place of the one that is published.
    pub(crate) fn publish(&self, login: &Canary) -> Result<()> {
        let new = self.published().join(".new");
        fs::write(&new, login.text())?;
        self.own(&new, 0o444)?;
        Ok(fs::rename(new, self.published().join(FILE))?)
    }

    /// The host has logged out.
    pub(crate) fn log_out(&self) -> Result<()> {
        Ok(fs::remove_file(self.published().join(FILE))?)
    }

    /// What a container that follows it is given.
    pub(crate) fn payload(&self) -> Result<Payload> {
        let place = staging::bound_file(PLACE, "")?.place;
        let delivery = Delivery::Live {
            login: self.id.clone(),
            content: Secret::new(self.copy.text().to_owned()),
        };
        Ok(Payload {
            files: vec![CredentialFile { place, delivery }],
            ..Payload::default()
        })
    }

    /// The lease of a container.
    pub(crate) fn lease(&self, container: &str) -> Result<Lease> {
        let file = self.login().join(LEASES).join(container);
        let bytes = fs::read(&file).with_context(|| format!("no {}", file.display()))?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// Leaves word, as `docker jackin sync --now` does, that user `uid` of a machine
/// whose root file system is at `root` asks for a container's login.
pub(crate) fn leave_word(root: &Path, uid: u32, container: &str) -> Result<PathBuf> {
    let handle = staging::ticket(uid, Payload::default())?.handle();
    let tickets = staging::place_on(root, &handle)?;
    let tickets = tickets.parent().context("no folder")?;
    let folder = tickets.with_file_name(ASKED);
    fs::create_dir_all(&folder)?;
    let word = folder.join(container);
    fs::write(&word, "")?;
    for (path, mode) in [(&folder, 0o700), (&word, 0o600)] {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        chown(path, Some(uid), Some(uid))?;
    }
    Ok(word)
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.login());
    }
}
