//! An image's name on the command line.

/// Reads an image's name as `docker run` takes it; docker says the rest about
/// its form.
pub(super) fn image_word(word: &str) -> Result<String, String> {
    if word.is_empty() || word.starts_with('-') || word.contains(char::is_whitespace) {
        return Err("an image is a name, such as acme/web-agent:1".to_owned());
    }
    Ok(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_would_take_for_something_else_is_no_image() {
        for word in ["", " ", "-x", "--rm", "a b", "a\n"] {
            assert!(image_word(word).is_err(), "{word:?}");
        }
        for word in ["a", "acme/web-agent:1", "r.example:5000/a@sha256:00"] {
            assert_eq!(image_word(word).as_deref(), Ok(word));
        }
    }
}
