//! The classes of a study by name, and which of them a site has looked for.

use super::fault::BoxFault;
use crate::error::{ImagingError, Place};
use serde::Serialize;
use std::collections::BTreeSet;

/// Most classes: a class is one byte, and 0 is background.
const CLASSES_MAX: usize = 255;
/// Longest name in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The names of a study's classes in order: the first is class 1. Files are read by name, never by number, since every
/// tool counts in its own way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ClassNames(Vec<String>);

/// Classes that a site labels: where one is in an image, it is in a box. Of a class outside the set nothing is known,
/// so a detector must not learn its objects as background.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct ClassSet(BTreeSet<u8>);

/// What a name in a file is to the study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// This class.
    As(u8),
    /// No class, but one differs only in case or spaces: a slip that would make objects background.
    Nearly(u8),
    /// Another class, which the study does not use.
    Not,
}

impl ClassNames {
    /// # Errors
    /// No name, more than 255, an empty, blank-edged or long one, or two that differ in nothing but case.
    pub fn new<Name: Into<String>>(names: impl IntoIterator<Item = Name>) -> Result<Self, BoxFault> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let plain = |name: &String| !name.is_empty() && name.trim() == name && name.len() <= NAME_BYTES_MAX;
        let different = names.iter().map(|name| folded(name)).collect::<BTreeSet<_>>().len() == names.len();
        let good = (1..=CLASSES_MAX).contains(&names.len()) && names.iter().all(plain) && different;
        if good { Ok(Self(names)) } else { Err(BoxFault::ClassNames) }
    }

    /// All names; the first is class 1.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The name of `class`; none for background and beyond the last.
    pub fn name(&self, class: u8) -> Option<&str> {
        self.0.get(usize::from(class).checked_sub(1)?).map(String::as_str)
    }

    /// All classes, for a site that labels every one.
    pub fn all(&self) -> ClassSet {
        ClassSet(self.numbers().collect())
    }

    /// The classes with these names.
    ///
    /// # Errors
    /// [`BoxFault::ClassNames`] for a name that is none of these.
    pub fn only<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<ClassSet, BoxFault> {
        let number = |name: &str| match self.find(name) {
            Known::As(class) => Ok(class),
            Known::Nearly(_) | Known::Not => Err(BoxFault::ClassNames),
        };
        names.into_iter().map(number).collect::<Result<_, _>>().map(ClassSet)
    }

    pub(crate) fn find(&self, name: &str) -> Known {
        let name = name.trim();
        let at = |same: &dyn Fn(&str) -> bool| self.numbers().zip(&self.0).find(|(_, known)| same(known));
        let exact = at(&|known| known == name).map(|(class, _)| Known::As(class));
        let nearly = || at(&|known| folded(known) == folded(name)).map(|(class, _)| Known::Nearly(class));
        exact.or_else(nearly).unwrap_or(Known::Not)
    }

    /// That a file writes class `class` as `name`, which is not quite its name.
    pub(crate) fn nearly(&self, name: &str, class: u8) -> ImagingError {
        let class = self.name(class).unwrap_or_default().to_owned();
        ImagingError::new(Place::Category(name.into()), BoxFault::NearlyAClass { class }.into())
    }

    fn numbers(&self) -> impl Iterator<Item = u8> {
        (1..=u8::MAX).take(self.0.len())
    }
}

impl ClassSet {
    /// Whether `class` is labelled.
    pub fn contains(&self, class: u8) -> bool {
        self.0.contains(&class)
    }

    /// Rising.
    pub fn iter(&self) -> impl Iterator<Item = u8> {
        self.0.iter().copied()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True where a site labels nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// In lower case, without what joins words: `White_Cell` and `white-cell` are one name, `ER+` and `ER-` are two.
fn folded(name: &str) -> String {
    let joined: String = name.to_lowercase().split(|sign: char| sign.is_whitespace() || sign == '_').collect();
    let parts: Vec<&str> = joined.split('-').collect();
    if parts.iter().all(|part| !part.is_empty()) { parts.concat() } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blood() -> ClassNames {
        ClassNames::new(["RBC", "WBC", "Platelets"]).expect("good names")
    }

    #[test]
    fn the_first_name_is_class_one() {
        assert_eq!(blood().name(1), Some("RBC"));
        assert_eq!((blood().name(0), blood().name(4)), (None, None));
        assert_eq!((blood().find("Platelets"), blood().find(" WBC ")), (Known::As(3), Known::As(2)));
    }

    #[test]
    fn a_slip_in_a_name_is_told_from_another_class() {
        assert_eq!(blood().find("platelets"), Known::Nearly(3));
        assert_eq!(blood().find("Plate-lets"), Known::Nearly(3));
        assert_eq!((blood().find("Platelet"), blood().find("")), (Known::Not, Known::Not));
    }

    #[test]
    fn names_that_could_be_mixed_up_are_refused() {
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for names in [vec![], vec![""], vec![" a"], vec!["a", "a"], vec!["a b", "A_B"], vec![long.as_str()]] {
            assert_eq!(ClassNames::new(names.clone()), Err(BoxFault::ClassNames), "{names:?}");
        }
        assert!(ClassNames::new(["ER+", "ER-", "ER"]).is_ok());
        let many = |count: usize| ClassNames::new((0..count).map(|number| format!("c{number}")));
        assert_eq!(many(255).expect("as many as a byte holds").all().len(), 255);
        assert_eq!(many(256), Err(BoxFault::ClassNames));
    }

    #[test]
    fn a_site_names_what_it_labels() {
        let some = blood().only(["WBC", "RBC"]).expect("both are classes");
        assert!(some.contains(1) && some.contains(2) && !some.contains(3) && !some.contains(0));
        assert_eq!(some.iter().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(blood().only(["wbc"]), Err(BoxFault::ClassNames));
        assert!(blood().only([]).expect("nothing is a set too").is_empty());
    }
}
