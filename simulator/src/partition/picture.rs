//! Who got what, to look at: as text for a terminal and as a self-contained SVG for a page or a paper.

use serde::Serialize;
use std::fmt::Write as _;

/// What one site got.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Holding {
    /// Its name.
    pub site: String,
    /// Patients to train on, by their class: equal parts of all patients in the order of their foreground share.
    pub patients: Vec<u32>,
    /// Mean intensity of its images.
    pub brightness: f64,
}

/// Sites shown in text, and characters of the longest bar.
const ROWS_MAX: usize = 40;
const BAR: usize = 50;
/// The picture, in pixels.
const WIDTH: usize = 720;
const ROW: usize = 14;
const LEFT: usize = 110;
const RIGHT: usize = 70;
/// From few to much foreground: a ramp that is told apart in grey, too.
const RAMP: [&str; 6] = ["#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#084594"];

impl Holding {
    fn total(&self) -> u32 {
        self.patients.iter().sum()
    }
}

/// A bar for each site: its patients, a digit for each class of foreground share.
pub fn text(holdings: &[Holding]) -> String {
    let most = holdings.iter().map(Holding::total).max().unwrap_or(0).max(1);
    let mut text = String::from("patients of each site; digits: class of foreground share, 0 the least\n");
    for holding in holdings.iter().take(ROWS_MAX) {
        let letters = |(class, count): (usize, &u32)| {
            let length = (*count as usize * BAR).div_ceil(most as usize);
            std::iter::repeat_n(char::from_digit(class as u32 % 10, 10).unwrap_or('?'), length)
        };
        let bar: String = holding.patients.iter().enumerate().flat_map(letters).collect();
        let _ =
            writeln!(text, "{:<16} {:>6}  {bar}  brightness {:.3}", holding.site, holding.total(), holding.brightness);
    }
    if let Some(more) = holdings.len().checked_sub(ROWS_MAX).filter(|more| *more > 0) {
        let _ = writeln!(text, "and {more} more");
    }
    text
}

/// As [`text`], drawn; every site has a row.
pub fn svg(holdings: &[Holding]) -> String {
    let most = f64::from(holdings.iter().map(Holding::total).max().unwrap_or(0).max(1));
    let height = (holdings.len() + 3) * ROW;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"10\">\n<text x=\"4\" y=\"{ROW}\">Patients of each site; darker: more foreground</text>\n"
    );
    for (row, holding) in holdings.iter().enumerate() {
        draw_row(&mut svg, (row + 2) * ROW, holding, (WIDTH - LEFT - RIGHT) as f64 / most);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_row(svg: &mut String, top: usize, holding: &Holding, scale: f64) {
    let baseline = top + ROW - 4;
    let _ = writeln!(svg, "<text x=\"4\" y=\"{baseline}\">{}</text>", escaped(&holding.site));
    let (mut left, bar) = (LEFT as f64, ROW - 3);
    for (class, count) in holding.patients.iter().enumerate() {
        let width = f64::from(*count) * scale;
        let color = RAMP[class * RAMP.len() / holding.patients.len().max(1)];
        let _ =
            writeln!(svg, "<rect x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{bar}\" fill=\"{color}\"/>");
        left += width;
    }
    let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{baseline}\">{}</text>", left + 4.0, holding.total());
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holdings(count: usize) -> Vec<Holding> {
        let holding =
            |site: usize| Holding { site: format!("s<{site}"), patients: vec![site as u32, 2], brightness: 0.5 };
        (0..count).map(holding).collect()
    }

    #[test]
    fn bars_are_as_long_as_their_patients() {
        let text = text(&holdings(9));
        let ones = |line: usize| text.lines().nth(line).expect("a line").matches('1').count();
        assert_eq!(ones(1), 10, "2 of at most 10 patients: {text}");
        assert!(text.lines().nth(9).is_some_and(|line| line.contains(&"0".repeat(40))), "{text}");
    }

    #[test]
    fn many_sites_are_cut_in_text_and_all_are_drawn() {
        assert!(text(&holdings(100)).ends_with("and 60 more\n"));
        let svg = svg(&holdings(100));
        assert_eq!(svg.matches("<rect").count(), 200);
        assert!(svg.contains("s&lt;3") && !svg.contains("s<3"), "names cannot break out");
    }

    #[test]
    fn no_site_is_no_error() {
        assert_eq!(text(&[]).lines().count(), 1);
        assert!(svg(&[]).ends_with("</svg>\n"));
    }
}
