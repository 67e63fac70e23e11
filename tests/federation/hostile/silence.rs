//! An instant of the protocol at which the coordinator holds its breath, so that a process can be killed exactly there.

use std::fmt;
use std::str::FromStr;

/// When, and towards whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// A site, or nobody for all of them.
    pub towards: Option<String>,
    /// What is never said to them, by its name in the transcript: they have done all that comes before it and nothing
    /// after. With `Unmask`, which is the last a site says, nothing is withheld, and what the others say of that kind is heard
    /// only when the site has said it and is gone.
    pub before: String,
}

impl Silence {
    /// Before `before`, towards one site.
    pub fn towards(site: &str, before: &str) -> Self {
        Self { towards: Some(site.into()), before: before.into() }
    }

    /// Whether this is never said to `site`.
    pub fn withholds(&self, site: &str, kind: &str) -> bool {
        kind == self.before && self.covers(site)
    }

    /// Whether this of `site` has to wait until the one that matters is gone.
    pub fn delays(&self, site: &str, kind: &str) -> bool {
        kind == self.before && !self.covers(site)
    }

    /// Whether `site` is one of those it is about.
    pub fn covers(&self, site: &str) -> bool {
        self.towards.as_ref().is_none_or(|towards| towards == site)
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.towards.as_deref().unwrap_or_default(), self.before)
    }
}

impl FromStr for Silence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (towards, before) = text.split_once(':').ok_or_else(|| format!("`{text}` is not SITE:KIND"))?;
        Ok(Self { towards: Some(towards.to_owned()).filter(|site| !site.is_empty()), before: before.into() })
    }
}

#[test]
fn a_silence_survives_its_way_into_the_process() {
    for silence in [Silence::towards("north", "KeySet"), Silence { towards: None, before: "Unmask".into() }] {
        assert_eq!(silence.to_string().parse(), Ok(silence));
    }
}
