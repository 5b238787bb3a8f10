//! Tests of containerd's configuration.

use super::*;

/// As Debian 12 ships it, less its indentation of what is of no matter.
const DEBIAN: &str = "version = 2\n\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n    \
    [plugins.\"io.containerd.grpc.v1.cri\".cni]\n      bin_dir = \"/usr/lib/cni\" # here\n";

/// As kubeadm's users have it, by hand, in an odd order.
const BY_HAND: &str = "imports = [\"/etc/containerd/conf.d/*.toml\"]\nversion = 2\n\n\
    [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n\
    snapshotter   =  'overlayfs'\n\
    default_runtime_name = 'runc' # ours\n\
    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n\
    runtime_type = \"io.containerd.runc.v2\"\n\
    pod_annotations = [\"a.*\"]\n\
    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n\
    SystemdCgroup = true # cgroup v2\n\
    [grpc]\n  address = \"/c.sock\"";

const VERSION_3: &str = "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd]\n\
    default_runtime_name = 'runc'\n\
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n\
    runtime_type = 'io.containerd.runc.v2'\n";

fn wanted() -> Wanted {
    Wanted::of(Path::new("/l"), false)
}

fn with(text: &str, default: bool) -> String {
    let config = Config::parse(text).unwrap();
    config.with(&wanted(), default).unwrap()
}

#[test]
fn what_was_there_is_there_to_the_byte_and_again_when_ours_is_gone() {
    for original in [DEBIAN, BY_HAND, VERSION_3, "# nothing\n", ""] {
        let installed = with(original, false);
        assert!(installed.starts_with(original), "{installed}");
        assert_eq!(with(&installed, false), installed, "again");
        let config = Config::parse(&installed).unwrap();
        assert_eq!(config.ours(), wanted().runtimes);
        assert_eq!(config.missing_default_runtime(), None);
        let left = config.without(None).unwrap().unwrap_or_default();
        assert_eq!(left, original);
    }
}

#[test]
fn the_default_runtime_goes_back_to_what_it_was() {
    for original in [DEBIAN, BY_HAND, VERSION_3, ""] {
        let before = Config::parse(original).unwrap();
        let kept = before.default_runtime();
        let installed = with(original, true);
        assert_eq!(with(&installed, true), installed, "again");
        let config = Config::parse(&installed).unwrap();
        assert!(config.is_default_ours(), "{installed}");
        let left = config.without(Some(&Kept::new(kept))).unwrap();
        let left = left.unwrap_or_default();
        assert_eq!(left.replace("\"runc\"", "'runc'"), original);
    }
    let by_hand = with(BY_HAND, true);
    assert!(by_hand.contains("default_runtime_name = \"docker-jackin\" # ours"));
    assert!(Config::parse(&by_hand).unwrap().without(None).is_err());
}

#[test]
fn what_the_file_says_of_runc_holds_for_the_wrapper() {
    let installed = with(BY_HAND, false);
    let block = installed.strip_prefix(BY_HAND).unwrap();
    assert_eq!(
        block.matches("SystemdCgroup = true\nBinaryName = ").count(),
        3
    );
    let annotations = "pod_annotations = [\"a.*\", \"dev.jackin.*\"]\n";
    assert_eq!(block.matches(annotations).count(), 3, "{block}");
    assert!(!block.contains("runtimes.runc]"), "{block}");
}

#[test]
fn a_file_that_says_nothing_of_runtimes_keeps_runc() {
    for original in ["", DEBIAN] {
        let installed = with(original, false);
        assert_eq!(
            installed.matches("runtimes.runc]").count(),
            1,
            "{installed}"
        );
    }
}

#[test]
fn what_would_break_containerd_is_refused() {
    assert!(matches!(
        Config::parse("[grpc]\n"),
        Err(ConfigError::Version(1))
    ));
    assert!(matches!(
        Config::parse("version = "),
        Err(ConfigError::Malformed(_))
    ));
    let taken = format!(
        "{VERSION_3}[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.docker-jackin]\n"
    );
    let refused = Config::parse(&taken).unwrap().with(&wanted(), false);
    assert!(matches!(refused, Err(ConfigError::Taken(name)) if name == "docker-jackin"));
    let inline = "version = 2\n[plugins.'io.containerd.grpc.v1.cri']\ncontainerd = { a = 1 }\n";
    let refused = Config::parse(inline).unwrap().with(&wanted(), false);
    assert!(matches!(refused, Err(ConfigError::Inline(_))));
}

#[test]
fn what_else_matters_in_it_is_seen() {
    let config = Config::parse(BY_HAND).unwrap();
    assert!(config.imports(Path::new("/etc/containerd/conf.d/50-docker-jackin.toml")));
    assert!(!config.imports(Path::new("/etc/other/50-docker-jackin.toml")));
    assert!(!config.cri_is_disabled());
    let docker = Config::parse("version = 2\ndisabled_plugins = [\"cri\"]\n").unwrap();
    assert!(docker.cri_is_disabled());
}
