//! The `docker run` flags of a role as they may be shown: without the values of
//! variables, which may be secrets.

/// What stands for a value.
const HIDDEN: &str = "…";

/// The letters of `docker run` that take no value, and so may stand before an
/// `e` in one word.
const SWITCHES: [char; 5] = ['d', 'i', 'P', 'q', 't'];

/// The flags with every `NAME=VALUE` of a variable as `NAME=…`.
pub(super) fn shown(flags: &[String]) -> Vec<String> {
    let mut shown = Vec::new();
    let mut is_variable = false;
    for word in flags {
        let at = if is_variable {
            Some(0)
        } else {
            variable_in(word)
        };
        is_variable = !is_variable && at == Some(word.len());
        shown.push(match at {
            Some(at) => without_value(word, at),
            None => word.clone(),
        });
    }
    shown
}

/// Where in a flag's word a variable begins; at its end when it is the next
/// word.
fn variable_in(word: &str) -> Option<usize> {
    if let Some(long) = word.strip_prefix("--") {
        let rest = long.strip_prefix("env")?;
        return match rest.strip_prefix('=') {
            Some(variable) => Some(word.len() - variable.len()),
            None => rest.is_empty().then_some(word.len()),
        };
    }
    let letters = word.strip_prefix('-')?.trim_start_matches(SWITCHES);
    let variable = letters.strip_prefix('e')?;
    let variable = variable.strip_prefix('=').unwrap_or(variable);
    Some(word.len() - variable.len())
}

fn without_value(word: &str, at: usize) -> String {
    match word[at..].split_once('=') {
        Some((name, _)) => format!("{}{name}={HIDDEN}", &word[..at]),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_24_no_variables_value_is_shown() {
        for (flags, meant) in [
            ("-e A=canary --rm", "-e A=… --rm"),
            ("--env A=canary=x", "--env A=…"),
            ("--env=A=canary -it", "--env=A=… -it"),
            ("-eA=canary", "-eA=…"),
            ("-ite A=canary", "-ite A=…"),
            ("-e A --label x=y", "-e A --label x=y"),
            ("-e -e=canary", "-e -e=…"),
            (
                "--env-file /x=y --entrypoint e=f",
                "--env-file /x=y --entrypoint e=f",
            ),
        ] {
            let flags: Vec<String> = flags.split(' ').map(str::to_owned).collect();
            assert_eq!(shown(&flags).join(" "), meant);
        }
    }
}
