//! Staging a ticket by hand, so that tests of the engine's side do not depend
//! on the user's.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use jackin_oci_hook::folder;
use jackin_oci_hook::payload::{
    ContainerPath, CredentialFile, Delivery, MovedBy, Payload, Place, Variable, VariableName,
    VariableValue,
};
use jackin_oci_hook::secret::Secret;
use jackin_oci_hook::ticket::{Handle, Limits, SCHEMA, Ticket, TicketId};

/// How long a ticket of ours lives, in seconds.
const LIFETIME: u64 = 300;

/// A shell's script that prints what process 1 was given as `TOKEN`. An engine
/// says that a container runs when its process has still to become the
/// container's own program, so this waits for it.
pub const TOKEN_AT_START: &str = "for again in 1 2 3 4 5 6 7 8 9 10; do \
    seen=$(tr '\\0' '\\n' </proc/1/environ | sed -n 's/^TOKEN=//p'); \
    [ -n \"$seen\" ] && break; sleep 0.2; done; echo $seen";

/// The seconds since 1970.
pub fn now() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// A ticket of `owner`'s, good for one container and five minutes.
pub fn ticket(owner: u32, payload: Payload) -> Result<Ticket> {
    let mut bits = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bits)?;
    Ok(Ticket {
        schema: SCHEMA,
        id: TicketId::from_random(bits),
        owner,
        issued: now()?,
        expires: now()? + LIFETIME,
        request: None,
        payload,
        user: None,
        limits: Limits::default(),
    })
}

/// Where a ticket lies or would lie.
pub fn place(handle: &Handle) -> Result<PathBuf> {
    place_on(Path::new("/"), handle)
}

/// The same on a machine whose root file system is at `root`.
pub fn place_on(root: &Path, handle: &Handle) -> Result<PathBuf> {
    let candidates = folder::candidates(handle.owner).into_iter();
    let usable = candidates
        .map(|folder| root.join(folder.strip_prefix("/").unwrap_or(&folder)))
        .find(|folder| folder.parent().is_some_and(Path::is_dir));
    let folder = usable.context("no folder for tickets")?;
    Ok(folder.join(folder::TICKETS).join(handle.id.as_str()))
}

/// Puts a ticket where its owner would have put it.
pub fn stage(ticket: &Ticket) -> Result<Handle> {
    stage_on(Path::new("/"), ticket)
}

/// The same on a machine whose root file system is at `root`.
pub fn stage_on(root: &Path, ticket: &Ticket) -> Result<Handle> {
    let handle = ticket.handle();
    write(&handle, &place_on(root, &handle)?, &ticket.to_json()?)?;
    Ok(handle)
}

/// Puts any text in a ticket's place, with the ticket's owner and mode.
pub fn stage_text(handle: &Handle, text: &[u8]) -> Result<PathBuf> {
    let file = place(handle)?;
    write(handle, &file, text)?;
    Ok(file)
}

fn write(handle: &Handle, file: &Path, text: &[u8]) -> Result<()> {
    let tickets = file.parent().context("no folder")?;
    for folder in [tickets.parent().context("no folder")?, tickets] {
        if DirBuilder::new().mode(0o700).create(folder).is_ok() {
            chown(folder, Some(handle.owner), Some(handle.owner))?;
        }
    }
    let mut open = OpenOptions::new();
    let mut opened = open.write(true).create_new(true).mode(0o600).open(file)?;
    opened.write_all(text)?;
    // By its date the user's side sweeps what has ended.
    opened.set_modified(SystemTime::now() + Duration::from_secs(LIFETIME))?;
    chown(file, Some(handle.owner), Some(handle.owner))?;
    Ok(())
}

/// A payload of variables.
pub fn variables(pairs: &[(&str, &str)]) -> Result<Payload> {
    let mut payload = Payload::default();
    for (name, value) in pairs {
        payload.env.push(Variable::new(
            VariableName::try_from(*name)?,
            VariableValue::try_from(Secret::new((*value).to_owned()))?,
        ));
    }
    Ok(payload)
}

/// A secret file that is bound into place.
pub fn bound_file(path: &str, content: &str) -> Result<CredentialFile> {
    Ok(CredentialFile {
        place: home_place(path)?,
        delivery: Delivery::Bind {
            content: Secret::new(content.to_owned()),
        },
    })
}

/// The seed that spares Claude's first screens.
pub fn onboarding() -> Result<CredentialFile> {
    let mut place = home_place(".claude.json")?;
    place.moved_by = Some(MovedBy {
        variable: VariableName::try_from("CLAUDE_CONFIG_DIR")?,
        path: ContainerPath::try_from(".claude.json")?,
    });
    let object = serde_json::from_str(r#"{"hasCompletedOnboarding":true}"#)?;
    let delivery = Delivery::MergeJson { object };
    Ok(CredentialFile { place, delivery })
}

fn home_place(path: &str) -> Result<Place> {
    Ok(Place {
        path: ContainerPath::try_from(path)?,
        moved_by: None,
    })
}
