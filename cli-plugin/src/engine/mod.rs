//! Engines: where they are and how docker-jackin is registered with them.
