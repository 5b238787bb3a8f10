//! Tickets that wait for their containers, as their owner sees them and takes
//! them back.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::str::FromStr;
use std::time::SystemTime;

use jackin_oci_hook::container_user::ContainerUser;
use jackin_oci_hook::ticket::{Limits, TicketId};

use super::folder::read_ticket;
use super::{TicketFolder, failed, seconds};
use crate::failure::Failure;
use crate::request::Request;

/// How many digits of an id are shown: enough to tell tickets apart, and far
/// too few to redeem one. Until then the whole is worth what is in the ticket,
/// and a list lands in screenshots and reports.
const SHOWN: usize = 12;

/// How many digits an id has.
const WHOLE: usize = 32;

/// A ticket that waits, without what it holds.
#[derive(Debug)]
pub struct Waiting {
    /// How its handle begins.
    pub handle: Beginning,
    /// What was asked for; `None` when nothing in it can be resolved again.
    pub request: Option<Request>,
    /// Whose home its files go to.
    pub user: Option<ContainerUser>,
    /// Which containers may redeem it.
    pub limits: Limits,
    /// When it was issued, in seconds since 1970.
    pub issued: u64,
    /// When it ends, in seconds since 1970.
    pub expires: u64,
}

impl TicketFolder {
    /// The tickets that can still be redeemed, the oldest first.
    pub fn waiting(&self, now: SystemTime) -> Vec<Waiting> {
        let tickets = self.ids().into_iter();
        let tickets = tickets.filter_map(|id| read_ticket(&self.path().join(id.as_str())));
        let mut waiting: Vec<_> = tickets
            .filter(|ticket| ticket.expires > seconds(now))
            .map(|ticket| Waiting {
                handle: Beginning::of(ticket.owner, &ticket.id),
                request: ticket
                    .request
                    .and_then(|request| Request::from_raw(&request).ok()),
                user: ticket.user,
                limits: ticket.limits,
                issued: ticket.issued,
                expires: ticket.expires,
            })
            .collect();
        waiting.sort_by(|one, other| {
            let key = |one: &Waiting| (one.issued, one.expires);
            key(one).cmp(&key(other))
        });
        waiting
    }

    /// The ids of all tickets that lie here.
    pub fn ids(&self) -> Vec<TicketId> {
        let entries = fs::read_dir(self.path()).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names
            .filter_map(|name| TicketId::try_from(name).ok())
            .collect()
    }

    /// Takes a ticket back; whether it was still there.
    ///
    /// # Errors
    /// It is, and cannot be removed.
    pub fn withdraw(&self, id: &TicketId) -> Result<bool, Failure> {
        match fs::remove_file(self.path().join(id.as_str())) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("take a ticket back", &error)),
        }
    }
}

/// How a handle begins, or all of it: `<uid>.<digits>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// The user whose ticket it is.
    pub owner: u32,
    digits: String,
}

impl Beginning {
    /// What is shown of a ticket's handle.
    pub fn of(owner: u32, id: &TicketId) -> Self {
        let digits = id.as_str().chars().take(SHOWN).collect();
        Self { owner, digits }
    }

    /// Whether a ticket's id begins so.
    pub fn fits(&self, id: &TicketId) -> bool {
        id.as_str().starts_with(&self.digits)
    }
}

impl fmt::Display for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.owner, self.digits)
    }
}

/// A text that no handle begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a handle is <uid>.<hexadecimal digits>, or how it begins, as `docker jackin ticket list` shows it"
)]
pub struct InvalidBeginning;

impl FromStr for Beginning {
    type Err = InvalidBeginning;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (owner, digits) = text.split_once('.').ok_or(InvalidBeginning)?;
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if !(1..=WHOLE).contains(&digits.len()) || !digits.bytes().all(hex) {
            return Err(InvalidBeginning);
        }
        let parsed: u32 = owner.parse().map_err(|_| InvalidBeginning)?;
        if parsed.to_string() != owner {
            return Err(InvalidBeginning);
        }
        Ok(Self {
            owner: parsed,
            digits: digits.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_known_by_how_it_begins_and_shown_by_too_little_to_redeem_it() {
        let id = TicketId::from_random([0xab; 16]);
        let shown = Beginning::of(1000, &id).to_string();
        assert_eq!(shown, "1000.abababababab");
        let whole = format!("1000.{}", id.as_str());
        for text in ["1000.a", shown.as_str(), whole.as_str()] {
            assert!(text.parse::<Beginning>().unwrap().fits(&id), "{text}");
        }
        assert!(!"1000.abb".parse::<Beginning>().unwrap().fits(&id));
    }

    #[test]
    fn what_no_handle_begins_with_is_refused() {
        let long = format!("1.{}", "a".repeat(33));
        for text in [
            "", "1000", "1000.", ".ab", "01.ab", "+1.ab", "1.AB", "1.a/", &long,
        ] {
            assert_eq!(text.parse::<Beginning>(), Err(InvalidBeginning), "{text:?}");
        }
    }
}
