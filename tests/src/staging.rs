//! Staging a ticket by hand, so that tests of the engine's side do not depend
//! on the user's.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use jackin_oci_hook::folder;
use jackin_oci_hook::payload::{
    ContainerPath, CredentialFile, Delivery, MovedBy, Payload, Place, Variable, VariableName,
    VariableValue,
};
use jackin_oci_hook::secret::Secret;
use jackin_oci_hook::ticket::{Handle, Limits, SCHEMA, Ticket, TicketId};

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
        expires: now()? + 300,
        request: None,
        payload,
        user: None,
        limits: Limits::default(),
    })
}

/// Where a ticket lies or would lie.
pub fn place(handle: &Handle) -> Result<PathBuf> {
    let candidates = folder::candidates(handle.owner);
    let usable = candidates
        .into_iter()
        .find(|folder| folder.parent().is_some_and(std::path::Path::is_dir));
    let folder = usable.context("no folder for tickets")?;
    Ok(folder.join(folder::TICKETS).join(handle.id.as_str()))
}

/// Puts a ticket where its owner would have put it.
pub fn stage(ticket: &Ticket) -> Result<Handle> {
    let handle = ticket.handle();
    stage_text(&handle, &ticket.to_json()?)?;
    Ok(handle)
}

/// Puts any text in a ticket's place, with the ticket's owner and mode.
pub fn stage_text(handle: &Handle, text: &[u8]) -> Result<PathBuf> {
    let file = place(handle)?;
    let tickets = file.parent().context("no folder")?;
    for folder in [tickets.parent().context("no folder")?, tickets] {
        if DirBuilder::new().mode(0o700).create(folder).is_ok() {
            chown(folder, Some(handle.owner), Some(handle.owner))?;
        }
    }
    let mut open = OpenOptions::new();
    let mut opened = open.write(true).create_new(true).mode(0o600).open(&file)?;
    opened.write_all(text)?;
    chown(&file, Some(handle.owner), Some(handle.owner))?;
    Ok(file)
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
