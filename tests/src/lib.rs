//! What the end-to-end tests stand on: private engines, images, a stand-in for
//! the vendor's API, a terminal, and a search for secrets.

pub mod binaries;
pub mod bundle;
pub mod canary;
pub mod cgroup;
pub mod command;
pub mod compose;
pub mod containerd;
pub mod cri;
pub mod daemon;
pub mod devcontainer;
pub mod engine;
pub mod http;
pub mod image;
pub mod keeper;
pub mod killer;
pub mod mock_api;
pub mod oci_archive;
pub mod pod;
pub mod podman;
pub mod processes;
pub mod project;
pub mod rig;
pub mod rootless;
pub mod sandbox;
pub mod search;
pub mod staging;
pub mod terminal;
pub mod unhurried;
pub mod vendor;
