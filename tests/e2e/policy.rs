//! The policy: containers that nobody staged a ticket for.

mod rootless;
mod scene;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use jackin_tests::canary::Canary;
use jackin_tests::command::run;
use jackin_tests::engine::Channel;
use jackin_tests::image::{self, BASE};
use jackin_tests::processes::Watch;
use jackin_tests::rig::{Rig, unique};
use jackin_tests::sandbox::{EXTRA_GROUP, Sandbox, USER};
use jackin_tests::search::search_remains;
use libtest_mimic::Trial;

use crate::lab::{on_each_engine, on_each_rig};
use crate::leak::{self, STATE, clean, nothing_kept};
use crate::restart::Resolver;
use crate::user::User;
use scene::{POLICY, Scene, rule, rule_with, token_of, write_policy};

/// All of them change what holds for the whole machine.
pub(crate) fn trials_alone() -> Vec<Trial> {
    [
        on_each_rig("policy::an_image_is_served_from_start_to_start", image_rule),
        on_each_engine("policy::a_digest_and_the_engines_user", digest_rule),
        on_each_engine("policy::annotations", annotation_rule),
        on_each_engine("policy::a_ticket_counts_before_it", ticket_first),
        on_each_engine("policy::it_is_resolved_as_its_owner", as_its_owner),
        on_each_engine("policy::one_that_root_alone_did_not_write", refused),
        on_each_engine("policy::e54_what_an_image_says_of_itself", image_asks),
        on_each_rig("policy::what_happens_when_it_fails", failures),
        on_each_engine("policy::the_default_runtime", default_runtime),
        rootless::trials(),
        on_each_engine("leak::e50_a_container_of_the_policy", leaks_nothing),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Start, restart with a newer token, and the end of the rule.
fn image_rule(rig: &Rig) -> Result<()> {
    let mut scene = Scene::new(rig)?;
    rule(&scene.its_image())?;
    let container = scene.start(&[])?;
    ensure!(token_of(&container)? == scene.canary.oauth_token());
    let other = scene.start_image(&[], BASE)?;
    ensure!(token_of(&other)?.is_empty(), "another image is served");

    scene.new_token()?;
    scene.restart(&container)?;
    ensure!(
        token_of(&container)? == scene.canary.oauth_token(),
        "not afresh"
    );
    // As at any restart, what cannot be had stays.
    scene.configure("another")?;
    scene.restart(&container)?;
    ensure!(
        token_of(&container)? == scene.canary.oauth_token(),
        "not kept"
    );

    let id = container.id()?;
    let kept = Path::new(STATE).join("containers").join(id);
    ensure!(kept.exists(), "nothing is kept for it");
    write_policy("# none\n")?;
    scene.restart(&container)?;
    ensure!(token_of(&container)?.is_empty(), "served without a rule");
    ensure!(!kept.exists(), "it is kept without a rule");
    Ok(())
}

fn digest_rule(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    let id = rig
        .engine
        .docker(&["image", "inspect", "-f", "{{.Id}}", &scene.image])?;
    rule(&format!("digest = \"{id}\"\nengine_user = 0"))?;
    let container = scene.start(&[])?;
    ensure!(token_of(&container)? == scene.canary.oauth_token());
    let another = unique("another");
    image::build(&rig.engine, &another, &format!("FROM {BASE}\nENV A=b\n"))?;
    let container = scene.start_image(&[], &another)?;
    ensure!(token_of(&container)?.is_empty(), "another digest is served");

    rule(&format!("digest = \"{id}\"\nengine_user = 1000"))?;
    let container = scene.start(&[])?;
    ensure!(token_of(&container)?.is_empty(), "another user's engine");
    Ok(())
}

const ANNOTATION: &str = "annotations = { \"dev.jackin.policy\" = \"agents\" }";

fn annotation_rule(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    rule(ANNOTATION)?;
    let status = run(&mut scene.user.jackin(rig, &["status"]))?;
    let never = status.stdout.contains("rule tested never matches here");
    if rig.engine.release.channel == Channel::Variable {
        ensure!(never, "{status:?}");
        return Ok(());
    }
    ensure!(!never, "{status:?}");
    let annotated = ["--annotation", "dev.jackin.policy=agents"];
    let container = scene.start(&annotated)?;
    ensure!(token_of(&container)? == scene.canary.oauth_token());
    for flags in [&["--annotation", "dev.jackin.policy=agents2"][..], &[]] {
        let container = scene.start(flags)?;
        ensure!(token_of(&container)?.is_empty(), "{flags:?} is served");
    }
    Ok(())
}

fn ticket_first(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    rule(&scene.its_image())?;
    let canary = Canary::new()?;
    let payload = leak::payload(&canary)?;
    let container = rig.start(payload, &[&scene.image, "sleep", "1000"])?;
    leak::has_it(&container, &canary)?;
    ensure!(token_of(&container)?.is_empty(), "the policy's came along");
    Ok(())
}

/// The resolver has the owner's ids, groups and home, and nothing of root's.
fn as_its_owner(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    rule(&scene.its_image())?;
    let report = Sandbox::memory().join(unique("report"));
    fs::write(&report, "")?;
    fs::set_permissions(&report, Permissions::from_mode(0o666))?;
    let secret = Sandbox::memory().join(unique("roots"));
    fs::write(&secret, "root's own")?;
    fs::set_permissions(&secret, Permissions::from_mode(0o600))?;
    let plugin = jackin_tests::binaries::PLUGIN;
    let _resolver = Resolver::script(&format!(
        "{{ id -u; id -g; id -G; echo $HOME; umask; cat {} 2>&1; cat $HOME/token; echo; \
         grep -E '^Cap(Eff|Prm|Amb)' /proc/$$/status; \
         tr '\\0' '\\n' </proc/$$/environ | cut -d= -f1 | sort | tr '\\n' ' '; }} >{}\nexec {plugin} \"$@\"",
        secret.display(),
        report.display()
    ))?;
    let container = scene.start(&[])?;
    ensure!(token_of(&container)? == scene.canary.oauth_token());
    let told = fs::read_to_string(report)?;
    let lines: Vec<&str> = told.lines().collect();
    ensure!(lines.len() == 11, "{told}");
    let home = scene.user.home().display().to_string();
    let user = USER.to_string();
    ensure!(lines[..2] == [&user, &user], "{told}");
    let groups: Vec<&str> = lines[2].split(' ').collect();
    ensure!(!groups.contains(&"0"), "{told}");
    ensure!(groups.contains(&EXTRA_GROUP.to_string().as_str()), "{told}");
    ensure!(lines[3] == home && lines[4] == "0077", "{told}");
    ensure!(lines[5].ends_with("Permission denied"), "{told}");
    ensure!(lines[6] == scene.canary.oauth_token(), "{told}");
    let powerless = |line: &&str| line.ends_with("\t0000000000000000");
    ensure!(lines[7..10].iter().all(powerless), "{told}");
    ensure!(lines[10] == "HOME PATH ", "{told}");
    Ok(())
}

/// Nobody is served by such a policy, nobody is kept from starting, and
/// `docker jackin status` says why.
fn refused(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    let passes = |says: &str| {
        let container = scene.start(&[])?;
        ensure!(token_of(&container)?.is_empty(), "served: {says}");
        let status = run(&mut scene.user.jackin(rig, &["status"]))?;
        let told = status.text();
        ensure!(told.contains("policy.toml: refused"), "{status:?}");
        ensure!(told.contains(says), "{says}: {status:?}");
        Ok(())
    };
    rule(&scene.its_image())?;
    fs::set_permissions(POLICY, Permissions::from_mode(0o664))?;
    passes("policy.toml must be owned by root")?;
    fs::set_permissions(POLICY, Permissions::from_mode(0o644))?;
    chown(POLICY, Some(USER), None)?;
    passes("policy.toml must be owned by root")?;
    chown(POLICY, Some(0), None)?;
    fs::set_permissions("/etc/docker-jackin", Permissions::from_mode(0o777))?;
    let folder = passes("/etc/docker-jackin must be owned by root");
    fs::set_permissions("/etc/docker-jackin", Permissions::from_mode(0o755))?;
    folder?;
    write_policy("[[rule]]\nname = \"tested\"\nlabel = \"x\"\n")?;
    passes("policy.toml, line 3: unknown field `label`")?;

    rule(&scene.its_image())?;
    let container = scene.start(&[])?;
    ensure!(token_of(&container)? == scene.canary.oauth_token());
    Ok(())
}

/// Scenario 54: LABEL, ENV and the name of another image.
fn image_asks(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    write_policy(&format!(
        "[[rule]]\nname = \"annotated\"\nowner = {USER}\nrole = \"agent\"\n[rule.match]\n{ANNOTATION}\n\
         [[rule]]\nname = \"image\"\nowner = {USER}\nrole = \"agent\"\n[rule.match]\n{}\n",
        scene.its_image()
    ))?;
    let hostile = unique("hostile");
    let text = format!(
        "FROM {BASE}\nLABEL dev.jackin.policy=agents image={image} org.opencontainers.image.ref.name={image}\n\
         ENV dev.jackin.policy=agents DOCKER_JACKIN_POLICY=agents IMAGE={image}\n",
        image = scene.image
    );
    image::build(&rig.engine, &hostile, &text)?;
    let container = scene.start_image(&[], &hostile)?;
    ensure!(token_of(&container)?.is_empty(), "the image got a login");
    let id = container.id()?;
    let kept = Path::new(STATE).join("containers").join(id);
    ensure!(!kept.exists(), "it is known");
    // What its user says counts, of the same image.
    if rig.engine.release.channel == Channel::Annotation {
        let annotated = ["--annotation", "dev.jackin.policy=agents"];
        let container = scene.start_image(&annotated, &hostile)?;
        ensure!(token_of(&container)? == scene.canary.oauth_token());
    }
    Ok(())
}

/// Before the low-level runtime is asked, and in the hook that it calls.
fn failures(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    let fails = |image: &str, says: &[&str]| {
        rule(&scene.its_image().replace(&scene.image, image))?;
        let name = unique("failing");
        let outcome = scene.try_start(&name, &[], image)?;
        let container = rig.adopt(name);
        ensure!(outcome.code != 0, "it started");
        for word in says {
            ensure!(outcome.text().contains(word), "{word}: {outcome:?}");
        }
        container.remove()?;
        let start = "on_failure = \"start\"";
        rule_with(start, &scene.its_image().replace(&scene.image, image))?;
        let container = scene.start_image(&[], image)?;
        ensure!(token_of(&container)?.is_empty(), "something came along");
        let kept = Path::new(STATE).join("containers").join(container.id()?);
        ensure!(!kept.exists(), "it is kept");
        Ok(())
    };
    scene.configure("another")?;
    let words = [
        "rule tested of the policy, whose owner is uid 1000",
        "unknown role \"agent\"",
        "`docker jackin doctor`",
    ];
    fails(&scene.image, &words)?;

    scene.user.configure(
        "[claude]\nauth_forward = \"sync\"\n[roles.agent]\nimage = \"i\"\nagents = [\"claude\"]\n",
    )?;
    scene
        .user
        .log_in(&scene.canary.oauth_token(), "stays here")?;
    let odd = unique("odd");
    image::build(
        &rig.engine,
        &odd,
        &format!("FROM {BASE}\nRUN touch /root/.claude\n"),
    )?;
    fails(&odd, &[".claude"])
}

/// "Registered for any container": a plain `docker run`.
fn default_runtime(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    rule(&scene.its_image())?;
    let before = fs::read_to_string(rig.engine.daemon_config())?;
    let served = make_default(rig, rig.wrapper).and_then(|()| {
        let plain = |image: &str| {
            let name = unique("plain");
            let words = ["run", "-d", "--name", &name, image, "sleep", "1000"];
            rig.engine.docker(&words)?;
            token_of(&rig.adopt(name))
        };
        let (token, other) = (plain(&scene.image)?, plain(BASE)?);
        ensure!(token == scene.canary.oauth_token(), "{token:?}");
        ensure!(other.is_empty(), "another image is served");
        Ok(())
    });
    // Without the key a reload would leave it as it is.
    let back = make_default(rig, "runc");
    fs::write(rig.engine.daemon_config(), before)?;
    served.and(back)
}

fn make_default(rig: &Rig, default: &str) -> Result<()> {
    let file = rig.engine.daemon_config();
    let mut settings: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
    settings["default-runtime"] = default.into();
    fs::write(&file, settings.to_string())?;
    rig.engine.reload()?;
    for _ in 0..100 {
        let now = rig.engine.docker(&["info", "-f", "{{.DefaultRuntime}}"])?;
        if now == default {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    anyhow::bail!("the default runtime did not become {default}")
}

/// Scenario 50 for this path: start, exec, restart, stop, removal.
fn leaks_nothing(rig: &Rig) -> Result<()> {
    let scene = Scene::new(rig)?;
    rule(&scene.its_image())?;
    let watch = Watch::start(&rig.engine, &scene.canary)?;
    let container = scene.start(&["--init"])?;
    let id = container.id()?;
    ensure!(token_of(&container)? == scene.canary.oauth_token());
    clean("after start and exec", rig, &container, &scene.canary)?;
    scene.restart(&container)?;
    ensure!(token_of(&container)? == scene.canary.oauth_token());
    clean("after a restart", rig, &container, &scene.canary)?;
    rig.engine.docker(&["stop", "-t", "0", &container.name])?;
    clean("after a stop", rig, &container, &scene.canary)?;
    container.remove()?;
    let root = User::new(0)?;
    let status = run(&mut root.jackin(rig, &["status", "--format", "json"]))?;
    let told = scene.canary.finder().is_in(status.text().as_bytes());
    ensure!(!told, "the status told it");
    let seen = watch.finish()?;
    ensure!(seen.is_empty(), "processes had it: {seen:?}");
    let remains = search_remains(&rig.engine, &scene.canary)?;
    ensure!(remains.is_empty(), "after the removal: {remains:?}");
    nothing_kept(rig, &id, &scene.canary)
}
