//! Containers that live long enough for their words to be read.
//!
//! Docker 26.1 loses all that a container prints, its log included, when the
//! container ends before the engine has opened its pipes. On a busy machine
//! that is a matter of some hundred milliseconds: bare runc lost 10 of 400
//! outputs of `echo`, and none when `sleep 0.3` stood before it. Docker 20.10
//! and `docker exec` lost none.

/// A command of the client's. When it is a `run` that waits for a script, the
/// script does not end at once.
pub fn unhurried(arguments: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    if arguments.contains(&"-d") {
        return all;
    }
    if let (["run", .., "sh", "-c", _], Some(script)) = (arguments, all.last_mut()) {
        // A container without `sleep` has to see to it itself.
        script.insert_str(0, "sleep 0.3 2>/dev/null; ");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::unhurried;

    #[test]
    fn a_script_that_is_waited_for_takes_its_time() {
        assert_eq!(
            unhurried(&["run", "base", "sh", "-c", "id"]),
            ["run", "base", "sh", "-c", "sleep 0.3 2>/dev/null; id"]
        );
    }

    #[test]
    fn everything_else_stays() {
        for words in [
            &["run", "-d", "base", "sh", "-c", "id"][..],
            &["exec", "base", "sh", "-c", "id"],
            &["run", "base", "true"],
        ] {
            assert_eq!(unhurried(words), words);
        }
    }
}
