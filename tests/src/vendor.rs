//! A stand-in for the hosts that mint and check tokens, behind a proxy that every
//! name leads to: `claude` and `codex` know their names, and ask no others.

mod ledger;
pub mod openai;
mod service;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::http::{self, Request, Response};

pub use ledger::{Ledger, Login, Refusal, Reuse, Worth};

/// The names that the stand-in's certificate is for.
const NAMES: [&str; 4] = [
    "platform.claude.com",
    "claude.ai",
    "claude.com",
    "api.anthropic.com",
];

/// Who asks by the proxy that is everybody's.
pub const HOST: &str = "host";

/// Where tokens are minted and renewed.
const TOKENS: &str = "POST platform.claude.com/v1/oauth/token";

/// The longest first line of a connection that is read, in bytes.
const LONGEST_LINE: u64 = 4096;

/// What the token endpoint gives out.
enum Minted {
    /// This token, whoever asks.
    Always(String),
    /// What the books say.
    By(Arc<Ledger>),
}

/// The stand-in; it ends with the process.
pub struct Vendor {
    port: u16,
    config: Arc<ServerConfig>,
    authority: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    minted: Minted,
    /// The status by which a token is answered.
    status: AtomicU16,
    /// The methods, hosts and paths that were asked, in order.
    asked: Mutex<Vec<String>>,
    /// The credentials that came with them.
    bearers: Mutex<Vec<String>>,
}

impl Vendor {
    /// Starts to serve on the loopback interface. What a program needs to trust
    /// it is written to a file in `folder`.
    pub fn start(token: &str, folder: &Path) -> Result<Self> {
        Self::minting(Minted::Always(token.to_owned()), folder)
    }

    /// The same for logins that come to an end and are renewed: a token is
    /// worth what the books say, and messages are answered.
    pub fn with_ledger(ledger: &Arc<Ledger>, folder: &Path) -> Result<Self> {
        Self::minting(Minted::By(Arc::clone(ledger)), folder)
    }

    fn minting(minted: Minted, folder: &Path) -> Result<Self> {
        let shared = Arc::new(Shared {
            minted,
            status: AtomicU16::new(200),
            asked: Mutex::default(),
            bearers: Mutex::default(),
        });
        let (authority, config) = certificates()?;
        let file = folder.join("authority.pem");
        fs::write(&file, authority)?;
        let door = Door {
            asker: HOST.to_owned(),
            shared: Arc::clone(&shared),
        };
        Ok(Self {
            port: door.open(&config)?,
            config,
            authority: file,
            shared,
        })
    }

    /// The variables by which a program asks it.
    pub fn variables(&self) -> Result<[(&'static str, String); 2]> {
        let authority = self.authority.to_str().context("a path of no UTF-8")?;
        Ok([
            ("HTTPS_PROXY", format!("http://127.0.0.1:{}", self.port)),
            ("NODE_EXTRA_CA_CERTS", authority.to_owned()),
        ])
    }

    /// A proxy of an asker's own, by which it is known; its address.
    pub fn proxy_of(&self, asker: &str) -> Result<String> {
        let door = Door {
            asker: asker.to_owned(),
            shared: Arc::clone(&self.shared),
        };
        Ok(format!("http://127.0.0.1:{}", door.open(&self.config)?))
    }

    /// Answers what comes with a token by a status from now on.
    pub fn answer_tokens_with(&self, status: u16) {
        self.shared.status.store(status, Ordering::Relaxed);
    }

    /// What was asked so far, such as `POST platform.claude.com/v1/oauth/token`.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.shared.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The tokens that it was asked with so far.
    pub fn bearers(&self) -> Vec<String> {
        let bearers = self.shared.bearers.lock();
        bearers.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An authority of our own, as PEM, and what serves in its name.
fn certificates() -> Result<(String, Arc<ServerConfig>)> {
    let mut authority = CertificateParams::new([])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Of the same name as what it signs it would count as signed by itself.
    let name = &mut authority.distinguished_name;
    name.push(DnType::CommonName, "authority of the tests");
    let key = KeyPair::generate()?;
    let certificate = authority.self_signed(&key)?;
    let issuer = Issuer::new(authority, key);
    let own_key = KeyPair::generate()?;
    let names = NAMES.iter().chain(&openai::NAMES);
    let names = names.map(|&name| name.to_owned());
    let own = CertificateParams::new(names.collect::<Vec<_>>())?.signed_by(&own_key, &issuer)?;
    let chain = vec![CertificateDer::from(own.der().to_vec())];
    let own_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own_key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, own_key)?;
    Ok((certificate.pem(), Arc::new(config)))
}

/// One port, and who comes by it.
#[derive(Clone)]
struct Door {
    asker: String,
    shared: Arc<Shared>,
}

impl Door {
    /// Serves on a port of its own until the process ends; the port.
    fn open(self, config: &Arc<ServerConfig>) -> Result<u16> {
        listen(Arc::clone(config), self)
    }
}

fn listen(config: Arc<ServerConfig>, door: Door) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let acceptor = TlsAcceptor::from(config);
    thread::spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                // A client that hangs up is its own affair.
                tokio::spawn(tunnel(stream, acceptor.clone(), door.clone()));
            }
            #[expect(unreachable_code, reason = "it says what type the errors have")]
            anyhow::Ok(())
        })
    });
    Ok(port)
}

