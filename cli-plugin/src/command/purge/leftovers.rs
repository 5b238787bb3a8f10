//! What lies on the user's side for a role: launch records, and tickets that
//! no container came for.

use jackin_oci_hook::folder::candidates;

use crate::failure::Failure;
use crate::handoff::TicketFolder;
use crate::launch::LaunchFolder;
use crate::live::Logins;
use crate::request::Request;

/// How much of it there was.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Leftovers {
    /// Launch records.
    pub(super) records: usize,
    /// Tickets.
    pub(super) tickets: usize,
}

impl Leftovers {
    /// Removes all that user `uid` has for `role`.
    ///
    /// # Errors
    /// There is no folder for it that is the user's alone.
    pub(super) fn remove(role: &str, uid: u32) -> Result<Self, Failure> {
        let tickets = TicketFolder::open(&candidates(uid), uid)?;
        let launches = LaunchFolder::beside(&tickets)?;
        let records = launches.all().into_iter();
        let records = records.filter(|record| record.role.as_deref() == Some(role));
        let removed = records.filter(|record| launches.remove(&record.id)).count();
        let of_role = |request: &Request| request.subject.role() == Some(role);
        let withdrawn = tickets.withdraw_those(of_role);
        if let Ok(logins) = Logins::beside(&tickets) {
            for ticket in &withdrawn {
                logins.drop_wanted(ticket.as_str());
            }
        }
        Ok(Self {
            records: removed,
            tickets: withdrawn.len(),
        })
    }
}
