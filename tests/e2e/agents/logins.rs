//! Scenarios 26 to 30: what of a host's login gets into a container, and what
//! becomes of one that is not there or is no good.

use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use anyhow::{Context, Result, ensure};
use jackin_tests::command::Outcome;
use jackin_tests::image::{BASE, build};
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::{Sandbox, USER};
use libtest_mimic::Trial;
use serde_json::Value;

use super::program::{Mode, Program};
use super::stage::Stage;
use crate::lab::on_each_engine;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine("agents::e26_a_login_has_the_hosts_bytes", same),
        on_each_engine("agents::e26_a_copy_is_the_containers_users", owned),
        on_each_engine("agents::e27_without_a_login_the_containers_stays", missing),
        on_each_engine("agents::e28_a_broken_login_is_never_copied", broken),
        on_each_engine("agents::e29_an_unreadable_login_is_an_error", unreadable),
        on_each_engine("agents::e30_links_are_followed_inside_the_home", links),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn sync(program: Program) -> [(Program, Mode); 1] {
    [(program, Mode::Sync)]
}

fn in_container(stage: &Stage, flags: &[&str], script: &str) -> Result<Outcome> {
    let mut arguments = vec!["run", &stage.role, "--rm"];
    arguments.extend_from_slice(flags);
    arguments.extend(["--", "sh", "-c", script]);
    stage.user.run(stage.rig, &arguments)
}

/// Without what renews a login, which stays on the host, and without the key
/// that is none.
fn without_refresh(mut login: Value) -> Value {
    if let Some(fields) = login.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    for pointer in ["/claudeAiOauth", "/tokens", "/openai"] {
        if let Some(Value::Object(fields)) = login.pointer_mut(pointer) {
            for name in ["refreshToken", "refresh_token", "refresh"] {
                fields.remove(name);
            }
        }
    }
    login
}

/// Containers' users, and whose a copy is in them.
const USERS: [(&[&str], &str); 4] = [
    (&[], "0:0 600"),
    (&["--user", "dev"], "1000:1000 600"),
    (&["--user", "1000:1000"], "1000:1000 600"),
    (&["--user", "4242", "-e", "HOME=/tmp"], "4242:0 600"),
];

fn same(rig: &Rig) -> Result<()> {
    let stage = Stage::new(rig)?;
    for program in Program::ALL {
        stage.configure(BASE, &sync(program), "")?;
        let script = format!("cat ~/{}", program.login_file());
        for (flags, _) in USERS {
            let login = in_container(&stage, flags, &script)?.success()?;
            let secrets = stage.secrets(program)?;
            ensure!(!secrets.refresh.finder().is_in(login.as_bytes()), "{login}");
            let login = without_refresh(serde_json::from_str(&login)?);
            let host = without_refresh(program.login(secrets, &stage.api));
            ensure!(login == host, "{program:?}: {login}, on the host {host}");
        }
    }
    Ok(())
}

fn owned(rig: &Rig) -> Result<()> {
    let stage = Stage::new(rig)?;
    let program = Program::Claude;
    stage.configure(BASE, &sync(program), "")?;
    let copy = "config auth set sync --refresh copy --agent claude";
    let copy: Vec<_> = copy.split(' ').collect();
    stage.user.run(rig, &copy)?.success()?;
    let file = program.login_file();
    let script = format!("stat -c '%u:%g %a' ~/{file}; cat ~/{file}");
    for (flags, facts) in USERS {
        let output = in_container(&stage, flags, &script)?.success()?;
        let (seen, login) = output.split_once('\n').context("no login")?;
        ensure!(seen == facts, "{flags:?}: {seen}");
        let host = program.login(stage.secrets(program)?, &stage.api);
        let login: Value = serde_json::from_str(login)?;
        ensure!(login == host, "{login}, on the host {host}");
    }
    Ok(())
}

