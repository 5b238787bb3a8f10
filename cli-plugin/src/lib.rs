//! The user side of docker-jackin.
