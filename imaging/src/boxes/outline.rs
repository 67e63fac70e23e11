//! The box round COCO's polygons, found while they are read: outlines are most of such a file and none is kept.

use super::boxes_of_image::RawEdges;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The extent of `segmentation`: polygons as lists of x and y in turn. A run-length mask is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct OutlineBox(Option<RawEdges>);

impl OutlineBox {
    /// None where there was no polygon.
    pub(crate) fn edges(&self) -> Option<RawEdges> {
        self.0
    }

    fn include(&mut self, x: f64, y: f64) {
        let point = RawEdges { left: x, top: y, right: x, bottom: y };
        self.0 = Some(self.0.map_or(point, |known| RawEdges {
            left: known.left.min(x),
            top: known.top.min(y),
            right: known.right.max(x),
            bottom: known.bottom.max(y),
        }));
    }

    fn join(&mut self, other: Self) {
        if let Some(edges) = other.0 {
            self.include(edges.left, edges.top);
            self.include(edges.right, edges.bottom);
        }
    }
}

impl<'de> Deserialize<'de> for OutlineBox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Polygons)
    }
}

/// A list of polygons, or anything else.
struct Polygons;

impl<'de> Visitor<'de> for Polygons {
    type Value = OutlineBox;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("polygons or a run-length mask")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OutlineBox, A::Error> {
        let mut outline = OutlineBox::default();
        while let Some(Polygon(part)) = list.next_element()? {
            outline.join(part);
        }
        Ok(outline)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OutlineBox, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(OutlineBox::default())
    }

    fn visit_unit<E>(self) -> Result<OutlineBox, E> {
        Ok(OutlineBox::default())
    }
}

struct Polygon(OutlineBox);

impl<'de> Deserialize<'de> for Polygon {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Points).map(Self)
    }
}

struct Points;

impl<'de> Visitor<'de> for Points {
    type Value = OutlineBox;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers, x and y in turn")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<OutlineBox, A::Error> {
        let mut outline = OutlineBox::default();
        while let Some(x) = numbers.next_element::<f64>()? {
            let y = numbers.next_element::<f64>()?.ok_or_else(|| serde::de::Error::custom("x without y"))?;
            outline.include(x, y);
        }
        Ok(outline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(json: &str) -> Option<[f64; 4]> {
        let outline: OutlineBox = serde_json::from_str(json).expect("accepted");
        outline.edges().map(|edges| [edges.left, edges.top, edges.right, edges.bottom])
    }

    #[test]
    fn the_box_is_round_all_parts() {
        assert_eq!(edges("[[1,2,5,2,3,7.5]]"), Some([1.0, 2.0, 5.0, 7.5]));
        assert_eq!(edges("[[1,2,3,4],[-1,0,2,9]]"), Some([-1.0, 0.0, 3.0, 9.0]));
    }

    #[test]
    fn what_is_no_polygon_has_no_box() {
        for json in ["[]", "[[]]", "null", r#"{"counts":[1,2,[3]],"size":[4,5]}"#, r#"{"counts":"a\\b"}"#] {
            assert_eq!(edges(json), None, "{json}");
        }
    }

    #[test]
    fn half_a_point_is_refused() {
        assert!(serde_json::from_str::<OutlineBox>("[[1,2,3]]").is_err());
        assert!(serde_json::from_str::<OutlineBox>(r#"[["a","b"]]"#).is_err());
    }
}
