//! Scenario 36: the variables that move a login are honoured on the host and in
//! the container.

use anyhow::{Context, Result, ensure};
use jackin_tests::command::run;
use jackin_tests::image::BASE;
use jackin_tests::rig::Rig;
use libtest_mimic::Trial;

use super::program::{Mode, Program};
use super::stage::Stage;
use crate::lab::on_newest_engine;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_newest_engine("agents::e36_a_moved_login_of_the_host", on_the_host),
        on_newest_engine(
            "agents::e36_a_moved_login_in_the_container",
            in_the_container,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn on_the_host(rig: &Rig) -> Result<()> {
    let stage = Stage::logged_out(rig)?;
    for program in Program::ALL {
        stage.configure(BASE, &[(program, Mode::Sync)], "")?;
        let (variable, place) = program.moved_by();
        let folder = format!("elsewhere/{}", program.word());
        stage.log_in(program, &format!("{folder}/{place}"))?;
        let script = format!("cat ~/{}", program.login_file());
        let mut client = stage.user.jackin(
            rig,
            &["run", &stage.role, "--rm", "--", "sh", "-c", &script],
        );
        client.env(variable, stage.user.home().join(&folder));
        let seen = run(&mut client)?.success()?;
        let login = &stage.secrets(program)?.login;
        ensure!(login.finder().is_in(seen.as_bytes()), "{program:?}: {seen}");
    }
    Ok(())
}

/// The real programs look there, as root and as an ordinary user.
fn in_the_container(rig: &Rig) -> Result<()> {
    for program in Program::ALL {
        let stage = Stage::new(rig)?;
        stage.configure(BASE, &[(program, Mode::Sync)], "")?;
        let (variable, _) = program.moved_by();
        let moved = format!("{variable}=/tmp/moved");
        for flags in [&["-e", &moved][..], &["-e", &moved, "--user", "dev"]] {
            let outcome = stage.ask(program, flags)?;
            stage
                .check(program, Mode::Sync, &outcome)
                .with_context(|| format!("{program:?} with {flags:?}"))?;
        }
    }
    Ok(())
}
