use super::*;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// A client configuration folder and an environment, made for one test.
struct Home {
    folder: tempfile::TempDir,
    variables: BTreeMap<&'static str, String>,
    flags: GlobalFlags,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().to_string_lossy().into_owned();
        Self {
            folder,
            variables: BTreeMap::from([("DOCKER_CONFIG", config)]),
            flags: GlobalFlags::default(),
        }
    }

    fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.variables.insert(variable, value.to_owned());
        self
    }

    fn context_flag(mut self, name: &str) -> Self {
        self.flags.context = Some(name.to_owned());
        self
    }

    fn host_flag(mut self, host: &str) -> Self {
        self.flags.hosts.push(host.to_owned());
        self
    }

    /// Stores a context the way docker does.
    fn stored(self, name: &str, host: &str) -> Self {
        let digest = hex::encode(Sha256::digest(name));
        let meta = self.folder.path().join("contexts/meta").join(&digest);
        fs::create_dir_all(&meta).unwrap();
        let text = serde_json::json!({
            "Name": name, "Metadata": {},
            "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": true}},
        });
        fs::write(meta.join("meta.json"), text.to_string()).unwrap();
        self
    }

    fn config_json(self, text: &str) -> Self {
        fs::write(self.folder.path().join("config.json"), text).unwrap();
        self
    }

    fn resolve(&self) -> Result<Target, EngineError> {
        let variable = |name: &str| self.variables.get(name).cloned();
        resolve(&Surroundings {
            flags: &self.flags,
            variable: &variable,
        })
    }

    /// What `docker context inspect` (name, address) says in the same place.
    fn docker_says(&self, docker: &Path) -> Result<(String, String), String> {
        let mut command = Command::new(docker);
        command.env_clear().envs(&self.variables);
        if let Some(name) = &self.flags.context {
            command.args(["--context", name]);
        }
        for host in &self.flags.hosts {
            command.args(["--host", host]);
        }
        let format = "{{.Name}} {{.Endpoints.docker.Host}}";
        let output = command
            .args(["context", "inspect", "--format", format])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        match text.trim().split_once(' ') {
            Some((name, host)) if output.status.success() => Ok((name.into(), host.into())),
            _ => Err(String::from_utf8(output.stderr).unwrap()),
        }
    }
}

/// A context's name and address, or a part of the error.
type Expected = Result<(&'static str, &'static str), &'static str>;

