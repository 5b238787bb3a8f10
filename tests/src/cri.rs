//! A client of the Container Runtime Interface, by which the kubelet talks to an
//! engine: gRPC over a Unix socket.

pub mod messages;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::command::Outcome;
use messages::{ContainerId, PodSandboxConfig};
use messages::{
    CreateContainerRequest, Done, ExecSyncRequest, ExecSyncResponse, PodSandboxId,
    RunPodSandboxRequest, StatusRequest, StatusResponse, StopContainerRequest,
};

/// How long an engine may take for a call.
const LIMIT: Duration = Duration::from_secs(60);

/// A connection to an engine.
#[derive(Debug)]
pub struct Client {
    runtime: Runtime,
    channel: Channel,
}

impl Client {
    /// Connects to an engine's socket.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(socket: &Path) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let socket = PathBuf::from(socket);
        let dial = service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        // The address is not used, but has to be one.
        let endpoint = Endpoint::from_static("http://localhost").timeout(LIMIT);
        let channel = runtime.block_on(endpoint.connect_with_connector(dial))?;
        Ok(Self { runtime, channel })
    }

    /// Whether it serves pods already.
    pub fn ready(&self) -> bool {
        self.call::<Done, Done>("ListPodSandbox", Done {}).is_ok()
    }

    /// Starts a pod's sandbox; its id.
    pub fn run_sandbox(&self, config: PodSandboxConfig, handler: &str) -> Result<String> {
        let request = RunPodSandboxRequest {
            config: Some(config),
            runtime_handler: handler.to_owned(),
        };
        let started: PodSandboxId = self.call("RunPodSandbox", request)?;
        Ok(started.pod_sandbox_id)
    }

    /// Ends a pod: all its containers, and then the sandbox.
    pub fn remove_sandbox(&self, id: &str) -> Result<()> {
        for method in ["StopPodSandbox", "RemovePodSandbox"] {
            let pod_sandbox_id = id.to_owned();
            let Done {} = self.call(method, PodSandboxId { pod_sandbox_id })?;
        }
        Ok(())
    }

    /// Makes a container; its id.
    pub fn create(&self, request: CreateContainerRequest) -> Result<String> {
        let made: ContainerId = self.call("CreateContainer", request)?;
        Ok(made.container_id)
    }

    /// Starts a container.
    pub fn start(&self, id: &str) -> Result<()> {
        let Done {} = self.call("StartContainer", container(id))?;
        Ok(())
    }

    /// Stops a container: by a signal, and after `timeout` seconds by force.
    pub fn stop(&self, id: &str, timeout: i64) -> Result<()> {
        let request = StopContainerRequest {
            container_id: id.to_owned(),
            timeout,
        };
        let Done {} = self.call("StopContainer", request)?;
        Ok(())
    }

    /// Removes a container.
    pub fn remove(&self, id: &str) -> Result<()> {
        let Done {} = self.call("RemoveContainer", container(id))?;
        Ok(())
    }

    /// All that the engine tells of a container, as one text.
    pub fn status(&self, id: &str) -> Result<String> {
        self.verbose("ContainerStatus", id)
    }

    /// All that the engine tells of a sandbox, as one text.
    pub fn sandbox_status(&self, id: &str) -> Result<String> {
        self.verbose("PodSandboxStatus", id)
    }

    fn verbose(&self, method: &'static str, id: &str) -> Result<String> {
        let request = StatusRequest {
            id: id.to_owned(),
            verbose: true,
        };
        let StatusResponse { info } = self.call(method, request)?;
        let info = info.get("info").context("a status that tells nothing")?;
        Ok(info.clone())
    }

    /// Runs a command in a container, however it ends.
    pub fn exec(&self, id: &str, command: &[&str]) -> Result<Outcome> {
        let request = ExecSyncRequest {
            container_id: id.to_owned(),
            cmd: command.iter().map(|&word| word.to_owned()).collect(),
            timeout: 30,
        };
        let done: ExecSyncResponse = self.call("ExecSync", request)?;
        Ok(Outcome {
            code: done.exit_code,
            stdout: String::from_utf8_lossy(&done.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&done.stderr).into_owned(),
        })
    }

    fn call<Request, Answer>(&self, method: &'static str, request: Request) -> Result<Answer>
    where
        Request: Message + 'static,
        Answer: Message + Default + 'static,
    {
        let path = format!("/runtime.v1.RuntimeService/{method}");
        let path = PathAndQuery::try_from(path)?;
        let mut client = Grpc::new(self.channel.clone());
        let answer = self.runtime.block_on(async move {
            client.ready().await?;
            let codec: ProstCodec<Request, Answer> = ProstCodec::default();
            let request = tonic::Request::new(request);
            let answer = client.unary(request, path, codec).await;
            // Its message alone: it is what a person reads in `kubectl describe`.
            answer.map_err(|status| anyhow!("{}", status.message()))
        });
        Ok(answer
            .with_context(|| format!("{method} failed"))?
            .into_inner())
    }
}

fn container(id: &str) -> ContainerId {
    ContainerId {
        container_id: id.to_owned(),
    }
}
