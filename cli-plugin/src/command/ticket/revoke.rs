//! `docker jackin ticket revoke`: takes back tickets that no container has
//! redeemed.

use std::process::ExitCode;

use clap::Args;
use jackin_oci_hook::folder::candidates;
use jackin_oci_hook::ticket::TicketId;

use crate::command::screen;
use crate::failure::{Failure, Kind};
use crate::handoff::{Beginning, TicketFolder};
use crate::host::Host;
use crate::live::Logins;

/// Take tickets back
///
/// No container can redeem them any more. One that has done so keeps its
/// login; remove it, or end the login at its vendor.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The tickets, by their handles or how those begin.
    #[arg(
        value_name = "HANDLE",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    handles: Vec<Beginning>,
    /// All of yours.
    #[arg(long)]
    all: bool,
}

/// Takes them back.
///
/// # Errors
/// One of them is not there any more; the others are taken back all the same.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let uid = Host::of_this_process()?.uid();
    let tickets = TicketFolder::open(&candidates(uid), uid)?;
    if arguments.all {
        return all(&tickets);
    }
    let handles = arguments.handles.iter();
    let mut failures = handles.filter_map(|handle| one(&tickets, handle).err());
    let Some(first) = failures.next() else {
        return Ok(ExitCode::SUCCESS);
    };
    Err(failures.fold(first, |all, more| all.hint(more.message)))
}

fn all(tickets: &TicketFolder) -> Result<ExitCode, Failure> {
    let ids = tickets.ids();
    for id in &ids {
        take_back(tickets, id)?;
    }
    if ids.is_empty() {
        anstream::eprintln!("none of your tickets waits for a container");
    }
    Ok(ExitCode::SUCCESS)
}

fn one(tickets: &TicketFolder, handle: &Beginning) -> Result<(), Failure> {
    let owner = handle.owner;
    if owner != tickets.owner() {
        let message = format!("{handle} is a ticket of uid {owner}");
        return Err(Failure::new(Kind::Usage, message).hint("take it back as that user"));
    }
    let ids = tickets.ids();
    let meant: Vec<_> = ids.iter().filter(|id| handle.fits(id)).collect();
    let gone = || {
        let message =
            format!("no ticket {handle} waits: it was redeemed or taken back, or has ended");
        Failure::new(Kind::Configuration, message)
            .hint("what waits is shown by: docker jackin ticket list")
    };
    match meant.as_slice() {
        [id] if take_back(tickets, id)? => Ok(()),
        [] | [_] => Err(gone()),
        several => {
            let message = format!("{} tickets begin with {handle}", several.len());
            Err(Failure::new(Kind::Usage, message).hint("give more of its digits"))
        }
    }
}

/// Takes one back and says so; whether it was still there.
fn take_back(tickets: &TicketFolder, id: &TicketId) -> Result<bool, Failure> {
    let there = tickets.withdraw(id)?;
    if let Ok(logins) = Logins::beside(tickets) {
        logins.drop_wanted(id.as_str());
    }
    if there {
        let handle = Beginning::of(tickets.owner(), id);
        screen::say(&format_args!("revoked {handle}"));
    }
    Ok(there)
}
