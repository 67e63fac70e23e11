//! The names of the corruptions, their families and their severities.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// One way in which a scan can be bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corruption {
    /// Stored with fewer pixels.
    Pixelate,
    /// Stored as JPEG of low quality.
    Jpeg,
    /// Noise of equal strength everywhere.
    GaussianNoise,
    /// Noise that grows with brightness.
    SpeckleNoise,
    /// Dead and hot pixels.
    ImpulseNoise,
    /// Too little light: counts of photons.
    ShotNoise,
    /// Out of focus: a disk for a point.
    DefocusBlur,
    /// The patient moved along a line.
    MotionBlur,
    /// The patient moved along the line of sight.
    ZoomBlur,
    /// A soft reconstruction kernel.
    GaussianBlur,
    /// Brighter.
    BrightnessUp,
    /// Darker.
    BrightnessDown,
    /// More contrast, cut off at the ends.
    ContrastUp,
    /// Less contrast.
    ContrastDown,
    /// Another display curve: middle tones darker.
    GammaUp,
    /// Another display curve: middle tones brighter.
    GammaDown,
    /// MR: a coil that receives unevenly.
    BiasField,
    /// MR: breathing or flow repeats the body along an axis.
    Ghosting,
    /// MR: one bad point of k-space, stripes all over.
    Spike,
    /// X-ray and CT: fewer photons through dense tissue.
    LowDoseNoise,
    /// Something lies before the scan.
    Occlusion,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CorruptionFamily {
    /// Storing.
    Digital,
    /// Counting.
    Noise,
    /// Sharpness.
    Blur,
    /// Display.
    Intensity,
    /// The physics of MR and CT.
    Artefact,
    /// Hiding.
    Occlusion,
}

/// How bad, from 1 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct CorruptionSeverity(u8);

/// A name that no corruption has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no corruption; there are {known}", known = Corruption::names())]
pub struct UnknownCorruption(String);

impl Corruption {
    const ALL: [Self; 21] = [
        Self::Pixelate,
        Self::Jpeg,
        Self::GaussianNoise,
        Self::SpeckleNoise,
        Self::ImpulseNoise,
        Self::ShotNoise,
        Self::DefocusBlur,
        Self::MotionBlur,
        Self::ZoomBlur,
        Self::GaussianBlur,
        Self::BrightnessUp,
        Self::BrightnessDown,
        Self::ContrastUp,
        Self::ContrastDown,
        Self::GammaUp,
        Self::GammaDown,
        Self::BiasField,
        Self::Ghosting,
        Self::Spike,
        Self::LowDoseNoise,
        Self::Occlusion,
    ];

    /// Every corruption, family by family.
    pub fn all() -> &'static [Self] {
        &Self::ALL
    }

    /// As it is typed and reported.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pixelate => "pixelate",
            Self::Jpeg => "jpeg",
            Self::GaussianNoise => "gaussian-noise",
            Self::SpeckleNoise => "speckle-noise",
            Self::ImpulseNoise => "impulse-noise",
            Self::ShotNoise => "shot-noise",
            Self::DefocusBlur => "defocus-blur",
            Self::MotionBlur => "motion-blur",
            Self::ZoomBlur => "zoom-blur",
            Self::GaussianBlur => "gaussian-blur",
            Self::BrightnessUp => "brightness-up",
            Self::BrightnessDown => "brightness-down",
            Self::ContrastUp => "contrast-up",
            Self::ContrastDown => "contrast-down",
            Self::GammaUp => "gamma-up",
            Self::GammaDown => "gamma-down",
            Self::BiasField => "bias-field",
            Self::Ghosting => "ghosting",
            Self::Spike => "spike",
            Self::LowDoseNoise => "low-dose-noise",
            Self::Occlusion => "occlusion",
        }
    }

    /// What goes wrong in it.
    pub fn family(self) -> CorruptionFamily {
        match self {
            Self::Pixelate | Self::Jpeg => CorruptionFamily::Digital,
            Self::GaussianNoise | Self::SpeckleNoise | Self::ImpulseNoise | Self::ShotNoise => CorruptionFamily::Noise,
            Self::DefocusBlur | Self::MotionBlur | Self::ZoomBlur | Self::GaussianBlur => CorruptionFamily::Blur,
            Self::BrightnessUp
            | Self::BrightnessDown
            | Self::ContrastUp
            | Self::ContrastDown
            | Self::GammaUp
            | Self::GammaDown => CorruptionFamily::Intensity,
            Self::BiasField | Self::Ghosting | Self::Spike | Self::LowDoseNoise => CorruptionFamily::Artefact,
            Self::Occlusion => CorruptionFamily::Occlusion,
        }
    }

    fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl CorruptionSeverity {
    /// Every severity, rising.
    pub const ALL: [Self; 5] = [Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// From 1 (slight) to 5 (severe); `None` for any other number.
    pub fn new(severity: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.0 == severity)
    }

    /// 1 to 5.
    pub fn get(self) -> u8 {
        self.0
    }

    /// Its place in a row of the table.
    pub(super) fn index(self) -> usize {
        usize::from(self.0) - 1
    }
}

impl FromStr for Corruption {
    type Err = UnknownCorruption;

    fn from_str(name: &str) -> Result<Self, UnknownCorruption> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| UnknownCorruption(name.to_owned()))
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_parse_back_and_are_what_reports_say() {
        let names: BTreeSet<_> = Corruption::all().iter().map(|corruption| corruption.name()).collect();
        assert_eq!(names.len(), Corruption::all().len());
        for corruption in Corruption::all() {
            assert_eq!(corruption.name().parse(), Ok(*corruption));
            let json = serde_json::to_string(corruption).expect("a name");
            assert_eq!(json, format!("\"{corruption}\""));
        }
        let error = "snow".parse::<Corruption>().expect_err("weather");
        assert!(error.to_string().contains("`snow` is no corruption; there are pixelate, jpeg,"), "{error}");
    }

    #[test]
    fn every_family_has_a_member_and_severities_are_five() {
        let families: BTreeSet<_> = Corruption::all().iter().map(|corruption| corruption.family()).collect();
        assert_eq!(families.len(), 6);
        assert_eq!(CorruptionSeverity::new(5).map(CorruptionSeverity::get), Some(5));
        assert_eq!([CorruptionSeverity::new(0), CorruptionSeverity::new(6)], [None, None]);
    }
}
