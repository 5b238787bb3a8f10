//! Scenarios 11 and 42: each agent in each mode, as root and as an ordinary
//! user: the vendor sees the credential of the mode, and no other.

use anyhow::{Context, Result, ensure};
use jackin_tests::image::BASE;
use jackin_tests::rig::Rig;
use libtest_mimic::Trial;

use super::program::{Mode, Program};
use super::stage::{Stage, auth_line};
use crate::lab::on_each_engine;

pub(crate) fn trials() -> Vec<Trial> {
    use Mode::{ApiKey, Ignore, OauthToken, Sync};
    use Program::{Amp, Claude, Codex, Opencode};
    [
        on_each_engine("agents::e42_claude_sync", |rig| {
            both_users(rig, Claude, Sync)
        }),
        on_each_engine("agents::e42_codex_sync", |rig| both_users(rig, Codex, Sync)),
        on_each_engine("agents::e42_opencode_sync", |rig| {
            both_users(rig, Opencode, Sync)
        }),
        on_each_engine("agents::e42_amp_sync", |rig| both_users(rig, Amp, Sync)),
        on_each_engine("agents::e42_claude_api_key", |rig| {
            both_users(rig, Claude, ApiKey)
        }),
        on_each_engine("agents::e42_codex_api_key", |rig| {
            both_users(rig, Codex, ApiKey)
        }),
        on_each_engine("agents::e42_opencode_api_key", |rig| {
            both_users(rig, Opencode, ApiKey)
        }),
        on_each_engine("agents::e42_amp_api_key", |rig| {
            both_users(rig, Amp, ApiKey)
        }),
        on_each_engine("agents::e42_claude_oauth_token", |rig| {
            both_users(rig, Claude, OauthToken)
        }),
        on_each_engine("agents::e11_e42_claude_ignore", |rig| {
            both_users(rig, Claude, Ignore)
        }),
        on_each_engine("agents::e11_e42_codex_ignore", |rig| {
            both_users(rig, Codex, Ignore)
        }),
        on_each_engine("agents::e11_e42_opencode_ignore", |rig| {
            both_users(rig, Opencode, Ignore)
        }),
        on_each_engine("agents::e11_e42_amp_ignore", |rig| {
            both_users(rig, Amp, Ignore)
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn both_users(rig: &Rig, program: Program, mode: Mode) -> Result<()> {
    let stage = Stage::new(rig)?;
    // What an image sets by itself is its own affair where nothing is wanted.
    let image = match mode {
        Mode::Ignore => BASE.to_owned(),
        Mode::Sync | Mode::ApiKey | Mode::OauthToken => stage.meddling_image()?,
    };
    stage.configure(&image, &[(program, mode)], "")?;
    for flags in [&[][..], &["--user", "dev"]] {
        let outcome = stage.ask(program, flags)?;
        let line = auth_line(&outcome, program)?;
        ensure!(line.contains(mode.told()), "{line}");
        stage
            .check(program, mode, &outcome)
            .with_context(|| format!("with {flags:?}"))?;
    }
    Ok(())
}
