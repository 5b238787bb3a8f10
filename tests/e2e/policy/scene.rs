//! A policy on this machine, and the person whose configuration it goes by.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use jackin_tests::canary::Canary;
use jackin_tests::command::Outcome;
use jackin_tests::image::BASE;
use jackin_tests::rig::{Container, Rig, unique};
use jackin_tests::sandbox::USER;

use crate::user::User;

/// Where the policy is.
pub(super) const POLICY: &str = "/etc/docker-jackin/policy.toml";

const PASSWD: &str = "/etc/passwd";

/// A person with a token, and an image that others do not use; as long as it
/// lives, `/etc/passwd` names that person's home, and there may be a policy.
pub(super) struct Scene<'a> {
    pub(super) rig: &'a Rig,
    pub(super) user: User,
    pub(super) canary: Canary,
    pub(super) image: String,
    passwd: String,
}

impl<'a> Scene<'a> {
    pub(super) fn new(rig: &'a Rig) -> Result<Self> {
        let image = format!("acme/{}:1", unique("policy"));
        rig.engine.docker(&["tag", BASE, &image])?;
        let passwd = fs::read_to_string(PASSWD)?;
        let scene = Self {
            rig,
            user: User::new(USER)?,
            canary: Canary::new()?,
            image,
            passwd,
        };
        scene.move_home()?;
        scene.user.write("token", &scene.canary.oauth_token())?;
        scene.configure("agent")?;
        Ok(scene)
    }

    /// The resolver looks for the home where the host's passwd file has it.
    fn move_home(&self) -> Result<()> {
        let home = self.user.home().display().to_string();
        let moved = self.passwd.lines().map(|line| {
            let mut fields: Vec<&str> = line.split(':').collect();
            if fields.get(2) == Some(&USER.to_string().as_str()) && fields.len() > 5 {
                fields[5] = &home;
            }
            fields.join(":") + "\n"
        });
        let moved: String = moved.collect();
        fs::write(PASSWD, moved).context("failed to move the user's home")
    }

    /// The owner's configuration, with a role of this name.
    pub(super) fn configure(&self, role: &str) -> Result<()> {
        self.user.configure(&format!(
            "[claude]\nauth_forward = \"oauth_token\"\noauth_token = \"file:~/token\"\n\
             [roles.{role}]\nimage = \"i\"\nagents = [\"claude\"]\n"
        ))
    }

    /// Another token from now on.
    pub(super) fn new_token(&mut self) -> Result<Canary> {
        let former = std::mem::replace(&mut self.canary, Canary::new()?);
        self.user.write("token", &self.canary.oauth_token())?;
        Ok(former)
    }

    /// The condition that matches this scene's image.
    pub(super) fn its_image(&self) -> String {
        format!("image = \"{}\"", self.image)
    }

    /// A container of the scene's image, without a ticket.
    pub(super) fn start(&self, flags: &[&str]) -> Result<Container> {
        self.start_image(flags, &self.image)
    }

    /// One of another image.
    pub(super) fn start_image(&self, flags: &[&str], image: &str) -> Result<Container> {
        let name = unique("served");
        let outcome = self.try_start(&name, flags, image)?;
        let container = self.rig.adopt(name);
        outcome.success()?;
        Ok(container)
    }

    /// The same, however it ends.
    pub(super) fn try_start(&self, name: &str, flags: &[&str], image: &str) -> Result<Outcome> {
        let runtime = ["run", "-d", "--name", name, "--runtime", self.rig.wrapper];
        let command = [image, "sleep", "1000"];
        self.rig
            .engine
            .try_docker(&[&runtime[..], flags, &command].concat())
    }

    pub(super) fn restart(&self, container: &Container) -> Result<()> {
        let restart = ["restart", "-t", "0", &container.name];
        self.rig.engine.docker(&restart)?;
        Ok(())
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(POLICY);
        let _ = fs::write(PASSWD, &self.passwd);
        let _ = self.rig.engine.try_docker(&["rmi", "--force", &self.image]);
    }
}

/// Writes a policy as root does; it goes with the scene.
pub(super) fn write_policy(text: &str) -> Result<()> {
    fs::write(POLICY, text)?;
    fs::set_permissions(POLICY, Permissions::from_mode(0o644))?;
    Ok(())
}

/// Puts a policy in force whose only rule matches by these conditions.
pub(super) fn rule(conditions: &str) -> Result<()> {
    rule_with("", conditions)
}

/// The same with more keys in the rule.
pub(super) fn rule_with(more: &str, conditions: &str) -> Result<()> {
    write_policy(&format!(
        "[[rule]]\nname = \"tested\"\nowner = {USER}\nrole = \"agent\"\n{more}\n\
         [rule.match]\n{conditions}\n"
    ))
}

/// The token in process 1 and in an exec; nothing where there is none.
pub(super) fn token_of(container: &Container) -> Result<String> {
    let started = "tr '\\0' '\\n' </proc/1/environ | sed -n 's/^CLAUDE_CODE_OAUTH_TOKEN=//p'";
    let token = container.shell(started)?;
    let by_exec = container.shell("env | sed -n 's/^CLAUDE_CODE_OAUTH_TOKEN=//p'")?;
    anyhow::ensure!(
        token == by_exec,
        "{token:?} at the start, {by_exec:?} by exec"
    );
    Ok(token)
}
