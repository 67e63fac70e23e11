//! Names that come from elsewhere, made fit to show.
//!
//! Escaping is maud's work. What is left are characters that no escape makes harmless: control characters, which XML
//! forbids altogether, and direction marks, with which one name can be made to look like another.

/// Width of a letter in units of the font size; a little too wide for most, so that estimates err on the safe side.
const LETTER_WIDTH: f64 = 0.58;
/// Width of an ideograph in units of the font size.
const IDEOGRAPH_WIDTH: f64 = 1.05;

/// The text with every character that hides or forbids something shown as a replacement character.
pub(crate) fn visible(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The text, cut with an ellipsis to at most `width` at this font size.
pub(crate) fn cut(text: &str, width: f64, font_size: f64) -> String {
    if estimated_width(text, font_size) <= width {
        return text.to_owned();
    }
    let room = width - font_size;
    let mut used = 0.0;
    let fits = |c: &char| {
        used += letter(*c) * font_size;
        used <= room
    };
    let mut start: String = text.chars().take_while(fits).collect();
    start.push('…');
    start
}

/// About how wide the text will be in the font of the page.
pub(crate) fn estimated_width(text: &str, font_size: f64) -> f64 {
    text.chars().map(letter).sum::<f64>() * font_size
}

/// The first digits of a digest: enough to compare by eye.
pub(crate) fn short_digest(digest: &str) -> String {
    digest.chars().take(SHORT_DIGITS).collect()
}

fn letter(c: char) -> f64 {
    if c >= '\u{2e80}' { IDEOGRAPH_WIDTH } else { LETTER_WIDTH }
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || matches!(c, '\u{61c}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

const SHORT_DIGITS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_stay() {
        assert_eq!(visible("Universitätsklinik 北京 №7"), "Universitätsklinik 北京 №7");
    }

    #[test]
    fn control_and_direction_marks_are_shown() {
        assert_eq!(visible("a\u{0}b\u{202e}c\u{feff}"), "a\u{fffd}b\u{fffd}c\u{fffd}");
    }

    #[test]
    fn long_names_are_cut_to_the_room() {
        let name = "a-very-long-name-of-a-hospital";
        let short = cut(name, 80.0, 12.0);
        assert!(short.ends_with('…'));
        assert!(estimated_width(&short, 12.0) <= 80.0);
        assert_eq!(cut(name, 1000.0, 12.0), name);
    }

    #[test]
    fn no_room_leaves_an_ellipsis() {
        assert_eq!(cut("abc", 0.0, 12.0), "…");
    }

    #[test]
    fn digests_that_are_short_already_stay() {
        assert_eq!(short_digest("abc"), "abc");
        assert_eq!(short_digest(&"0123456789abcdef".repeat(4)), "0123456789ab");
    }
}
