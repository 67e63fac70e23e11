//! Records for tests, and what must hold for every page.

use crate::records::{Comparison, Picture, Promise, RoundRecord, RoundScore, SiteRecord, SiteScore, StudyRecord};

pub(crate) const DICE: &str = "dice.foreground";
pub(crate) const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Breaks out of an element, an attribute, a style and a comment; hides and reverses itself.
pub(crate) const HOSTILE: &str =
    "\"><script>alert('&')</script></style><!--<img src=x onerror=alert(1)>\u{0}\u{202e}gnp.tneitap";

pub(crate) fn score(site: &str, mean: f64, patients: u32) -> SiteScore {
    SiteScore { site: site.into(), metric: DICE.into(), mean, patients, noise_deviation: None }
}

pub(crate) fn study() -> StudyRecord {
    StudyRecord {
        study: "heart-study".into(),
        plan_sha256: DIGEST.into(),
        state: "finished".into(),
        promise: Promise::NoGuarantee,
        rounds: (1..=3).map(round).collect(),
        comparison: vec![
            Comparison { site: "north".into(), patients: 12, alone: 0.71, federated: 0.8 },
            Comparison { site: "south".into(), patients: 7, alone: 0.62, federated: 0.78 },
        ],
    }
}

pub(crate) fn site() -> SiteRecord {
    SiteRecord {
        study: "heart-study".into(),
        site: "north".into(),
        plan_sha256: DIGEST.into(),
        state: "finished".into(),
        promise: Promise::NoGuarantee,
        metric: DICE.into(),
        scores: (1..=3).map(|round| RoundScore { round, score: 0.25 * f64::from(round), patients: 12 }).collect(),
        alone: Some(0.71),
        pictures: vec![Picture { caption: "patient 1 of 12".into(), png: b"\x89PNG\r\n\x1a\n".to_vec() }],
    }
}

fn round(number: u32) -> RoundRecord {
    let started_ms = 1_767_225_600_000 + u64::from(number) * 60_000;
    let gain = 0.05 * f64::from(number);
    RoundRecord {
        scores_missing: None,
        round: number,
        started_ms,
        committed_ms: started_ms + 42_500,
        included: vec!["north".into(), "south".into()],
        model_sha256: DIGEST.into(),
        scores: vec![score("north", 0.65 + gain, 12), score("south", 0.63 + gain, 7)],
    }
}

/// No markup of [`HOSTILE`] survived, and nothing in it stayed hidden.
pub(crate) fn assert_harmless(page: &str) {
    assert!(page.contains("&lt;script&gt;alert('&amp;')"), "the name is shown as text");
    for part in ["<script", "<img src=x", "<!--", "\u{0}", "\u{202e}"] {
        assert!(!page.contains(part), "{part:?} in the page");
    }
    assert_eq!(page.matches("</style>").count(), 1);
    assert_well_formed(page.split_once("<body>").expect("a body").1.trim_end_matches("</body></html>"));
}

/// The page loads, links and runs nothing.
pub(crate) fn assert_self_contained(page: &str) {
    let policy = "<meta http-equiv=\"Content-Security-Policy\" \
                  content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">";
    assert!(page.contains(policy));
    for part in ["http:", "https:", "//", "url(", "@import", "<script", "<link", "href", "srcset", "javascript:"] {
        assert!(!page.contains(part), "{part} in the page");
    }
    assert!(page.split("src=\"").skip(1).all(|source| source.starts_with("data:image/png;base64,")));
    for event in [" onload", " onclick", " onerror"] {
        assert!(!page.contains(event), "{event} in the page");
    }
}

/// Every element that opens also closes, in order.
pub(crate) fn assert_well_formed(markup: &str) {
    const VOID: [&str; 2] = ["img", "meta"];
    let mut open = Vec::new();
    for tag in markup.split('<').skip(1) {
        let inside = tag.split_once('>').expect("a tag ends").0;
        let name = inside.trim_start_matches('/').split([' ', '\n']).next().unwrap_or_default();
        if inside.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closing </{name}>");
        } else if !VOID.contains(&name) && !inside.starts_with('?') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}
