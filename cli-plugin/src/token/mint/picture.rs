//! What the user is shown of claude's screen: its text and colours, drawn
//! anew, with `<redacted>` in a token's place.

use std::fmt::Write;
use std::ops::Range;

use vt100::{Cell, Color, Screen};

use super::lines::Lines;
use super::model::Model;

/// What stands in the place of what is hidden.
pub(super) const REDACTED: &str = "<redacted>";

/// How far above the last line a link may end that still is asked for.
const NEAR: usize = 12;

/// A picture: rows of text with colours and links, as a terminal takes them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Picture {
    /// The rows, from the top. Each leaves colours and links as it found them.
    pub(super) rows: Vec<String>,
    /// Where the cursor stands, if it is shown: row and column, from 0.
    pub(super) cursor: Option<(u16, u16)>,
    /// Whether what is pasted is to be told from what is typed.
    pub(super) pasted: bool,
}

impl Picture {
    /// What there is to be seen now.
    pub(super) fn of(model: &mut Model) -> Self {
        let lines = model.lines();
        let links = model.notes().links.clone();
        let hidden = model.hidden(&lines, &links);
        let above = model.above();
        let spans = link_spans(&lines, &links);
        let screen = model.screen();
        let (rows, columns) = screen.size();
        let mut picture = Self {
            rows: Vec::with_capacity(rows.get().into()),
            cursor: (!screen.hide_cursor()).then(|| screen.cursor_position()),
            pasted: screen.bracketed_paste(),
        };
        for row in 0..rows.get() {
            let number = above + usize::from(row);
            let before = (row > 0).then(|| &hidden[number - 1]);
            let mut drawing = Row {
                text: String::new(),
                colours: String::new(),
                end: lines.all[number].len(),
                hidden: &hidden[number],
                labelled: before.is_some_and(|before| !before.is_empty()),
                links: spans.iter().filter(|span| span.line == number).collect(),
            };
            drawing.draw(screen, row);
            picture.rows.push(drawing.text);
        }
        let cut = spans.iter().find(|span| span.line < above);
        if let Some(cut) = cut.filter(|_| is_near(&lines, &spans)) {
            picture.show_whole(cut.link, columns.get().into());
        }
        picture
    }

    /// Shows a link over the first rows whose beginning has scrolled off.
    fn show_whole(&mut self, link: &str, columns: usize) {
        let parts: Vec<_> = link.as_bytes().chunks(columns).collect();
        if parts.len() >= self.rows.len() {
            return;
        }
        for (row, part) in self.rows.iter_mut().zip(parts) {
            *row = linked(link, &String::from_utf8_lossy(part));
        }
    }
}

/// A row as it is drawn.
struct Row<'a> {
    text: String,
    colours: String,
    /// Where its text ends.
    end: usize,
    hidden: &'a [Range<usize>],
    labelled: bool,
    links: Vec<&'a Span<'a>>,
}

impl Row<'_> {
    fn draw(&mut self, screen: &Screen, row: u16) {
        let columns = screen.size().1.get();
        // The place in the line's text.
        let mut place = 0;
        let mut label = "".chars();
        for column in 0..columns {
            if place >= self.end && label.as_str().is_empty() {
                break;
            }
            let Some(cell) = screen.cell(row, column) else {
                break;
            };
            if cell.is_wide_continuation() {
                continue;
            }
            if let Some(link) = self.links.iter().find(|link| link.places.start == place) {
                self.text += &opened(link.link);
            }
            let hidden = self.hidden.iter().any(|hidden| hidden.contains(&place));
            if hidden && !std::mem::replace(&mut self.labelled, true) {
                label = REDACTED.chars();
            }
            self.colour(if hidden { None } else { Some(cell) });
            match label.next() {
                Some(letter) => self.text.push(letter),
                None if hidden || !cell.has_contents() => self.text.push(' '),
                None => self
                    .text
                    .extend(cell.contents().chars().filter(|c| is_harmless(*c))),
            }
            place += cell.contents().chars().count().max(1);
            if self.links.iter().any(|link| link.places.end == place) {
                self.text += CLOSED;
            }
        }
        self.colour(None);
        self.text.truncate(self.text.trim_end_matches(' ').len());
    }

    /// Takes up the colours of a cell, or none.
    fn colour(&mut self, cell: Option<&Cell>) {
        let colours = cell.map(colours).unwrap_or_default();
        if colours != self.colours {
            let _ = write!(self.text, "\x1b[0{colours}m");
            self.colours = colours;
        }
    }
}

/// A cell's colours and the like, as the parameters of SGR.
fn colours(cell: &Cell) -> String {
    let mut text = String::new();
    for (set, number) in [
        (cell.bold(), ";1"),
        (cell.dim(), ";2"),
        (cell.italic(), ";3"),
        (cell.underline(), ";4"),
        (cell.inverse(), ";7"),
    ] {
        text += if set { number } else { "" };
    }
    for (colour, base) in [(cell.fgcolor(), 38), (cell.bgcolor(), 48)] {
        let _ = match colour {
            Color::Default => Ok(()),
            Color::Idx(number) => write!(text, ";{base};5;{number}"),
            Color::Rgb(r, g, b) => write!(text, ";{base};2;{r};{g};{b}"),
        };
    }
    text
}

/// Whether a terminal takes a character for nothing but itself: no control,
/// and nothing that turns the order of what stands around it.
pub(super) fn is_harmless(c: char) -> bool {
    let turns = matches!(
        c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_control() && !turns
}

/// A part of a link on the screen.
struct Span<'a> {
    link: &'a str,
    line: usize,
    places: Range<usize>,
}

/// Where the latest of the links stands, however it is wrapped; the last place
/// where there are several.
fn link_spans<'a>(lines: &Lines, links: &'a [String]) -> Vec<Span<'a>> {
    let starts = (0..lines.all.len()).rev();
    links
        .iter()
        .flat_map(|link| starts.clone().map(move |start| (link, start)))
        .find_map(|(link, start)| span_at(lines, link, start))
        .unwrap_or_default()
}

fn span_at<'a>(lines: &Lines, link: &'a str, start: usize) -> Option<Vec<Span<'a>>> {
    let mut rest: Vec<char> = link.chars().collect();
    let mut spans = Vec::new();
    for (line, text) in lines.all.iter().enumerate().skip(start) {
        if text.is_blank() || !rest.starts_with(text.text()) {
            return None;
        }
        rest.drain(..text.text().len());
        let places = text.span();
        spans.push(Span { link, line, places });
        if rest.is_empty() {
            return Some(spans);
        }
    }
    None
}

/// Whether a link is near the end of what was written.
fn is_near(lines: &Lines, spans: &[Span<'_>]) -> bool {
    let last = lines.all.iter().rposition(|line| !line.is_blank());
    let end = spans.last().map(|span| span.line);
    last.zip(end).is_some_and(|(last, end)| last - end <= NEAR)
}

const CLOSED: &str = "\x1b]8;;\x1b\\";

fn opened(link: &str) -> String {
    format!("\x1b]8;id=sign-in;{link}\x1b\\")
}

fn linked(link: &str, text: &str) -> String {
    opened(link) + text + CLOSED
}
