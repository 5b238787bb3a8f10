//! Recorded and made-up screens, cut and wrapped in every way: a token is
//! captured whole or refused, and nothing of it is ever drawn.

use std::fs;
use std::path::Path;

use secrecy::ExposeSecret;

use super::super::picture::{Picture, REDACTED};
use super::super::words;
use super::*;

/// The token in the recordings, and what no frame may show a piece of.
const TOKEN: &str = "sk-ant-oat01-Dummy_0123456789-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZDummy_0123456789-abcdefgAA";
const PIECE_OF_A_SECRET: usize = 8;

fn size(columns: u16, rows: u16) -> Size {
    Size {
        columns: NonZeroU16::new(columns).unwrap(),
        rows: NonZeroU16::new(rows).unwrap(),
    }
}

fn recording(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/setup-token");
    fs::read(folder.join(format!("{name}.raw"))).unwrap()
}

/// What a terminal shows of a picture: its text, row by row.
fn shown(picture: &Picture) -> Vec<String> {
    let rows = NonZeroU16::new(u16::try_from(picture.rows.len()).unwrap()).unwrap();
    let mut terminal = vt100::Parser::new(rows, size(400, 1).columns, 0);
    terminal.process(super::super::terminal::changes(&Picture::default(), picture).as_bytes());
    terminal.screen().rows(0, 400).collect()
}

/// Whether a text holds a piece of the secret.
fn leaks(text: &str, token: &str) -> bool {
    let secret = token.strip_prefix(crate::token::PREFIX).unwrap().as_bytes();
    secret
        .windows(PIECE_OF_A_SECRET)
        .any(|piece| text.contains(str::from_utf8(piece).unwrap()))
}

/// A person before the terminal, who looks at every frame.
struct Person<'a> {
    model: Model,
    token: &'a str,
    last: Vec<String>,
}

impl<'a> Person<'a> {
    fn new(size: Size, token: &'a str) -> Self {
        Self {
            model: Model::new(size),
            token,
            last: Vec::new(),
        }
    }

    fn sees(&mut self, written: &[u8]) {
        self.model.take_in(written);
        let picture = Picture::of(&mut self.model);
        self.last = shown(&picture);
        let text: String = self.last.iter().map(|row| row.trim()).collect();
        assert!(!leaks(&text, self.token), "{:#?}", self.last);
        let words = words::of(&mut self.model).concat();
        assert!(!leaks(&words, self.token), "{words}");
    }

    fn token(mut self) -> Result<String, Missed> {
        let token = self.model.token(true)?;
        Ok(token.secret().expose_secret().to_owned())
    }
}

#[test]
fn scenario_60_every_recorded_success_gives_its_token_however_it_is_cut() {
    for (name, columns, rows, part) in [
        ("80x24", 80, 24, 7),
        ("80x24-full-link", 80, 24, 64),
        ("callback", 80, 24, 13),
        ("120x40", 120, 40, 61),
        ("250x50", 250, 50, 4096),
    ] {
        let stream = recording(name);
        let mut person = Person::new(size(columns, rows), TOKEN);
        for part in stream.chunks(part) {
            person.sees(part);
        }
        assert!(person.last.concat().contains(REDACTED), "{name}");
        assert_eq!(person.token().as_deref(), Ok(TOKEN), "{name}");
    }
}
