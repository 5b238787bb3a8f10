//! The engine's side of docker-jackin.
//!
//! It knows variables and files, never agents, and is small enough to be read
//! in an afternoon: everything here runs as root, before a container starts.
//!
//! [`runtime`] is the OCI runtime wrapper and [`hook`] the OCI hook;
//! [`ticket`], [`payload`], [`secret`], [`folder`] and [`published`] are the hand-off
//! that the user's side writes.

pub mod admission;
pub mod append;
pub mod config;
pub mod container;
pub mod container_user;
pub mod delivery;
pub mod engine_record;
pub mod file;
pub mod folder;
pub mod hook;
pub mod id_map;
pub mod identity;
pub mod kept;
pub mod mounts;
pub mod owners_folder;
pub mod passwd;
pub mod payload;
pub mod policy;
pub mod process;
pub mod published;
pub mod raw;
pub mod raw_object;
pub mod recipient;
pub mod record;
pub mod redeem;
pub mod reference;
pub mod rootfs;
pub mod runtime;
pub mod secret;
pub mod seed;
pub mod served;
pub mod spec;
pub mod spot;
pub mod standing;
pub mod state;
pub mod store;
pub mod ticket;
pub mod tmpfs;
pub mod trouble;
