//! Scenarios 42 to 44, 50 and 52 in devcontainers, made by the real CLI out of
//! the Templates that the project ships.

mod project;

use std::fs;

use anyhow::{Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::devcontainer::{filled_in, parse, registry, settings_of_the_readme, template};
use jackin_tests::image::{BASE, build};
use jackin_tests::processes::Watch;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::USER;
use jackin_tests::search::{files, search, search_remains};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::agents::program::{Mode, Program};
use crate::agents::stage::Stage;
use crate::lab::{on_each_engine, on_newest_engine};
use crate::leak::{clean, nothing_kept};
use project::Project;

pub(crate) fn trials() -> Vec<Trial> {
    [
        on_each_engine(
            "devcontainer::e42_e44_e50_a_token_from_up_to_removal",
            token,
        ),
        on_each_engine(
            "devcontainer::e42_e44_e50_a_host_login_from_up_to_removal",
            host_login,
        ),
        on_each_engine(
            "devcontainer::e42_the_remote_user_with_another_uid",
            another_uid,
        ),
        on_each_engine("devcontainer::e50_with_compose", with_compose),
        on_each_engine(
            "devcontainer::e54_a_label_that_names_a_ticket",
            label_names_a_ticket,
        ),
        on_each_engine("devcontainer::up_fails_where_there_is_no_login", no_login),
        on_newest_engine("devcontainer::the_cli_applies_the_templates", applied),
        on_newest_engine(
            "devcontainer::e50_the_default_probe_would_leak_it",
            default_probe,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The Template for an image, with what the tests need beside it.
fn config(stage: &Stage, image: &str) -> Result<Value> {
    let options = [("image", image), ("agent", "claude"), ("remoteUser", "dev")];
    let mut config = filled_in("jackin", &options)?;
    let further = stage.flags(&[(Program::Claude, Mode::Sync)])?;
    if let Some(flags) = config["runArgs"].as_array_mut() {
        flags.extend(further.into_iter().map(Value::from));
    }
    // A command in the container by which a leak would show.
    config["postAttachCommand"] = json!("sleep 0.3");
    Ok(config)
}

/// What the README says, in a `devcontainer.json` that has nothing of ours.
fn config_of_the_readme(stage: &Stage, image: &str) -> Result<Value> {
    let mut config = config(stage, image)?;
    let flags = config["runArgs"].as_array().cloned().unwrap_or_default();
    let settings = settings_of_the_readme(&stage.role, "dev")?;
    for (name, value) in settings.as_object().into_iter().flatten() {
        config[name] = value.clone();
    }
    if let Some(ours) = config["runArgs"].as_array_mut() {
        ours.extend(flags.into_iter().skip(ours.len()));
    }
    Ok(config)
}

/// An image that says in its label how the CLI is to use it: it asks for what
/// would leak, and for a container of root's.
fn labelled(rig: &Rig, further: &str) -> Result<String> {
    let image = unique("labelled");
    let label =
        format!(r#"[{{"userEnvProbe":"loginInteractiveShell","remoteUser":"root"{further}}}]"#);
    let dockerfile = format!("FROM {BASE}\nLABEL devcontainer.metadata='{label}'\n");
    build(&rig.engine, &image, &dockerfile)?;
    Ok(image)
}

/// A project of somebody with one secret.
fn project<'a>(rig: &'a Rig, canary: &Canary, mode: Mode) -> Result<Project<'a>> {
    let stage = Stage::with_one_secret(rig, canary)?;
    stage.configure(BASE, &[(Program::Claude, mode)], "")?;
    Project::new(stage)
}

/// The Template's settings; what leaks would show in processes as well.
fn token(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let mut project = project(rig, &canary, Mode::OauthToken)?;
    // What `devcontainer.json` sets counts, not what the image's label says.
    project.write(&config(&project.stage, &labelled(rig, "")?)?)?;
    let watch = Watch::start(&rig.engine, &canary)?;
    whole_life(&mut project, &canary, Mode::OauthToken)?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    Ok(())
}

/// The README's settings, in a `devcontainer.json` that is there already.
fn host_login(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let mut project = project(rig, &canary, Mode::Sync)?;
    project.write(&config_of_the_readme(&project.stage, BASE)?)?;
    whole_life(&mut project, &canary, Mode::Sync)
}

/// Up, exec, up while it runs, stop and start by docker alone, stop and up, a
/// new container; and what is left of all that.
fn whole_life(project: &mut Project, canary: &Canary, mode: Mode) -> Result<()> {
    let rig = project.stage.rig;
    project.up(&[])?;
    project.claude_is_logged_in(mode)?;
    belongs_to(project, "1000", mode)?;
    let former = project.container()?.id()?;
    ensure!(!project.up(&[])?, "another container");
    ensure!(waiting_tickets(canary)? == 1, "not one ticket");
    rig.engine.docker(&["restart", &former])?;
    project.claude_is_logged_in(mode)?;
    rig.engine.docker(&["stop", &former])?;
    ensure!(!project.up(&[])?, "another container");
    ensure!(
        waiting_tickets(canary)? == 1,
        "the former was not taken back"
    );
    project.claude_is_logged_in(mode)?;
    clean("in a devcontainer", rig, project.container()?, canary)?;
    ensure!(
        project.up(&["--remove-existing-container"])?,
        "the same container"
    );
    ensure!(waiting_tickets(canary)? == 0, "the ticket was not redeemed");
    belongs_to(project, "1000", mode)?;
    project.disk_is_clean(canary)?;
    let id = project.container()?.id()?;
    project.container()?.remove()?;
    let remains = search_remains(&rig.engine, canary)?;
    ensure!(remains.is_empty(), "after the removal: {remains:?}");
    nothing_kept(rig, &former, canary)?;
    nothing_kept(rig, &id, canary)
}

/// How many tickets with the secret nobody has come for.
fn waiting_tickets(canary: &Canary) -> Result<usize> {
    let folder = format!("/run/user/{USER}/docker-jackin/tickets");
    let mut found = Vec::new();
    files(folder.as_ref(), None, &canary.finder(), &mut found)?;
    Ok(found.len())
}

/// Process 1 is root's, and yet it is the remote user's home that has the
/// login, and plain `docker exec` as that user works.
fn belongs_to(project: &Project, uid: &str, mode: Mode) -> Result<()> {
    let container = project.container()?;
    ensure!(container.shell("awk '/^Uid/ { print $2 }' /proc/1/status")? == "0");
    let whose = "stat -c %u:%n ~/.claude.json && id -u";
    let seen = container
        .exec(&["--user=dev", "sh", "-c", whose])?
        .success()?;
    ensure!(
        seen == format!("{uid}:/home/dev/.claude.json\n{uid}\n"),
        "{seen}"
    );
    let of_root = container.shell("ls -A /root")?;
    ensure!(!of_root.contains("claude"), "{of_root}");
    let question = Program::Claude.question(&project.stage.api);
    let mut words = vec!["--user=dev"];
    words.extend(question.iter().map(String::as_str));
    let outcome = container.exec(&words)?;
    project.stage.check(Program::Claude, mode, &outcome)
}

/// The CLI gives the remote user the uid of whoever calls it, in an image of
/// its own making.
fn another_uid(rig: &Rig) -> Result<()> {
    let image = unique("uid");
    let dockerfile = format!(
        "FROM {BASE}\nRUN sed -i s/dev:x:1000:1000:/dev:x:1234:1234:/ /etc/passwd && \
         sed -i s/dev:x:1000:/dev:x:1234:/ /etc/group && chown -R 1234:1234 /home/dev\n"
    );
    build(&rig.engine, &image, &dockerfile)?;
    let mut project = project(rig, &Canary::new()?, Mode::Sync)?;
    let mut config = config(&project.stage, &image)?;
    config["updateRemoteUserUID"] = json!(false);
    project.write(&config)?;
    project.up(&[])?;
    belongs_to(&project, "1234", Mode::Sync)?;
    config["updateRemoteUserUID"] = json!(true);
    project.write(&config)?;
    project.up(&["--remove-existing-container"])?;
    belongs_to(&project, "1000", Mode::Sync)
}

/// A service of a Compose project; compose takes no `runArgs`.
fn with_compose(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    let mode = Mode::OauthToken;
    let mut project = project(rig, &canary, mode)?;
    let folder = project.folder().join(".devcontainer");
    let options = [("image", BASE), ("agent", "claude"), ("remoteUser", "dev")];
    let mut config = filled_in("jackin-compose", &options)?;
    let service =
        fs::read_to_string(template("jackin-compose").join(".devcontainer/compose.yaml"))?;
    fs::write(
        folder.join("compose.yaml"),
        service.replace("${templateOption:image}", BASE),
    )?;
    fs::write(
        folder.join("tests.yaml"),
        crate::compose::for_tests(&project.stage, &["agent"])?,
    )?;
    config["dockerComposeFile"] = json!(["compose.yaml", "tests.yaml"]);
    project.write(&config)?;
    crate::compose::plugin(&project.stage.user)?;
    let watch = Watch::start(&rig.engine, &canary)?;
    project.up(&[])?;
    project.claude_is_logged_in(mode)?;
    let id = project.container()?.id()?;
    rig.engine.docker(&["stop", "-t", "0", &id])?;
    ensure!(!project.up(&[])?, "another container");
    project.claude_is_logged_in(mode)?;
    ensure!(
        project.up(&["--remove-existing-container"])?,
        "the same container"
    );
    project.claude_is_logged_in(mode)?;
    clean(
        "in a devcontainer of compose",
        rig,
        project.container()?,
        &canary,
    )?;
    project.disk_is_clean(&canary)?;
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    Ok(())
}

/// The person sees why, and no container is made.
fn no_login(rig: &Rig) -> Result<()> {
    let mut project = project(rig, &Canary::new()?, Mode::OauthToken)?;
    fs::remove_file(project.stage.user.home().join("secrets/claude"))?;
    project.write(&config(&project.stage, BASE)?)?;
    let failed = project.cli(&["up"])?;
    ensure!(failed.code == 1, "{failed:?}");
    ensure!(failed.text().contains("secrets/claude"), "{failed:?}");
    let label = format!(
        "label=devcontainer.local_folder={}",
        project.folder().display()
    );
    let made = rig
        .engine
        .docker(&["ps", "--all", "--quiet", "--filter", &label])?;
    ensure!(made.is_empty(), "{made}");
    ensure!(project.up(&[]).is_err(), "it came up");
    Ok(())
}

/// The CLI takes variables from an image's label, and gives them to docker as
/// if they were the person's own: one that names another ticket, or none.
fn label_names_a_ticket(rig: &Rig) -> Result<()> {
    let canary = Canary::new()?;
    for (handle, comes_up) in [("1000.0123456789abcdef0123456789abcdef", false), ("", true)] {
        let mut project = project(rig, &canary, Mode::OauthToken)?;
        let variable = format!(r#","containerEnv":{{"DOCKER_JACKIN_TICKET":"{handle}"}}"#);
        project.write(&config(&project.stage, &labelled(rig, &variable)?)?)?;
        ensure!(project.up(&[]).is_ok() == comes_up, "{handle:?}");
        if comes_up {
            let seen = project
                .container()?
                .shell("cat /proc/1/environ /proc/self/environ")?;
            ensure!(!canary.finder().is_in(seen.as_bytes()), "{seen}");
        }
    }
    Ok(())
}

/// The control: without the third setting, the variable goes where everybody
/// can read it.
fn default_probe(rig: &Rig) -> Result<()> {
    let canary = Canary::control()?;
    let mut project = project(rig, &canary, Mode::OauthToken)?;
    let mut config = config(&project.stage, BASE)?;
    if let Some(settings) = config.as_object_mut() {
        settings.remove("userEnvProbe");
    }
    project.write(&config)?;
    let watch = Watch::start(&rig.engine, &canary)?;
    project.up(&[])?;
    let mut found = search(&rig.engine, &project.container()?.name, &canary)?;
    found.extend(watch.finish()?);
    for surface in ["arguments of docker", "engine's log", "export"] {
        ensure!(found.contains(surface), "not found on {surface}: {found:?}");
    }
    Ok(())
}

/// The CLI fetches, checks and fills in both Templates as it does any.
fn applied(rig: &Rig) -> Result<()> {
    for (name, files) in [
        ("jackin", &["devcontainer.json"][..]),
        (
            "jackin-compose",
            &["devcontainer.json", "compose.yaml", ".gitignore"],
        ),
    ] {
        let project = Project::new(Stage::logged_out(rig)?)?;
        let reference = registry::serve(&template(name), &project.scratch())?;
        let options = r#"{"image":"of/mine:1","agent":"codex","remoteUser":"somebody"}"#;
        let words = ["templates", "apply", "-t", &reference, "-a", options];
        let applied = project.cli(&words)?;
        ensure!(applied.code == 0, "{applied:?}");
        let folder = project.folder().join(".devcontainer");
        for file in files {
            let text = fs::read_to_string(folder.join(file))?;
            ensure!(!text.contains("templateOption"), "{file}: {text}");
        }
        let filled = fs::read_to_string(folder.join("devcontainer.json"))?;
        let options = [
            ("image", "of/mine:1"),
            ("agent", "codex"),
            ("remoteUser", "somebody"),
        ];
        ensure!(parse(&filled)? == filled_in(name, &options)?, "{filled}");
    }
    Ok(())
}
