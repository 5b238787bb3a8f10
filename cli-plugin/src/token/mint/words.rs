//! claude's last words, for those who ask why there is no token.

use anstyle::Style;

use super::model::Model;
use super::picture::REDACTED;

/// How many lines are shown at most.
const SHOWN: usize = 12;

/// How long they may be in an error, in characters.
const SHORT: usize = 160;

/// What stands on the screen, line by line, with nothing of a token.
pub(super) fn of(model: &mut Model) -> Vec<String> {
    let lines = model.lines();
    let links = model.notes().links.clone();
    let hidden = model.veil().hidden(&lines, &links);
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
    let says_something = |line: &String| line.chars().any(char::is_alphanumeric);
    let lines: Vec<String> = lines.filter(says_something).collect();
    lines[lines.len().saturating_sub(SHOWN)..].to_vec()
}

/// Leaves them on the terminal.
pub(super) fn show(words: &[String]) {
    let style = Style::new().dimmed();
    for line in words {
        anstream::eprintln!("{style}claude: {line}{style:#}");
    }
}

/// The last of them, for an error: `: …`, or nothing.
pub(super) fn short(words: &[String]) -> String {
    let Some(last) = words.last() else {
        return String::new();
    };
    let mut short: String = last.chars().take(SHORT).collect();
    if short.len() < last.len() {
        short.push('…');
    }
    format!(": {short}")
}
