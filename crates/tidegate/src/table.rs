//! Tables for people.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};

use crate::terminal::{Room, cut};

/// Letters that a column of words keeps, however narrow the terminal.
const WORDS_MIN: usize = 8;
/// A blank on either side of a column.
const PADDING: usize = 2;

/// A table without lines, numbers to the right; `left` are the columns of words, which are cut where the terminal has no
/// room for all of them.
pub(crate) fn aligned(
    titles: &[&str],
    left: &[usize],
    rows: impl Iterator<Item = Vec<String>>,
) -> Table {
    let mut rows: Vec<Vec<String>> = rows.collect();
    fit(titles, left, &mut rows, Room::of_stdout());
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

/// Cuts words, those of the widest column first, until a row fits.
fn fit(titles: &[&str], left: &[usize], rows: &mut [Vec<String>], room: Room) {
    let Some(columns) = room.columns else { return };
    let letters = |text: &str| text.chars().count();
    let mut widths: Vec<usize> = titles.iter().map(|title| letters(title)).collect();
    for row in &*rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(letters(cell));
        }
    }
    let needed = |widths: &[usize]| widths.iter().map(|width| width + PADDING).sum::<usize>();
    while needed(&widths) > columns {
        let widest =
            left.iter().copied().filter(|at| widths[*at] > WORDS_MIN.max(letters(titles[*at])));
        let Some(widest) = widest.max_by_key(|at| widths[*at]) else { break };
        widths[widest] -= 1;
    }
    for row in rows {
        for at in left {
            if let Some(cell) = row.get_mut(*at) {
                *cell = cut(cell, widths[*at]);
            }
        }
    }
}

/// A table without blanks at the ends of its lines.
pub(crate) fn print_trimmed(table: &Table, out: &mut impl Write) -> io::Result<()> {
    for line in table.to_string().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_until_a_row_fits_and_numbers_never() {
        let titles = ["name", "count", "note"];
        let mut rows = vec![
            vec!["a".repeat(40), "123456789".to_owned(), "b".repeat(30)],
            vec!["short".to_owned(), "1".to_owned(), "as it is".to_owned()],
        ];
        fit(&titles, &[0, 2], &mut rows, Room { columns: Some(60), rows: None });
        let letters: Vec<usize> = rows[0].iter().map(|cell| cell.chars().count()).collect();
        assert_eq!(letters.iter().sum::<usize>() + 3 * PADDING, 60);
        assert_eq!((letters[1], rows[0][0].ends_with('…')), (9, true));
        assert_eq!(rows[1], ["short", "1", "as it is"]);
    }

    #[test]
    fn a_terminal_without_room_leaves_the_beginning_of_words() {
        let mut rows = vec![vec!["camera-number-12".to_owned(), "1".repeat(30)]];
        fit(&["camera", "n"], &[0], &mut rows, Room { columns: Some(10), rows: None });
        assert_eq!(rows[0], ["camera-…".to_owned(), "1".repeat(30)]);
    }
}
