//! Predictions drawn over validation images, inside the page.

use crate::numbers::count;
use crate::records::Picture;
use crate::text::visible;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

/// Pictures shown at most, so that a page can still be opened.
const PICTURES_MAX: usize = 60;
/// Every PNG file begins so.
const PNG_MAGIC: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The pictures side by side under their legend.
pub(crate) fn grid(pictures: &[Picture]) -> Markup {
    let hidden = pictures.len().saturating_sub(PICTURES_MAX);
    html! {
        p.legend {
            span { (outline("truth")) "Truth (green)" }
            span { (outline("prediction")) "Prediction (magenta), drawn over the truth" }
        }
        div.pictures { @for picture in pictures.iter().take(PICTURES_MAX) { (figure(picture)) } }
        @if hidden > 0 { p.note { (count(hidden, "further picture")) " not shown." } }
    }
}

fn figure(picture: &Picture) -> Markup {
    let caption = visible(&picture.caption);
    html! {
        figure {
            @if picture.png.starts_with(&PNG_MAGIC) {
                img src=(format!("data:image/png;base64,{}", STANDARD.encode(&picture.png))) alt=(caption);
            } @else {
                div.missing { "No picture" }
            }
            figcaption { (caption) }
        }
    }
}

fn outline(class: &str) -> Markup {
    html! {
        svg.swatch viewBox="0 0 10 10" aria-hidden="true" {
            rect class=(class) x="1" y="1" width="8" height="8" fill="none" stroke-width="2" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(png: &[u8]) -> Picture {
        Picture { caption: "patient <1>".into(), png: png.to_vec() }
    }

    #[test]
    fn a_png_is_inside_the_page() {
        let page = grid(&[picture(&PNG_MAGIC)]).into_string();
        assert!(page.contains("src=\"data:image/png;base64,iVBORw0KGgo=\""));
        assert!(page.contains("alt=\"patient &lt;1&gt;\""));
    }

    #[test]
    fn what_is_no_png_is_not_shown() {
        for bytes in [&b""[..], b"<svg onload=alert(1)>", &PNG_MAGIC[..7]] {
            let page = grid(&[picture(bytes)]).into_string();
            assert!(page.contains("No picture") && !page.contains("<img"));
        }
    }

    #[test]
    fn too_many_are_counted() {
        let page = grid(&vec![picture(&PNG_MAGIC); PICTURES_MAX + 2]).into_string();
        assert_eq!(page.matches("<img").count(), PICTURES_MAX);
        assert!(page.contains("2 further pictures not shown."));
    }
}