/// Every case that both the table and docker itself are asked about.
#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<(&'static str, Home, Expected)> {
    let home = || {
        Home::new()
            .stored("here", "unix:///here.sock")
            .stored("there", "tcp://there:2376")
    };
    let current = || home().config_json(r#"{"currentContext":"here"}"#);
    let default = ("default", "unix:///var/run/docker.sock");
    let here = ("here", "unix:///here.sock");
    let there = ("there", "tcp://there:2376");
    let host = ("default", "unix:///h.sock");
    let tcp = |address: &'static str| Ok(("default", address));
    vec![
        ("nothing said", home(), Ok(default)),
        ("current context", current(), Ok(here)),
        (
            "current context empty",
            home().config_json(r#"{"currentContext":""}"#),
            Ok(default),
        ),
        (
            "broken config.json",
            home().config_json("{bad"),
            Ok(default),
        ),
        (
            "DOCKER_CONTEXT beats current",
            current().with("DOCKER_CONTEXT", "there"),
            Ok(there),
        ),
        (
            "empty DOCKER_CONTEXT",
            current().with("DOCKER_CONTEXT", ""),
            Ok(here),
        ),
        (
            "DOCKER_CONTEXT=default",
            current().with("DOCKER_CONTEXT", "default"),
            Ok(default),
        ),
        (
            "DOCKER_HOST beats DOCKER_CONTEXT",
            current()
                .with("DOCKER_CONTEXT", "there")
                .with("DOCKER_HOST", "unix:///h.sock"),
            Ok(host),
        ),
        (
            "empty DOCKER_HOST",
            current().with("DOCKER_HOST", ""),
            Ok(here),
        ),
        (
            "--host beats DOCKER_HOST",
            current()
                .with("DOCKER_HOST", "unix:///x")
                .host_flag("unix:///h.sock"),
            Ok(host),
        ),
        (
            "--context beats DOCKER_HOST",
            current()
                .with("DOCKER_HOST", "unix:///x")
                .context_flag("there"),
            Ok(there),
        ),
        (
            "--context default leaves the address to DOCKER_HOST",
            current()
                .with("DOCKER_HOST", "unix:///h.sock")
                .context_flag("default"),
            Ok(host),
        ),
        (
            "--context and --host",
            home().context_flag("here").host_flag("unix:///h.sock"),
            Err("either"),
        ),
        (
            "--host twice",
            home().host_flag("unix:///a").host_flag("unix:///b"),
            Err("once"),
        ),
        (
            "missing context",
            home().context_flag("gone"),
            Err("\"gone\" (from --context)"),
        ),
        (
            "unix without path",
            home().with("DOCKER_HOST", "unix://"),
            Ok(default),
        ),
        (
            "spaces around",
            home().with("DOCKER_HOST", "  unix:///h.sock "),
            Ok(host),
        ),
        (
            "bare word",
            home().with("DOCKER_HOST", "foo"),
            tcp("tcp://foo:2375"),
        ),
        (
            "bare port",
            home().with("DOCKER_HOST", ":33"),
            tcp("tcp://localhost:33"),
        ),
        (
            "bare path",
            home().with("DOCKER_HOST", "/foo"),
            tcp("tcp://localhost:2375/foo"),
        ),
        (
            "host and path",
            home().with("DOCKER_HOST", "h/p"),
            tcp("tcp://h:2375/p"),
        ),
        (
            "tcp alone",
            home().with("DOCKER_HOST", "tcp://"),
            tcp("tcp://localhost:2375"),
        ),
        (
            "IPv6",
            home().with("DOCKER_HOST", "tcp://[::1]:3"),
            tcp("tcp://[::1]:3"),
        ),
        (
            "ssh",
            home().with("DOCKER_HOST", "ssh://u@h"),
            tcp("ssh://u@h"),
        ),
        (
            "pipe",
            home().with("DOCKER_HOST", "npipe:////./pipe/x"),
            tcp("npipe:////./pipe/x"),
        ),
        (
            "unknown scheme",
            home().with("DOCKER_HOST", "bogus://x"),
            Err("invalid engine address"),
        ),
    ]
}

#[test]
fn the_engine_is_chosen_in_dockers_order() {
    for (case, home, expected) in cases() {
        let found = home.resolve();
        match (found, expected) {
            (Ok(target), Ok((name, address))) => {
                assert_eq!(target.context, name, "{case}");
                assert_eq!(target.endpoint.to_string(), address, "{case}");
            }
            (Err(error), Err(part)) => {
                assert!(error.to_string().contains(part), "{case}: {error}");
            }
            (found, _) => panic!("{case}: {found:?}"),
        }
    }
}

#[test]
fn docker_itself_chooses_the_same_engine() {
    let clients = ["/usr/local/bin/docker", "/usr/bin/docker"];
    for docker in clients
        .map(Path::new)
        .into_iter()
        .filter(|path| path.exists())
    {
        let version = Command::new(docker).arg("--version").output().unwrap();
        let is_old = String::from_utf8_lossy(&version.stdout).contains("version 20.");
        for (case, home, expected) in cases() {
            // Before version 23 docker took an empty variable for a value, and
            // refused to describe a pipe on Linux.
            if is_old && (case.starts_with("empty DOCKER_") || case == "pipe") {
                continue;
            }
            let said = home.docker_says(docker);
            let expected = expected.map(|(name, host)| (name.to_owned(), host.to_owned()));
            match (&said, &expected) {
                (Ok(said), Ok(expected)) => {
                    assert_eq!(said, expected, "{case} with {}", docker.display());
                }
                (Err(_), Err(_)) => {}
                _ => panic!("{case} with {}: docker says {said:?}", docker.display()),
            }
        }
    }
}

#[test]
fn a_target_says_what_chose_it() {
    let cases = [
        (Home::new(), ChosenBy::Default),
        (Home::new().host_flag("unix:///x"), ChosenBy::HostFlag),
        (
            Home::new().with("DOCKER_HOST", "unix:///x"),
            ChosenBy::HostVariable,
        ),
        (Home::new().context_flag("default"), ChosenBy::ContextFlag),
        (
            Home::new().with("DOCKER_CONTEXT", "default"),
            ChosenBy::ContextVariable,
        ),
        (
            Home::new().config_json(r#"{"currentContext":"default"}"#),
            ChosenBy::CurrentContext,
        ),
    ];
    for (home, chosen_by) in cases {
        assert_eq!(home.resolve().unwrap().chosen_by, chosen_by);
    }
}

#[test]
fn a_stored_context_brings_its_tls_material() {
    let home = Home::new()
        .stored("there", "tcp://there:2376")
        .context_flag("there");
    let digest = hex::encode(Sha256::digest("there"));
    let folder = home
        .folder
        .path()
        .join("contexts/tls")
        .join(digest)
        .join("docker");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("ca.pem"), "-").unwrap();
    let tls = home.resolve().unwrap().tls;
    let ca = tls.ca.unwrap();
    assert!(
        ca.starts_with(home.folder.path().join("contexts/tls")),
        "{}",
        ca.display()
    );
    assert!(ca.ends_with("docker/ca.pem"));
    assert_eq!((tls.cert, tls.key, tls.skip_verify), (None, None, true));
}

#[test]
fn tls_of_the_default_context_comes_from_flags_and_variables() {
    let mut home = Home::new().host_flag("tcp://h:2376");
    assert_eq!(home.resolve().unwrap().tls, TlsMaterial::default());
    home.flags.tls_verify = true;
    home.flags.tls_key = Some("/k.pem".into());
    fs::write(home.folder.path().join("cert.pem"), "-").unwrap();
    let tls = home.resolve().unwrap().tls;
    assert_eq!(tls.key, Some("/k.pem".into()));
    assert_eq!(tls.cert, Some(home.folder.path().join("cert.pem")));
    assert_eq!((tls.ca, tls.skip_verify), (None, false));
}

#[test]
fn only_a_socket_outside_docker_desktop_is_local() {
    let target = |context: &str, address: &str| Target {
        context: context.to_owned(),
        chosen_by: ChosenBy::Default,
        endpoint: Endpoint::parse(address).unwrap(),
        tls: TlsMaterial::default(),
    };
    assert!(target("default", "").is_local());
    assert!(target("rootless", "unix:///run/user/1000/docker.sock").is_local());
    let desktop = Some(Elsewhere::DockerDesktop);
    assert_eq!(target("desktop-linux", "unix:///x").elsewhere(), desktop);
    let socket = "unix:///home/me/.docker/desktop/docker.sock";
    assert_eq!(target("default", socket).elsewhere(), desktop);
    let socket = "unix:///Users/me/.docker/run/docker.sock";
    assert_eq!(target("default", socket).elsewhere(), desktop);
    for address in ["tcp://h", "ssh://u@h", "npipe:////./pipe/x", "fd://"] {
        let error = target("build", address).local().unwrap_err().to_string();
        assert!(error.contains("another machine"), "{error}");
    }
}

#[test]
fn a_context_that_cannot_be_read_names_its_file() {
    let home = Home::new().stored("here", "unix:///x").context_flag("here");
    let meta = home.folder.path().join("contexts/meta");
    let file = fs::read_dir(meta)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("meta.json");
    for text in [
        "{",
        r#"{"Name":"here","Endpoints":{}}"#,
        r#"{"Name":"x","Endpoints":{}}"#,
    ] {
        fs::write(&file, text).unwrap();
        let error = home.resolve().unwrap_err();
        assert!(
            matches!(error, EngineError::UnreadableContext { .. }),
            "{error}"
        );
        assert!(error.to_string().contains("meta.json"), "{error}");
    }
}
