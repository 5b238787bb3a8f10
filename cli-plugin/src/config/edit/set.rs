//! Setting a key: in its place when it has one, else behind its neighbours.

use toml_edit::{Decor, DocumentMut, InlineTable, Item, Key, Table, TableLike, Value};
use zeroize::Zeroizing;

use super::remove;
use super::text::{
    Misfit, end_of, has_header, indentation, line_end, own_entries, parsed, replaced, with_lines,
};

/// The text with `key` of the table at `path` set to `value`.
pub(super) fn set(
    text: &str,
    path: &[String],
    key: &str,
    value: Value,
) -> Result<Zeroizing<String>, Misfit> {
    let document = parsed(text)?;
    let mut table = document.as_table();
    // How much of the path the nearest header around the table covers.
    let mut under = 0;
    for (depth, name) in path.iter().enumerate() {
        match table.get(name) {
            None => return make(text, table, path, depth, under, key, &value),
            Some(Item::Table(inner)) => {
                table = inner;
                if !inner.is_dotted() {
                    under = depth + 1;
                }
            }
            Some(Item::Value(Value::InlineTable(_))) => {
                return set_inline(text, &path[..=depth], &path[depth + 1..], key, value);
            }
            Some(_) => return Err(Misfit::NoTable),
        }
    }
    match table.get(key) {
        Some(Item::Value(old)) => {
            let place = old.span().ok_or(Misfit::NoPlace)?;
            Ok(replaced(text, place, &rendered(&value)))
        }
        Some(Item::Table(_)) => {
            // Written as `[table.key]`, which makes room for one line.
            let without = remove::remove(text, path, key)?.ok_or(Misfit::NoTable)?;
            set(&without, path, key, value)
        }
        Some(_) => Err(Misfit::NoTable),
        None => add(text, table, path, under, key, &value),
    }
}

/// A line more in a table that is there.
fn add(
    text: &str,
    table: &Table,
    path: &[String],
    under: usize,
    key: &str,
    value: &Value,
) -> Result<Zeroizing<String>, Misfit> {
    if table.is_implicit() && !table.is_dotted() {
        let at = end_of(table)?.ok_or(Misfit::NoPlace)?;
        return Ok(section(text, line_end(text, at), path, key, value));
    }
    let dotted = if table.is_dotted() {
        &path[under..]
    } else {
        &[]
    };
    line_behind(text, table, dotted, key, value)
}

/// The line that makes a table which is not there, or its header and the line.
fn make(
    text: &str,
    nearest: &Table,
    path: &[String],
    depth: usize,
    under: usize,
    key: &str,
    value: &Value,
) -> Result<Zeroizing<String>, Misfit> {
    if nearest.is_dotted() {
        // A table that was written with dots takes no header any more.
        return line_behind(text, nearest, &path[under..], key, value);
    }
    let at = match end_of(nearest)? {
        Some(end) if depth > 0 => line_end(text, end),
        _ => text.len(),
    };
    Ok(section(text, at, path, key, value))
}

/// `key = value` on a line of its own, behind the last of its table.
fn line_behind(
    text: &str,
    table: &Table,
    dotted: &[String],
    key: &str,
    value: &Value,
) -> Result<Zeroizing<String>, Misfit> {
    let last = own_entries(table)?.pop();
    let (at, indent) = match last {
        Some(entry) => (entry.end, indentation(text, entry.key)),
        None if has_header(table) => {
            let header = table.span().ok_or(Misfit::NoPlace)?;
            (header.end, indentation(text, header.start))
        }
        None => return Err(Misfit::NoPlace),
    };
    let names = dotted.iter().map(String::as_str).chain([key]);
    let line = line(indent, names, value);
    Ok(with_lines(text, line_end(text, at), &[&line]))
}

/// A header with its first line, set off by a blank line.
fn section(text: &str, at: usize, path: &[String], key: &str, value: &Value) -> Zeroizing<String> {
    let header = format!("[{}]", dotted(path.iter().map(String::as_str)));
    let line = line("", [key], value);
    let before = text[..at].trim_start_matches('\u{feff}');
    let set_off = before.is_empty() || before.ends_with("\n\n") || before.ends_with("\n\r\n");
    let lines = ["", &header, &line];
    with_lines(text, at, &lines[usize::from(set_off)..])
}

/// The inline table at `outer`, with `key` set in the table at `below` in it.
fn set_inline(
    text: &str,
    outer: &[String],
    below: &[String],
    key: &str,
    value: Value,
) -> Result<Zeroizing<String>, Misfit> {
    change_inline(text, outer, |table| {
        let mut table: &mut dyn TableLike = table;
        for name in below {
            if !table.contains_key(name) {
                append(table, name, Value::InlineTable(InlineTable::new()));
            }
            let inner = table.get_mut(name).and_then(Item::as_table_like_mut);
            table = inner.ok_or(Misfit::NoTable)?;
        }
        match table.get_mut(key) {
            Some(Item::Value(old)) => {
                // In its place, with the spaces and comments around it.
                let mut value = value;
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
            _ => append(table, key, value),
        }
        Ok(())
    })
}

/// Adds a key to an inline table. The space before the brace belongs to the
/// last value, so it moves on.
fn append(table: &mut dyn TableLike, key: &str, mut value: Value) {
    if let Some((_, Item::Value(last))) = table.iter_mut().last() {
        let space = last.decor().suffix().cloned().unwrap_or_default();
        last.decor_mut().set_suffix("");
        *value.decor_mut() = Decor::new(" ", space);
    }
    table.insert(key, Item::Value(value));
}

/// The text with the inline table at `path` changed.
pub(super) fn change_inline(
    text: &str,
    path: &[String],
    change: impl FnOnce(&mut InlineTable) -> Result<(), Misfit>,
) -> Result<Zeroizing<String>, Misfit> {
    let place = {
        let document = parsed(text)?;
        let mut item = document.as_item();
        for name in path {
            item = item.get(name).ok_or(Misfit::NoTable)?;
        }
        item.span().ok_or(Misfit::NoPlace)?
    };
    let mut document: DocumentMut = text.parse().map_err(|_| Misfit::Syntax)?;
    let mut item = document.as_item_mut();
    for name in path {
        item = item.get_mut(name).ok_or(Misfit::NoTable)?;
    }
    let table = item.as_inline_table_mut().ok_or(Misfit::NoTable)?;
    change(table)?;
    let new = rendered(&Value::InlineTable(table.clone()));
    Ok(replaced(text, place, &new))
}

fn line<'a>(
    indent: &str,
    names: impl IntoIterator<Item = &'a str>,
    value: &Value,
) -> Zeroizing<String> {
    let (name, value) = (dotted(names), rendered(value));
    let mut line = Zeroizing::new(String::with_capacity(
        indent.len() + name.len() + value.len() + " = ".len(),
    ));
    for piece in [indent, &name, " = ", &value] {
        line.push_str(piece);
    }
    line
}

/// Names with dots between them, quoted where TOML wants it.
fn dotted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names = names.into_iter().map(|name| Key::new(name).to_string());
    names.collect::<Vec<_>>().join(".")
}

/// A value as it is written, with nothing around it.
fn rendered(value: &Value) -> Zeroizing<String> {
    let mut bare = value.clone();
    bare.decor_mut().clear();
    let shown = Zeroizing::new(bare.to_string());
    Zeroizing::new(shown.trim().to_owned())
}
