//! Image references: whether two of them name one image.
//!
//! The grammar and what is filled in are those of distribution/reference
//! (`normalize.go`); `localhost/` is what Podman fills in for images of its
//! own making.

/// The registry that a name without one is of.
const DEFAULT_REGISTRY: &str = "docker.io";

/// The registry of Podman's own images.
const LOCAL_REGISTRY: &str = "localhost";

/// A reference with everything filled in.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    name: String,
    version: Version,
}

#[derive(Debug, PartialEq, Eq)]
enum Version {
    Tag(String),
    /// Where there is a digest the tag says nothing.
    Digest(String),
}

/// Whether a reference that a person wrote, `wanted`, names the image that an
/// engine calls `found`.
pub fn names(wanted: &str, found: &str) -> bool {
    let found_image = Reference::read(found, DEFAULT_REGISTRY);
    wanted == found
        || Reference::read(wanted, DEFAULT_REGISTRY) == found_image
        || Reference::read(wanted, LOCAL_REGISTRY) == found_image
}

impl Reference {
    fn read(text: &str, registry: &str) -> Self {
        let (text, digest) = match text.split_once('@') {
            Some((text, digest)) => (text, Some(digest)),
            None => (text, None),
        };
        // A colon before a slash is that of a registry's port.
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (text, "latest"),
        };
        Self {
            name: full_name(name, registry),
            version: match digest {
                Some(digest) => Version::Digest(digest.to_owned()),
                None => Version::Tag(tag.to_owned()),
            },
        }
    }
}

fn full_name(name: &str, registry: &str) -> String {
    let (registry, path) = match name.split_once('/') {
        Some((first, rest)) if is_registry(first) => (first, rest),
        _ => (registry, name),
    };
    let registry = match registry {
        "index.docker.io" => DEFAULT_REGISTRY,
        other => other,
    };
    if registry == DEFAULT_REGISTRY && !path.contains('/') {
        return format!("{registry}/library/{path}");
    }
    format!("{registry}/{path}")
}

/// Whether the first part of a name is a registry.
fn is_registry(part: &str) -> bool {
    let named = part.contains(['.', ':']) || part == LOCAL_REGISTRY;
    named || part.chars().any(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:cb6e128f0e427c7a6f2bec3ceee834b6bb05ac39bf78f6392150b8516199653f";

    #[test]
    fn a_short_name_is_filled_in_as_docker_and_podman_do() {
        for (wanted, found) in [
            ("web", "web"),
            ("web", "web:latest"),
            ("web:latest", "web"),
            ("web", "docker.io/library/web:latest"),
            ("docker.io/library/web:latest", "web"),
            ("index.docker.io/web", "docker.io/library/web:latest"),
            ("acme/web:1", "docker.io/acme/web:1"),
            ("web:1", "localhost/web:1"),
            ("acme/web:1", "localhost/acme/web:1"),
            ("localhost:5000/web", "localhost:5000/web:latest"),
            ("r.example/a/b/web:1", "r.example/a/b/web:1"),
        ] {
            assert!(names(wanted, found), "{wanted} {found}");
        }
    }

    #[test]
    fn another_registry_path_or_tag_is_another_image() {
        for (wanted, found) in [
            ("web:1", "web:2"),
            ("web", "web:1"),
            ("web:1", "r.example/web:1"),
            ("web:1", "docker.io/acme/web:1"),
            ("docker.io/web:1", "localhost/web:1"),
            ("localhost/web:1", "web:1"),
            ("web:1", "localhost/web:1.0"),
            ("localhost:5000/web", "localhost/web"),
            ("", "web"),
        ] {
            assert!(!names(wanted, found), "{wanted} {found}");
        }
    }

    #[test]
    fn where_there_is_a_digest_it_alone_says_which() {
        let pinned = |name: &str| format!("{name}@{DIGEST}");
        assert!(names(&pinned("web"), &pinned("docker.io/library/web")));
        assert!(names(&pinned("web:1"), &pinned("web:2")));
        assert!(!names("web:1", &pinned("web:1")));
        assert!(!names(&pinned("web:1"), "web:1"));
        assert!(!names(&pinned("web"), "web@sha256:00"));
    }
}
