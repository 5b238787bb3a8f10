//! By what a login is known again without being kept.

use jackin_oci_hook::secret::Secret;
use sha2::{Digest, Sha256};

/// The first 64 bits of the SHA-256 of a login's file, as 16 hexadecimal
/// digits: enough to tell one login from the next, and nothing of it.
pub(crate) fn of(content: &Secret) -> String {
    let digest = Sha256::digest(content.expose());
    hex::encode(&digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_known_again_by_it_and_not_read_from_it() {
        let of = |text: &str| of(&Secret::new(text.to_owned()));
        assert_eq!(of("canary").len(), 16);
        assert_eq!(of("canary"), of("canary"));
        assert_ne!(of("canary"), of("canary2"));
        assert!(!of("canary").contains("canary"));
    }
}
