//! Scenario 53: a ticket that is not in order is refused with its reason, and
//! the container does not start.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use anyhow::{Context, Result, ensure};
use jackin_oci_hook::ticket::{Handle, MAX_SIZE, Ticket};
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::image::BASE;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::staging;
use libtest_mimic::Trial;

use crate::lab::{on_each_engine, on_each_rig};
use crate::leak;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_rig("failures::e53_used_twice", used_twice),
        on_each_engine("failures::e53_not_there", not_there),
        on_each_engine("failures::e53_expired", expired),
        on_each_engine("failures::e53_another_users", another_users),
        on_each_engine("failures::e53_wrong_image", wrong_image),
        on_each_engine("failures::e53_a_link", link),
        on_each_engine("failures::e53_a_second_name", second_name),
        on_each_engine("failures::e53_a_fifo", fifo),
        on_each_engine("failures::e53_too_large", too_large),
        on_each_engine("failures::e53_unknown_version", unknown_version),
        on_each_engine("failures::e53_half_written", half_written),
        on_each_engine("failures::e53_world_readable", world_readable),
        on_each_engine("failures::e53_no_handle_at_all", no_handle),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn good(rig: &Rig) -> Result<Ticket> {
    staging::ticket(rig.owner(), leak::payload(&Canary::new()?)?)
}

/// Presents a handle and expects a refusal that names `reason`.
pub(crate) fn refused(rig: &Rig, handle: &Handle, reason: &str) -> Result<()> {
    let name = unique("refused");
    let mut client = rig.with_handle("run", handle);
    let outcome = run(client.args(["--name", &name, BASE, "echo", "started"]))?;
    let container = rig.adopt(name);
    ensure!(outcome.code == 125, "{outcome:?}");
    ensure!(outcome.stdout.is_empty(), "it started: {outcome:?}");
    ensure!(
        outcome.stderr.contains(reason),
        "no {reason:?} in {outcome:?}"
    );
    let status = container.inspect("{{.State.Status}} {{.State.Pid}}")?;
    ensure!(status == "created 0", "{status}");
    let kept = rig.state().join("containers").join(container.id()?);
    ensure!(!kept.exists(), "{} is left", kept.display());
    Ok(())
}

pub(crate) fn used_twice(rig: &Rig) -> Result<()> {
    let handle = staging::stage(&good(rig)?)?;
    let first = run(rig.with_handle("run", &handle).args(["--rm", BASE, "true"]))?;
    ensure!(first.code == 0, "{first:?}");
    refused(rig, &handle, "redeemed already")
}

pub(crate) fn not_there(rig: &Rig) -> Result<()> {
    refused(rig, &good(rig)?.handle(), "it is not there")
}

pub(crate) fn expired(rig: &Rig) -> Result<()> {
    let mut ticket = good(rig)?;
    ticket.issued -= 100;
    ticket.expires = ticket.issued + 10;
    refused(rig, &staging::stage(&ticket)?, "expired")
}

/// A ticket of root's in the folder of uid 1000, who could have put it there.
fn another_users(rig: &Rig) -> Result<()> {
    let ticket = good(rig)?;
    let mut handle = ticket.handle();
    handle.owner = 1000;
    let file = staging::stage_text(&handle, &ticket.to_json()?)?;
    refused(rig, &handle, "another handle")?;
    chown(&file, Some(0), Some(0))?;
    refused(rig, &handle, "regular file of uid 1000")?;
    Ok(fs::remove_file(file)?)
}

fn wrong_image(rig: &Rig) -> Result<()> {
    let mut ticket = good(rig)?;
    ticket.limits.image = Some("another/image:1".to_owned());
    let handle = staging::stage(&ticket)?;
    refused(rig, &handle, "another/image:1")?;
    Ok(fs::remove_file(staging::place(&handle)?)?)
}

fn link(rig: &Rig) -> Result<()> {
    let file = staging::place(&staging::stage(&good(rig)?)?)?;
    let other = good(rig)?.handle();
    symlink(&file, staging::place(&other)?)?;
    refused(rig, &other, "regular file")?;
    fs::remove_file(staging::place(&other)?)?;
    Ok(fs::remove_file(file)?)
}

fn second_name(rig: &Rig) -> Result<()> {
    let handle = staging::stage(&good(rig)?)?;
    let file = staging::place(&handle)?;
    let second = file.with_extension("second");
    fs::hard_link(&file, &second)?;
    refused(rig, &handle, "one link")?;
    fs::remove_file(second)?;
    Ok(fs::remove_file(file)?)
}

fn fifo(rig: &Rig) -> Result<()> {
    let handle = good(rig)?.handle();
    let file = staging::stage_text(&handle, b"")?;
    fs::remove_file(&file)?;
    nix::unistd::mkfifo(
        &file,
        nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR,
    )?;
    refused(rig, &handle, "regular file")?;
    Ok(fs::remove_file(file)?)
}

fn too_large(rig: &Rig) -> Result<()> {
    let ticket = good(rig)?;
    let mut text = ticket.to_json()?.to_vec();
    text.resize(usize::try_from(MAX_SIZE)? + 1, b' ');
    staging::stage_text(&ticket.handle(), &text)?;
    refused(rig, &ticket.handle(), "larger than")
}

fn unknown_version(rig: &Rig) -> Result<()> {
    let mut ticket = good(rig)?;
    ticket.schema = 99;
    refused(rig, &staging::stage(&ticket)?, "schema 99")
}

fn half_written(rig: &Rig) -> Result<()> {
    let ticket = good(rig)?;
    let text = ticket.to_json()?;
    let half = text.get(..text.len() / 2).context("empty")?;
    staging::stage_text(&ticket.handle(), half)?;
    refused(rig, &ticket.handle(), "not a complete ticket")
}

fn world_readable(rig: &Rig) -> Result<()> {
    let handle = staging::stage(&good(rig)?)?;
    fs::set_permissions(staging::place(&handle)?, Permissions::from_mode(0o644))?;
    refused(rig, &handle, "mode 0600")
}

pub(crate) fn no_handle(rig: &Rig) -> Result<()> {
    let variable = "DOCKER_JACKIN_TICKET=0.nonsense";
    let annotation = "dev.jackin.ticket=0.nonsense";
    let flags = match rig.engine.release.channel {
        jackin_tests::engine::Channel::Variable => ["-e", variable],
        jackin_tests::engine::Channel::Annotation => ["--annotation", annotation],
    };
    let mut client = rig.engine.client();
    client
        .args(["run", "--rm", "--runtime", rig.wrapper])
        .args(flags);
    let outcome = run(client.args([BASE, "echo", "started"]))?;
    ensure!(
        outcome.code == 125 && outcome.stdout.is_empty(),
        "{outcome:?}"
    );
    ensure!(
        outcome.stderr.contains("32 hexadecimal digits"),
        "{outcome:?}"
    );
    Ok(())
}
