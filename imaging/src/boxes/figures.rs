//! Figures of three by five pixels, for what stands at a box: too few signs to carry a font for.

/// Rows of a figure.
pub(super) const FIGURE_HEIGHT: i64 = 5;
const WIDTH: i64 = 3;
/// From one figure to the next.
const STEP: i64 = WIDTH + 1;

/// Five rows of three bits, from the top, the leftmost bit highest.
const FIGURES: [(char, [u8; 5]); 11] = [
    ('0', [0b111, 0b101, 0b101, 0b101, 0b111]),
    ('1', [0b010, 0b110, 0b010, 0b010, 0b111]),
    ('2', [0b111, 0b001, 0b111, 0b100, 0b111]),
    ('3', [0b111, 0b001, 0b111, 0b001, 0b111]),
    ('4', [0b101, 0b101, 0b111, 0b001, 0b001]),
    ('5', [0b111, 0b100, 0b111, 0b001, 0b111]),
    ('6', [0b111, 0b100, 0b111, 0b101, 0b111]),
    ('7', [0b111, 0b001, 0b010, 0b010, 0b010]),
    ('8', [0b111, 0b101, 0b111, 0b101, 0b111]),
    ('9', [0b111, 0b101, 0b111, 0b001, 0b111]),
    (':', [0b000, 0b010, 0b000, 0b010, 0b000]),
];

/// Pixels that `text` takes from left to right.
pub(super) fn text_width(text: &str) -> i64 {
    (text.chars().count() as i64 * STEP - 1).max(0)
}

/// Calls `put` for each pixel of `text` with its upper left corner at `x`, `y`. A sign without a figure is a gap.
pub(super) fn draw_text(text: &str, x: i64, y: i64, mut put: impl FnMut(i64, i64)) {
    let mut x = x;
    for sign in text.chars() {
        let rows = FIGURES.iter().find(|(figure, _)| *figure == sign).map_or([0; 5], |(_, rows)| *rows);
        for (below, row) in (0..).zip(rows) {
            for right in (0..WIDTH).filter(|right| row >> (WIDTH - 1 - right) & 1 == 1) {
                put(x + right, y + below);
            }
        }
        x += STEP;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> Vec<String> {
        let mut rows = vec![vec![b'.'; text_width(text) as usize]; FIGURE_HEIGHT as usize];
        draw_text(text, 0, 0, |x, y| rows[y as usize][x as usize] = b'#');
        rows.into_iter().map(|row| String::from_utf8(row).expect("signs")).collect()
    }

    #[test]
    fn figures_are_legible() {
        assert_eq!(drawn("2:4"), ["###.....#.#", "..#..#..#.#", "###.....###", "#....#....#", "###.......#"]);
    }

    #[test]
    fn all_figures_differ_and_other_signs_are_gaps() {
        let all: Vec<_> = "0123456789:".chars().map(|sign| drawn(&sign.to_string())).collect();
        assert!((0..all.len()).all(|a| (0..a).all(|b| all[a] != all[b])));
        assert_eq!(drawn("x"), ["..."; 5]);
        assert_eq!(text_width(""), 0);
    }
}
