//! The policy of root's in an engine of an ordinary user's: it serves that user
//! alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::image::BASE;
use jackin_tests::rig::{Rig, unique};
use libtest_mimic::Trial;

use super::scene::{POLICY, token_of, write_policy};
use crate::rootless::on_each;

pub(super) fn trials() -> Vec<Trial> {
    on_each("the_policy", policy)
}

/// Removes the policy, however the test ends.
struct Removed;

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_file(POLICY);
    }
}

fn policy(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    configure(rig, &canary)?;
    let _removed = Removed;
    let image = format!("image = \"{BASE}\"");
    let engines = format!("engine_user = {}", rig.owner());
    for (owner, conditions, served) in [
        (rig.owner(), image.as_str(), true),
        (rig.owner(), &engines, true),
        (rig.owner(), "engine_user = 0", false),
        (0, &image, false),
    ] {
        write_policy(&format!(
            "[[rule]]\nname = \"tested\"\nowner = {owner}\nagents = [\"claude\"]\n\
             [rule.match]\n{conditions}\n"
        ))?;
        let name = unique("rootless");
        let words = ["run", "-d", "--name", &name, "--runtime", rig.wrapper];
        let started = rig
            .engine
            .try_docker(&[&words[..], &[BASE, "sleep", "1000"]].concat())?;
        let container = rig.adopt(name);
        started.success()?;
        let wanted = if served {
            canary.oauth_token()
        } else {
            String::new()
        };
        let token = token_of(&container)?;
        ensure!(token == wanted, "{owner}, {conditions}: {token:?}");
    }
    Ok(())
}

/// A token of the engine's user, and a configuration that names it.
fn configure(rig: &Rig, canary: &Canary) -> Result<()> {
    let user = rig.engine.release.rootless.context("an engine of root's")?;
    let home = user.home();
    let folder = home.join(".docker/jackin");
    run(user.command("mkdir").arg("-p").arg(&folder))?.success()?;
    let write = |path: &Path, text: &str| -> Result<()> {
        fs::write(path, text)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(chown(path, Some(user.uid), Some(user.uid))?)
    };
    write(&home.join("token"), &canary.oauth_token())?;
    let text = "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"file:~/token\"\n";
    write(&folder.join("config.toml"), text)
}
