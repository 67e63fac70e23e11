//! Colours and dashes.

use super::series::Role;

/// Where the colours come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// The variables of the page, which follow its light and dark mode.
    Page,
    /// Fixed colours on white.
    Paper,
}

/// Blue, vermillion, green, purple, orange, sky blue of Okabe and Ito, 2008. Their yellow is too pale on white.
const OKABE_ITO: [(&str, &str); 6] = [
    ("var(--line-1)", "#0072b2"),
    ("var(--line-2)", "#d55e00"),
    ("var(--line-3)", "#009e73"),
    ("var(--line-4)", "#cc79a7"),
    ("var(--line-5)", "#e69f00"),
    ("var(--line-6)", "#56b4e9"),
];

/// Five dashes; together with six colours and seven markers, 210 curves differ.
const DASHES: [&str; 5] = ["none", "7 3", "2 3", "9 3 2 3", "12 4"];

impl Ink {
    pub(super) fn text(self) -> &'static str {
        self.choose("currentColor", "#1a222b")
    }

    pub(super) fn muted(self) -> &'static str {
        self.choose("var(--muted)", "#56616d")
    }

    pub(super) fn rule(self) -> &'static str {
        self.choose("var(--rule)", "#d8dee4")
    }

    pub(super) fn paper(self) -> &'static str {
        self.choose("var(--paper)", "#ffffff")
    }

    pub(super) fn line(self, role: Role) -> &'static str {
        match role {
            Role::Curve(index) => {
                let (page, paper) = OKABE_ITO[index % OKABE_ITO.len()];
                self.choose(page, paper)
            }
            Role::Mean => self.text(),
            Role::Level => self.muted(),
        }
    }

    fn choose(self, page: &'static str, paper: &'static str) -> &'static str {
        match self {
            Self::Page => page,
            Self::Paper => paper,
        }
    }
}

/// The dashes of a line.
pub(super) fn dash(role: Role) -> &'static str {
    match role {
        Role::Curve(index) => DASHES[index % DASHES.len()],
        Role::Mean => "none",
        Role::Level => "4 4",
    }
}

/// The width of a line in pixels.
pub(super) fn width(role: Role) -> &'static str {
    match role {
        Role::Curve(_) => "1.8",
        Role::Mean => "2.8",
        Role::Level => "1.6",
    }
}
