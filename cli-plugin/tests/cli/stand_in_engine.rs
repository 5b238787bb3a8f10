//! An engine that tells its version, knows the containers that a test puts
//! into it, and notes what it is asked.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// A container of the stand-in engine.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    name: String,
    state: &'static str,
    runtime: &'static str,
    labels: BTreeMap<String, String>,
    created: u64,
    stuck: bool,
    slow: bool,
    refusal: Option<&'static str>,
}

impl Container {
    /// A running one with our runtime and these labels.
    pub(crate) fn running(name: &str, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter();
        Self {
            name: name.to_owned(),
            state: "running",
            runtime: "docker-jackin",
            labels: labels
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            created: 1_700_000_000,
            stuck: false,
            slow: false,
            refusal: None,
        }
    }

    /// A running container of this user, with a role and agents, of a launch
    /// that nothing was written down about.
    pub(crate) fn served(name: &str, role: &str, agents: &str) -> Self {
        let uid = rustix::process::geteuid().as_raw().to_string();
        let labels = [
            ("dev.jackin.owner", uid.as_str()),
            ("dev.jackin.launch", "0123456789abcdef"),
            ("dev.jackin.role", role),
            ("dev.jackin.agents", agents),
        ];
        Self::running(name, &labels)
    }

    /// The same in another state.
    pub(crate) fn state(mut self, state: &'static str) -> Self {
        self.state = state;
        self
    }

    /// The same with another runtime.
    pub(crate) fn runtime(mut self, runtime: &'static str) -> Self {
        self.runtime = runtime;
        self
    }

    /// The same with one more label.
    pub(crate) fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same, which takes its time to end.
    pub(crate) fn slow(mut self) -> Self {
        self.slow = true;
        self
    }

    /// The same, which cannot be removed.
    pub(crate) fn stuck(mut self) -> Self {
        self.stuck = true;
        self
    }

    /// The same, whose runtime refuses to start a command with these words, or
    /// starts it.
    pub(crate) fn answers(mut self, refusal: Option<&'static str>) -> Self {
        self.refusal = refusal;
        self
    }

    fn has(&self, label: &str) -> bool {
        let (name, value) = label.split_once('=').unwrap();
        self.labels.get(name).is_some_and(|one| one == value)
    }

    fn listed(&self) -> Value {
        json!({
            "Id": self.id(),
            "Names": [format!("/{}", self.name)],
            "State": self.state,
            "Status": if self.state == "running" { "Up 3 hours" } else { "Exited (0) 2 hours ago" },
            "Created": self.created,
            "Labels": self.labels,
        })
    }

    fn described(&self) -> Value {
        json!({
            "Id": self.id(),
            "Name": format!("/{}", self.name),
            "State": { "Status": self.state },
            "HostConfig": { "Runtime": self.runtime },
            "Config": { "Labels": self.labels },
        })
    }

    fn id(&self) -> String {
        format!("id-of-{}", self.name)
    }

    fn is(&self, name: &str) -> bool {
        self.name == name || self.id() == name
    }
}

/// The engine, as a test sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct StandInEngine {
    containers: Arc<Mutex<Vec<Container>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl StandInEngine {
    /// One of this API version, behind this socket.
    pub(crate) fn start(socket: &Path, api: &'static str) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let engine = Self::default();
        let serving = engine.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(connection) = connection else { return };
                serving.serve(connection, api);
            }
        });
        engine
    }

    /// Puts a container into it.
    pub(crate) fn add(&self, container: Container) {
        self.containers.lock().unwrap().push(container);
    }

    /// Takes a container out of it behind everybody's back.
    pub(crate) fn forget(&self, name: &str) {
        self.containers.lock().unwrap().retain(|one| !one.is(name));
    }

    /// The names of its containers.
    pub(crate) fn names(&self) -> Vec<String> {
        let containers = self.containers.lock().unwrap();
        containers.iter().map(|one| one.name.clone()).collect()
    }

    /// What it was asked so far, without pings, as `METHOD path`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn serve(&self, mut connection: UnixStream, api: &str) {
        let Some(head) = read_head(&mut connection) else {
            return;
        };
        let mut words = head.split_whitespace();
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let (status, body) = self.answer(method, target);
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\nApi-Version: {api}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let _ = connection.write_all(answer.as_bytes());
    }

    fn answer(&self, method: &str, target: &str) -> (u16, Option<Value>) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let below = |folder: &str| {
            let (_, rest) = path.split_once(&format!("/{folder}/"))?;
            Some(format!("{folder}/{rest}"))
        };
        let path = match below("containers").or_else(|| below("exec")) {
            Some(path) => path,
            None => path.rsplit('/').next().unwrap().to_owned(),
        };
        if path == "_ping" {
            return (200, None);
        }
        self.asked.lock().unwrap().push(format!("{method} {path}"));
        let mut containers = self.containers.lock().unwrap();
        let steps: Vec<_> = path.split('/').collect();
        match (method, steps.as_slice()) {
            ("GET", ["info"]) => {
                let runtimes =
                    json!({ "docker-jackin": { "path": "/nonexistent/docker-jackin-runtime" } });
                (
                    200,
                    Some(json!({ "ServerVersion": "26.1.5", "Runtimes": runtimes })),
                )
            }
            ("GET", ["containers", "json"]) => {
                let filter = label_filter(query);
                let listed = containers
                    .iter()
                    .filter(|one| filter.iter().all(|label| one.has(label)));
                (200, Some(listed.map(Container::listed).collect()))
            }
            ("GET", ["containers", name, "json"]) => {
                match containers.iter().find(|one| one.is(name)) {
                    Some(found) => (200, Some(found.described())),
                    None => (404, Some(json!({ "message": "No such container" }))),
                }
            }
            ("POST", ["containers", name, "stop"]) => {
                let mut found = containers.iter_mut().filter(|one| one.is(name));
                let found = found.next().unwrap();
                if found.slow {
                    std::thread::sleep(Duration::from_millis(1500));
                }
                found.state = "exited";
                (204, None)
            }
            ("POST", ["containers", name, "exec"]) => {
                (201, Some(json!({ "Id": format!("in-{name}") })))
            }
            ("POST", ["exec", exec, "start"]) => {
                let mut all = containers.iter();
                let found = all.find(|one| *exec == format!("in-{}", one.id()));
                match found.unwrap().refusal {
                    Some(words) => (400, Some(json!({ "message": words }))),
                    None => (200, None),
                }
            }
            ("DELETE", ["containers", name])
                if containers.iter().any(|one| one.is(name) && one.stuck) =>
            {
                (500, Some(json!({ "message": "device or resource busy" })))
            }
            ("DELETE", ["containers", name]) => {
                containers.retain(|one| !one.is(name));
                (204, None)
            }
            _ => panic!("the engine was asked for {method} {path}"),
        }
    }
}

/// The request's head; `None` for a connection that only knocks.
fn read_head(connection: &mut UnixStream) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = connection
            .read(&mut piece)
            .ok()
            .filter(|count| *count > 0)?;
        head.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(head).ok()
}

/// The labels in `filters={"label":[…]}`.
fn label_filter(query: &str) -> Vec<String> {
    let mut fields = query.split('&');
    let Some(filters) = fields.find_map(|field| field.strip_prefix("filters=")) else {
        return Vec::new();
    };
    let filters: BTreeMap<String, Vec<String>> = serde_json::from_str(&decoded(filters)).unwrap();
    let others = filters.keys().filter(|name| *name != "label");
    assert_eq!(others.count(), 0, "{filters:?}");
    filters.get("label").cloned().unwrap_or_default()
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}
