//! Records as JSON, for programs.

use serde::Serialize;

/// Writes a record as indented JSON, ending with a line break.
///
/// JSON has no NaN or infinity: they are written as `null`. The records of this crate can always be written; a foreign
/// type that JSON cannot express (a map whose keys are no text) gives an object with the single field `error`.
pub fn to_json(record: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(record)
        .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{SiteRecord, StudyRecord};
    use crate::samples;
    use std::collections::BTreeMap;

    #[test]
    fn a_study_survives_json() {
        let record = samples::study();
        let read: StudyRecord = serde_json::from_str(&to_json(&record)).expect("own JSON");
        assert_eq!(read, record);
    }

    #[test]
    fn hostile_names_survive_json() {
        let record = StudyRecord { study: samples::HOSTILE.into(), ..samples::study() };
        let read: StudyRecord = serde_json::from_str(&to_json(&record)).expect("own JSON");
        assert_eq!(read.study, samples::HOSTILE);
    }

    #[test]
    fn a_site_survives_json_without_the_pixels() {
        let record = samples::site();
        let json = to_json(&record);
        let read: SiteRecord = serde_json::from_str(&json).expect("own JSON");
        assert!(read.pictures.iter().all(|picture| picture.png.is_empty()));
        assert_eq!(read.pictures.len(), record.pictures.len());
        assert_eq!(SiteRecord { pictures: Vec::new(), ..read }, SiteRecord { pictures: Vec::new(), ..record });
        assert!(!json.contains("png"));
    }

    #[test]
    fn the_promise_is_in_the_json() {
        assert!(to_json(&samples::study()).contains("\"promise\": \"no_guarantee\""));
    }

    #[test]
    fn nan_is_null() {
        assert_eq!(to_json(&f64::NAN), "null\n");
    }

    #[test]
    fn what_json_cannot_express_is_an_error_object() {
        let keyed_by_bytes = BTreeMap::from([(vec![1_u8], 2)]);
        assert!(to_json(&keyed_by_bytes).starts_with("{\"error\":"));
    }
}
