//! Tables for people.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

/// A table without lines, numbers to the right; `left` are the columns of words.
pub(crate) fn aligned(
    titles: &[&str],
    left: &[usize],
    rows: impl Iterator<Item = Vec<String>>,
) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(titles);
    for row in rows {
        table.add_row(row);
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        if !left.contains(&i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A table without blanks at the ends of its lines.
pub(crate) fn print_trimmed(table: &Table, out: &mut impl Write) -> io::Result<()> {
    for line in table.to_string().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