/// One connection: `CONNECT host:port`, and then as that host.
async fn tunnel(stream: TcpStream, acceptor: TlsAcceptor, door: Door) -> Result<()> {
    use tokio::io::AsyncReadExt;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    (&mut stream)
        .take(LONGEST_LINE)
        .read_line(&mut line)
        .await?;
    let host = line
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(':').next());
    let host = host.context("no CONNECT")?.to_owned();
    loop {
        let mut header = String::new();
        (&mut stream)
            .take(LONGEST_LINE)
            .read_line(&mut header)
            .await?;
        if header.trim().is_empty() {
            break;
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let stream = acceptor.accept(stream).await?;
    let service = service_fn(|request| {
        let (host, door) = (host.clone(), door.clone());
        async move { http::with_body(request, |request| answer(&host, request, &door)).await }
    });
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await?;
    Ok(())
}

fn answer(host: &str, request: &Request, door: &Door) -> Response {
    let shared = &door.shared;
    let (method, path) = (request.method(), request.uri().path());
    let asked = format!("{method} {host}{path}");
    let bearer = request.headers().get("authorization");
    let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    note(&shared.asked, &asked);
    if let Some(bearer) = bearer {
        note(&shared.bearers, bearer);
    }
    let token = match &shared.minted {
        Minted::Always(token) => token,
        Minted::By(ledger) => return service::answer(&asked, bearer, request, &door.asker, ledger),
    };
    let (status, body) = match (asked.as_str(), shared.status.load(Ordering::Relaxed)) {
        (TOKENS, _) => (200, minted(token)),
        (_, status @ 400..) if bearer.is_some() => (status, error("authentication_error")),
        (asked, _) => of_any(asked),
    };
    json_response(status, &body)
}

/// The answer to what is the same for everybody.
fn of_any(asked: &str) -> (u16, Value) {
    match asked {
        "GET api.anthropic.com/api/claude_code/policy_limits" => {
            (200, json!({ "restrictions": {} }))
        }
        asked if asked.ends_with("/api/hello") => (200, json!({})),
        _ => (404, error("not_found_error")),
    }
}

fn json_response(status: u16, body: &Value) -> Response {
    http::response(status, "application/json", Bytes::from(body.to_string())).unwrap_or_default()
}

fn minted(token: &str) -> Value {
    json!({
        "token_type": "Bearer",
        "access_token": token,
        "expires_in": 31_536_000,
        "scope": "user:inference",
    })
}

fn error(kind: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": "from the stand-in" } })
}

fn note(list: &Mutex<Vec<String>>, what: &str) {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    list.push(what.to_owned());
}
