//! A delivery tried out: a random marker, which is no secret, goes the way a
//! credential goes, and a container says whether it arrived.

use std::time::SystemTime;

use jackin_oci_hook::folder::candidates;
use jackin_oci_hook::payload::{
    ContainerPath, CredentialFile, Delivery, InvalidPayload, Payload, Place, Variable,
    VariableName, VariableValue,
};
use jackin_oci_hook::secret::Secret;

use crate::failure::{Failure, Kind};
use crate::handoff::{self, Staged, Terms, TicketFolder};

/// The variable that carries the marker.
pub const VARIABLE: &str = "DOCKER_JACKIN_CHECK";

/// The file in the home folder that carries it.
pub const FILE: &str = ".docker-jackin-check";

/// 128 random bits as hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(String);

impl Marker {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random bits.
    pub fn draw() -> Result<Self, Failure> {
        let mut bits = [0_u8; 16];
        handoff::fill_randomly(&mut bits)
            .map_err(|_| Failure::new(Kind::Internal, "cannot draw a random marker"))?;
        Ok(Self(hex::encode(bits)))
    }

    /// Its digits.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// A ticket that delivers it in a file, and in a variable where the
    /// channel can set one.
    ///
    /// # Errors
    /// The ticket cannot be written.
    pub fn stage(&self, variable: bool, terms: Terms) -> Result<Staged, Failure> {
        let uid = rustix::process::geteuid().as_raw();
        let folder = TicketFolder::open(&candidates(uid), uid)?;
        let payload = self.payload(variable).map_err(|error| {
            Failure::new(Kind::Internal, format!("cannot write a check: {error}"))
        })?;
        let id = handoff::draw_id()?;
        handoff::stage(&folder, id, payload, None, terms, SystemTime::now())
    }

    fn payload(&self, variable: bool) -> Result<Payload, InvalidPayload> {
        let secret = || Secret::new(self.0.clone());
        let mut env = Vec::new();
        if variable {
            let name = VariableName::try_from(VARIABLE)?;
            env.push(Variable::new(name, VariableValue::try_from(secret())?));
        }
        Ok(Payload {
            env,
            files: vec![CredentialFile {
                place: Place {
                    path: ContainerPath::try_from(FILE)?,
                    moved_by: None,
                },
                delivery: Delivery::Bind { content: secret() },
            }],
            ..Payload::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_markers_are_the_same() {
        let marker = Marker::draw().unwrap();
        assert_eq!(marker.text().len(), 32);
        assert_ne!(marker, Marker::draw().unwrap());
        assert_eq!(marker.payload(true).unwrap().env.len(), 1);
        assert!(marker.payload(false).unwrap().env.is_empty());
    }
}
