//! Removing a key or a table, and what of it stays: the comments around it.

use std::ops::Range;

use toml_edit::{Item, Table, TableLike, Value};
use zeroize::Zeroizing;

use super::set::change_inline;
use super::text::{
    Misfit, has_header, line_end, line_start, own_entries, parsed, tables_in, without,
};

/// The text without `key` of the table at `path`, or `None` when there is no
/// such key. A table that is left empty goes too, unless a comment is at it.
pub(super) fn remove(
    text: &str,
    path: &[String],
    key: &str,
) -> Result<Option<Zeroizing<String>>, Misfit> {
    let pieces = {
        let document = parsed(text)?;
        let mut table = document.as_table();
        for (depth, name) in path.iter().enumerate() {
            match table.get(name) {
                None => return Ok(None),
                Some(Item::Table(inner)) => table = inner,
                Some(Item::Value(Value::InlineTable(_))) => {
                    return remove_inline(text, &path[..=depth], &path[depth + 1..], key);
                }
                Some(_) => return Err(Misfit::NoTable),
            }
        }
        let Some((name, item)) = table.get_key_value(key) else {
            return Ok(None);
        };
        match item {
            Item::Value(value) => {
                let start = name.span().ok_or(Misfit::NoPlace)?.start;
                let end = value.span().ok_or(Misfit::NoPlace)?.end;
                vec![whole_lines(text, start..end)]
            }
            Item::Table(inner) => sections(text, inner)?,
            _ => return Err(Misfit::NoTable),
        }
    };
    let text = without(text, pieces);
    Ok(Some(without_empty(&text, path)?.unwrap_or(text)))
}

/// The text without the table at `path`, if it is empty and nobody has written
/// a comment at its header.
fn without_empty(text: &str, path: &[String]) -> Result<Option<Zeroizing<String>>, Misfit> {
    let document = parsed(text)?;
    let mut table = document.as_table();
    for name in path {
        match table.get(name) {
            Some(Item::Table(inner)) => table = inner,
            _ => return Ok(None),
        }
    }
    if path.is_empty() || !table.is_empty() || !has_header(table) {
        return Ok(None);
    }
    let header = whole_lines(text, table.span().ok_or(Misfit::NoPlace)?);
    let neighbours = [
        text[..header.start].lines().next_back(),
        text[header.clone()].lines().next(),
        text[header.end..].lines().next(),
    ];
    let commented = neighbours.iter().flatten().any(|line| line.contains('#'));
    Ok((!commented).then(|| without(text, vec![header])))
}

/// The lines of a table and of all tables in it. Comments between its lines go
/// with them; those above a header and behind the last line stay.
fn sections(text: &str, table: &Table) -> Result<Vec<Range<usize>>, Misfit> {
    let mut pieces = Vec::new();
    let entries = own_entries(table)?;
    if has_header(table) {
        let header = table.span().ok_or(Misfit::NoPlace)?;
        let end = entries.last().map_or(header.end, |entry| entry.end);
        pieces.push(whole_lines(text, header.start..end));
    } else {
        pieces.extend(
            entries
                .iter()
                .map(|entry| whole_lines(text, entry.key..entry.end)),
        );
    }
    for (_, item) in table {
        for inner in tables_in(item) {
            pieces.extend(sections(text, inner)?);
        }
    }
    Ok(pieces)
}

fn whole_lines(text: &str, piece: Range<usize>) -> Range<usize> {
    line_start(text, piece.start)..line_end(text, piece.end)
}

/// The same in the inline table at `outer`.
fn remove_inline(
    text: &str,
    outer: &[String],
    below: &[String],
    key: &str,
) -> Result<Option<Zeroizing<String>>, Misfit> {
    let mut removed = false;
    let mut empty = false;
    let changed = change_inline(text, outer, |table| {
        let mut inner: &mut dyn TableLike = table;
        for name in below {
            let Some(item) = inner.get_mut(name) else {
                return Ok(());
            };
            inner = item.as_table_like_mut().ok_or(Misfit::NoTable)?;
        }
        removed = inner.remove(key).is_some();
        empty = table.is_empty();
        Ok(())
    })?;
    if !removed {
        return Ok(None);
    }
    match outer.split_last() {
        Some((name, path)) if empty => remove(&changed, path, name),
        _ => Ok(Some(changed)),
    }
}