/// An image in which every agent has a login of its own.
fn image_with_logins(rig: &Rig) -> Result<String> {
    let name = unique("logged-in");
    let mut dockerfile = format!("FROM {BASE}\nRUN true");
    for program in Program::ALL {
        let file = format!("/root/{}", program.login_file());
        let folder = file.rsplit_once('/').context("no folder")?.0;
        write!(dockerfile, " && mkdir -p {folder} && echo ours >{file}")?;
    }
    build(&rig.engine, &name, &dockerfile)?;
    Ok(name)
}

fn the_containers_own(stage: &Stage, program: Program) -> Result<Outcome> {
    let outcome = in_container(stage, &[], &format!("cat ~/{}", program.login_file()))?;
    ensure!(outcome.code == 0, "{program:?}: {outcome:?}");
    ensure!(outcome.stdout == "ours\n", "{program:?}: {outcome:?}");
    Ok(outcome)
}

fn missing(rig: &Rig) -> Result<()> {
    let stage = Stage::logged_out(rig)?;
    let image = image_with_logins(rig)?;
    for program in Program::ALL {
        stage.configure(&image, &sync(program), "")?;
        the_containers_own(&stage, program)?;
    }
    Ok(())
}

fn broken(rig: &Rig) -> Result<()> {
    let stage = Stage::new(rig)?;
    let image = image_with_logins(rig)?;
    for program in Program::ALL {
        stage.configure(&image, &sync(program), "")?;
        let whole = program
            .login(stage.secrets(program)?, &stage.api)
            .to_string();
        for text in ["", "{}", "null", &whole[..whole.len() - 1]] {
            stage.user.write(program.login_file(), text)?;
            let outcome = the_containers_own(&stage, program)?;
            let file = stage.user.home().join(program.login_file());
            ensure!(
                outcome.stderr.contains(&*file.to_string_lossy()),
                "{program:?} with {text:?} is not told of: {outcome:?}"
            );
        }
    }
    Ok(())
}

fn unreadable(rig: &Rig) -> Result<()> {
    let stage = Stage::new(rig)?;
    for program in Program::ALL {
        stage.configure(BASE, &sync(program), "")?;
        let file = stage.user.home().join(program.login_file());
        fs::set_permissions(&file, Permissions::from_mode(0o000))?;
        refused(&stage, program)?;
    }
    Ok(())
}

/// Nothing starts, and the file that is to blame is named.
fn refused(stage: &Stage, program: Program) -> Result<()> {
    let outcome = in_container(stage, &[], "echo started")?;
    ensure!(outcome.code == 125, "{program:?}: {outcome:?}");
    ensure!(outcome.stdout.is_empty(), "{program:?}: {outcome:?}");
    let file = stage.user.home().join(program.login_file());
    ensure!(
        outcome.stderr.contains(&*file.to_string_lossy()),
        "{program:?}: {outcome:?}"
    );
    Ok(())
}

fn links(rig: &Rig) -> Result<()> {
    let stage = Stage::new(rig)?;
    let outside = Sandbox::memory().join(unique("outside"));
    fs::create_dir_all(&outside)?;
    for program in Program::ALL {
        stage.configure(BASE, &sync(program), "")?;
        let file = stage.user.home().join(program.login_file());
        let kept = format!("kept/{}", program.word());
        stage.user.write(&kept, "")?;
        let kept = stage.user.home().join(kept);
        fs::rename(&file, &kept)?;
        symlink(&kept, &file)?;
        let script = format!("cat ~/{}", program.login_file());
        let seen = in_container(&stage, &[], &script)?.success()?;
        let login = &stage.secrets(program)?.login;
        // The signature of Codex's token, and all others, are plain text.
        ensure!(login.finder().is_in(seen.as_bytes()), "{program:?}: {seen}");
        let elsewhere = outside.join(program.word());
        fs::copy(&kept, &elsewhere)?;
        chown(&elsewhere, Some(USER), Some(USER))?;
        fs::remove_file(&file)?;
        symlink(&elsewhere, &file)?;
        refused(&stage, program)?;
    }
    Ok(())
}
