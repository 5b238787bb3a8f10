//! What packagers ship says what `docker jackin install` writes. The files
//! below `share/` are made from it:
//! `UPDATE_SHARE=1 cargo test -p docker-jackin --lib shipped`.

use std::fs;
use std::path::{Path, PathBuf};

use super::Wanted;
use super::{cdi, containerd, crio, hooks_d, podman};
use crate::engine::daemon_json::DaemonJson;

/// What stands for the folder of the engine's side in a shipped file.
const LIBEXEC: &str = "@LIBEXEC@";

fn share() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../share")
}

fn daemon_json(wanted: &Wanted) -> String {
    let json = DaemonJson::parse("").unwrap();
    let (name, program) = &wanted.runtimes[0];
    json.register(name, program).unwrap();
    json.text()
}

#[test]
fn shipped_files_say_what_installing_writes() {
    let wanted = Wanted::of(Path::new(LIBEXEC), false);
    let hook = &wanted.installation.hook;
    let shipped = [
        ("docker/daemon.json", daemon_json(&wanted)),
        (
            "podman/containers.conf.d/50-docker-jackin.conf",
            podman::shipped(&wanted),
        ),
        ("podman/hooks.d/50-docker-jackin.json", hooks_d::text(hook)),
        ("containerd/config.toml", containerd::shipped(&wanted)),
        (
            "crio/crio.conf.d/50-docker-jackin.conf",
            crio::shipped(&wanted),
        ),
        ("crio/hooks.d/50-docker-jackin.json", hooks_d::text(hook)),
        ("cdi/docker-jackin.json", cdi::shipped(&wanted)),
    ];
    for (name, text) in shipped {
        let path = share().join(name);
        if std::env::var_os("UPDATE_SHARE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(committed, text, "{name} is stale: see the top of this file");
    }
}

#[test]
fn the_shipped_settings_are_those_that_installing_writes() {
    let shipped = fs::read_to_string(share().join("docker/runtime.toml")).unwrap();
    let shipped = shipped.replace("@PLUGINS@", "/p");
    let low_level = Path::new("/usr/bin/runc");
    let resolver = Path::new("/p/docker-jackin");
    let with = crate::engine::settings::with(&shipped, low_level, resolver);
    assert_eq!(with.unwrap(), shipped);
}
