//! Scenario 31 on Podman: a ticket of `docker jackin ticket`, and what a
//! restart takes from a configuration that changed.

use anyhow::{Result, ensure};
use jackin_tests::binaries::PLUGIN;
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::image::BASE;
use jackin_tests::podman::Podman;
use libtest_mimic::Trial;

use super::with_crun;

pub(crate) fn trials() -> Vec<Trial> {
    with_crun("e31_a_ticket_and_a_login_that_changes", login_changes)
}

/// Where the token arrives through the wrapper, and where by the hook alone.
const VARIABLE: &str = "echo $CLAUDE_CODE_OAUTH_TOKEN";
const FILE: &str = "cat ~/.claude/.credentials.json";

/// Through the wrapper in a variable, and by the hook alone in a file.
fn login_changes(podman: &Podman) -> Result<()> {
    let canary = Canary::new()?;
    shell(
        podman,
        &format!(
            "umask 077; mkdir -p ~/.docker/jackin; echo {} >~/token
            cat >~/.docker/jackin/config.toml <<END
[claude]
auth_forward = \"oauth_token\"
oauth_token = \"file:$HOME/token\"
[roles.web]
image = \"{BASE}\"
agents = [\"claude\"]
END",
            canary.oauth_token()
        ),
    )?;
    follows(podman, &podman.wrapper(), VARIABLE, &canary)?;
    follows(podman, podman.low_level, FILE, &canary)?;
    // Their own file, on their own disk: no leak, and none is to be found later.
    shell(podman, "rm ~/token")?;
    Ok(())
}

fn follows(podman: &Podman, runtime: &str, script: &str, first: &Canary) -> Result<()> {
    let container = podman.container();
    let name = &container.name;
    // The last flag wins over the one of the ticket.
    shell(
        podman,
        &format!(
            "flags=$({PLUGIN} jackin ticket --role web --by annotation)
            podman run -d --name {name} --network none $flags --runtime {runtime} \
                {BASE} sleep 1000"
        ),
    )?;
    holds(&container.shell(script)?, first)?;
    let second = Canary::new()?;
    let token = second.oauth_token();
    shell(podman, &format!("echo {token} >~/token"))?;
    container.at_once(&["restart"])?;
    holds(&container.shell(script)?, &second)?;
    let token = first.oauth_token();
    shell(podman, &format!("echo {token} >~/token"))?;
    Ok(())
}

fn holds(seen: &str, canary: &Canary) -> Result<()> {
    ensure!(seen.contains(&canary.oauth_token()), "{seen:?}");
    Ok(())
}

/// A script as the user's who runs Podman.
fn shell(podman: &Podman, script: &str) -> Result<String> {
    let words = ["sh", "-ec", script];
    run(&mut podman.machine.command(podman.rootless, &words)?)?.success()
}
