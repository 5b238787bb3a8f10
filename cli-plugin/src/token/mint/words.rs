//! claude's last words, for those who ask why there is no token.

use std::io::Write;

use anstyle::Style;

use super::model::Model;
use super::picture::{REDACTED, is_harmless};

/// How many lines are shown at most.
const SHOWN: usize = 12;

/// With how many lines it has not come as far as a prompt.
const FEW: usize = 3;

/// How long they may be in an error, in characters.
const SHORT: usize = 160;

/// What stands on the screen, line by line, with nothing of a token, of the
/// links, and of what was typed.
pub(super) fn of(model: &mut Model) -> Vec<String> {
    let lines = model.lines();
    let links = model.notes().links.clone();
    let hidden = model.hidden(&lines, &links);
    let lines = lines.all.iter().zip(hidden).skip(model.above());
    let lines = lines.map(|(line, hidden)| match hidden.first() {
        // What stands behind it in the line may belong to it.
        Some(hidden) => {
            let open = hidden.start - line.span().start.min(hidden.start);
            let open: String = line.text().iter().take(open).collect();
            open + REDACTED
        }
        None => line.text().iter().collect(),
    });
    let lines = lines.map(|line: String| line.chars().filter(|c| is_harmless(*c)).collect());
    let typed = |line: &String| line.starts_with('│');
    let says_something = |line: &String| line.chars().any(char::is_alphanumeric);
    let lines = lines.filter(|line| says_something(line) && !typed(line));
    let mut lines: Vec<String> = lines
        .filter(|line| !links.iter().any(|link| link.contains(line.as_str())))
        .collect();
    lines.dedup();
    lines.split_off(lines.len().saturating_sub(SHOWN))
}

/// Leaves them on the terminal.
pub(super) fn show(words: &[String]) {
    let style = Style::new().dimmed();
    for line in words {
        say(&format!("{style}claude: {line}{style:#}"));
    }
}

/// Says it on the terminal, which may be gone: nobody needs to know then.
pub(super) fn say(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Why it gave up, for an error, as far as it said so: `: …`, or nothing.
pub(super) fn short(words: &[String]) -> String {
    let failed = words.iter().position(|line| line.starts_with('✘'));
    let why = match failed {
        Some(failed) => &words[failed..],
        // It came as far as a prompt, which is no reason.
        None if words.len() > FEW => return String::new(),
        None => words,
    };
    let why = why.join(" ");
    let mut short: String = why.chars().take(SHORT).collect();
    if short.len() < why.len() {
        short.push('…');
    }
    if short.is_empty() {
        short
    } else {
        format!(": {short}")
    }
}
