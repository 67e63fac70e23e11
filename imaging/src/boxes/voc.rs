//! Pascal VOC's XML, one file an image (Everingham et al., "The Pascal Visual Object Classes Challenge", IJCV 2010).
//!
//! Corners are pixels counted from 1, and both belong to the box; here they become edges from 0. Where both corners
//! have one number the definition has a line of one pixel, but what it means in practice is a click without a drag, so
//! such a box counts as empty. `difficult` objects are kept to be ignored, as VOC's own measure does. Parts of objects,
//! and all else, are passed over; so is `filename`, which tools forget to change when a file is renamed.

use super::bbox::LabelledBox;
use super::boxes_of_image::{Counts, Object, Objects, RawEdges};
use super::classes::{ClassNames, Known};
use super::fault::BoxFault;
use super::image_boxes::ImageBoxes;
use crate::error::{Fault, ImagingError, Place, Size};
use quick_xml::escape::{escape, unescape};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use std::fmt::Write as _;

/// The objects that `text` has, which lies at `path` in the site's folder.
///
/// # Errors
/// Text that is not XML, an object without name or corners, one whose name is nearly a class, too many of them.
pub(crate) fn read_voc(text: &[u8], path: &str, classes: &ClassNames) -> Result<Objects, ImagingError> {
    let at = |fault: BoxFault| ImagingError::new(Place::Annotations(path.into()), fault.into());
    let text = std::str::from_utf8(text).map_err(|_| at(BoxFault::Xml))?;
    let parsed = Parsed::read(&mut Elements::of(text)).map_err(at)?;
    let mut objects = Objects { size: parsed.size, ..Objects::default() };
    for ParsedObject { name, edges, counts } in parsed.objects {
        match classes.find(&name) {
            Known::As(class) => objects.push(Object { class, edges, counts }).map_err(at)?,
            Known::Nearly(class) => return Err(classes.nearly(&name, class)),
            Known::Not => *objects.foreign.entry(name).or_default() += 1,
        }
    }
    Ok(objects)
}

/// `image` as VOC's XML.
///
/// # Errors
/// [`BoxFault::TooThin`] for a box that is at most one pixel wide or high, which reads as empty.
pub(crate) fn write_voc(image: &ImageBoxes, names: &ClassNames) -> Result<String, Fault> {
    let (file, Size { width, height }) = (escape(image.file.as_str()), image.size);
    let mut text = format!(
        "<annotation>\n\t<filename>{file}</filename>\n\t<size>\n\t\t<width>{width}</width>\n\t\t<height>{height}</height>\n\t</size>\n"
    );
    for (objects, difficult) in [(&image.boxes, 0), (&image.ignored, 1)] {
        for labelled in objects {
            let name = escape(names.name(labelled.class).unwrap_or_default());
            let corners = written_corners(labelled)?;
            write!(
                text,
                "\t<object>\n\t\t<name>{name}</name>\n\t\t<difficult>{difficult}</difficult>\n{corners}\t</object>\n"
            )
            .expect("text grows");
        }
    }
    text.push_str("</annotation>\n");
    Ok(text)
}

fn written_corners(labelled: &LabelledBox) -> Result<String, BoxFault> {
    let RawEdges { left, top, right, bottom } = RawEdges::of(&labelled.bbox);
    let corners = [("xmin", left + 1.0), ("ymin", top + 1.0), ("xmax", right), ("ymax", bottom)];
    if corners[2].1 <= corners[0].1 || corners[3].1 <= corners[1].1 {
        return Err(BoxFault::TooThin);
    }
    let lines: String = corners.iter().map(|(name, value)| format!("\t\t\t<{name}>{value}</{name}>\n")).collect();
    Ok(format!("\t\t<bndbox>\n{lines}\t\t</bndbox>\n"))
}

/// What matters of such a file.
struct Parsed {
    size: Option<Size>,
    objects: Vec<ParsedObject>,
}

struct ParsedObject {
    name: String,
    edges: RawEdges,
    counts: Counts,
}

impl Parsed {
    fn read(elements: &mut Elements<'_>) -> Result<Self, BoxFault> {
        let mut parsed = Self { size: None, objects: Vec::new() };
        elements.root("annotation")?;
        elements.children(|elements, element| match element.name().as_ref() {
            "size" => elements.size().map(|size| parsed.size = size),
            "object" => elements.object().map(|object| parsed.objects.push(object)),
            _ => elements.skip(element),
        })?;
        Ok(parsed)
    }
}

/// The elements of a document in their order.
struct Elements<'a>(Reader<&'a [u8]>);

impl<'a> Elements<'a> {
    fn of(text: &'a str) -> Self {
        Self(Reader::from_str(text.trim_start_matches('\u{feff}')))
    }

    /// Opens the outermost element, which must have this name.
    fn root(&mut self, name: &str) -> Result<(), BoxFault> {
        loop {
            match self.0.read_event().map_err(|_| BoxFault::Xml)? {
                Event::Start(element) if element.name().as_ref() == name => return Ok(()),
                Event::Start(_) | Event::Empty(_) | Event::Eof => return Err(BoxFault::Xml),
                _ => {}
            }
        }
    }

    /// Gives each child of the element that was opened last to `visit`, which reads it to its end.
    fn children(
        &mut self,
        mut visit: impl FnMut(&mut Self, &BytesStart<'a>) -> Result<(), BoxFault>,
    ) -> Result<(), BoxFault> {
        loop {
            match self.0.read_event().map_err(|_| BoxFault::Xml)? {
                Event::Start(element) => visit(self, &element)?,
                Event::End(_) => return Ok(()),
                Event::Eof => return Err(BoxFault::Xml),
                _ => {}
            }
        }
    }

    fn skip(&mut self, element: &BytesStart<'_>) -> Result<(), BoxFault> {
        self.0.read_to_end(element.name()).map(drop).map_err(|_| BoxFault::Xml)
    }

    fn text(&mut self, element: &BytesStart<'_>) -> Result<String, BoxFault> {
        let raw = self.0.read_text(element.name()).map_err(|_| BoxFault::Xml)?;
        unescape(&raw).map(|text| text.trim().to_owned()).map_err(|_| BoxFault::Xml)
    }

    fn number(&mut self, element: &BytesStart<'_>) -> Result<f64, BoxFault> {
        self.text(element)?.parse().map_err(|_| BoxFault::Xml)
    }

    /// None for 0 x 0, which some tools write when they do not know.
    fn size(&mut self) -> Result<Option<Size>, BoxFault> {
        let mut size = Size { width: 0, height: 0 };
        self.children(|elements, element| {
            match element.name().as_ref() {
                "width" => size.width = elements.number(element)? as u32,
                "height" => size.height = elements.number(element)? as u32,
                _ => elements.skip(element)?,
            }
            Ok(())
        })?;
        Ok((size.width > 0 && size.height > 0).then_some(size))
    }

    fn object(&mut self) -> Result<ParsedObject, BoxFault> {
        let (mut name, mut edges, mut counts) = (None, None, Counts::Fully);
        self.children(|elements, element| {
            match element.name().as_ref() {
                "name" => name = Some(elements.text(element)?),
                "bndbox" => edges = Some(elements.corners()?),
                "difficult" if elements.text(element)? == "1" => counts = Counts::NeitherWay,
                "difficult" => {}
                _ => elements.skip(element)?,
            }
            Ok(())
        })?;
        let name = name.filter(|name| !name.is_empty()).ok_or(BoxFault::NoName)?;
        Ok(ParsedObject { name, edges: edges.ok_or(BoxFault::NoPlace)?, counts })
    }

    fn corners(&mut self) -> Result<RawEdges, BoxFault> {
        let mut corners = [None; 4];
        self.children(|elements, element| {
            let name = element.name();
            match CORNERS.iter().position(|corner| *corner == name.as_ref()) {
                Some(corner) => corners[corner] = Some(elements.number(element)?),
                None => elements.skip(element)?,
            }
            Ok(())
        })?;
        let [Some(left), Some(top), Some(right), Some(bottom)] = corners else { return Err(BoxFault::NoPlace) };
        Ok(from_corners([left, top, right, bottom]))
    }
}

/// Edges of corners counted from 1; empty where a corner is not beyond its partner.
fn from_corners([left, top, right, bottom]: [f64; 4]) -> RawEdges {
    let begin = |low: f64, high: f64| if low < high { low - 1.0 } else { high };
    RawEdges { left: begin(left, right), top: begin(top, bottom), right, bottom }
}

const CORNERS: [&str; 4] = ["xmin", "ymin", "xmax", "ymax"];
pub(crate) const VOC_FOLDER: &str = "annotations-voc";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::samples::{blood, damaged, image_boxes, labelled};
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Objects, ImagingError> {
        read_voc(text.as_bytes(), "annotations-voc/a.xml", &blood())
    }

    fn object(name: &str, corners: [&str; 4]) -> String {
        let [xmin, ymin, xmax, ymax] = corners;
        format!(
            "<object><name>{name}</name><pose/><part><name>head</name><bndbox><xmin>1</xmin></bndbox></part><bndbox>\
             <xmax>{xmax}</xmax><xmin>{xmin}</xmin><ymin>{ymin}</ymin><ymax>{ymax}</ymax></bndbox></object>"
        )
    }

    fn only(corners: [&str; 4]) -> RawEdges {
        let objects = read(&format!("<annotation>{}</annotation>", object("RBC", corners))).expect("good");
        assert_eq!(objects.objects.len(), 1);
        objects.objects[0].edges
    }

    #[test]
    fn corners_count_from_one_and_belong_to_the_box() {
        let edges = RawEdges { left: 0.0, top: 4.0, right: 10.0, bottom: 6.5 };
        assert_eq!(only(["1", " 5 ", "10", "6.5"]), edges);
    }

    #[test]
    fn boxes_without_size_are_dropped_and_those_outside_clipped() {
        let image = Size { width: 64, height: 48 };
        let text = [
            object("RBC", ["5", "5", "5", "9"]),
            object("RBC", ["9", "5", "5", "9"]),
            object("RBC", ["0", "0", "0", "0"]),
            object("RBC", ["nan", "1", "5", "9"]),
            object("RBC", ["0", "40", "10", "60"]),
            object("RBC", ["1", "1", "64", "48"]),
        ];
        let objects = read(&format!("<annotation>{}</annotation>", text.concat())).expect("good");
        let placed = objects.place(image, &blood().all()).expect("no size is given");
        assert_eq!((placed.dropped, placed.clipped), (4, 1));
        assert_eq!(placed.boxes, [labelled(1, [0.0, 39.0, 10.0, 48.0]), labelled(1, [0.0, 0.0, 64.0, 48.0])]);
    }

    #[test]
    fn other_classes_are_counted_and_slips_are_refused() {
        let dust = object("dust &amp; &#x64;irt", ["1", "1", "5", "5"]);
        let objects = read(&format!("<annotation>{dust}{dust}</annotation>")).expect("good");
        assert_eq!(objects.foreign.get("dust & dirt"), Some(&2));
        let error = read(&format!("<annotation>{}</annotation>", object("Wbc", ["1", "1", "5", "5"])));
        let error = error.expect_err("nearly a class");
        assert_eq!(error.place(), &Place::Category("Wbc".into()));
    }

    #[test]
    fn a_size_of_nothing_is_no_size_and_difficult_is_ignored() {
        let objects = read(
            "\u{feff}<?xml version='1.0'?><annotation><size><width>0</width><height>0</height></size></annotation>",
        );
        assert_eq!(objects, Ok(Objects::default()));
        let size = read("<annotation><size><width>7</width><height>9</height><depth>3</depth></size></annotation>");
        assert_eq!(size.expect("good").size, Some(Size { width: 7, height: 9 }));
        let hard = object("RBC", ["1", "1", "5", "5"]).replace("<pose/>", "<difficult>1</difficult>");
        let objects = read(&format!("<annotation>{hard}</annotation>")).expect("good");
        assert_eq!(objects.objects[0].counts, Counts::NeitherWay);
    }

    #[test]
    fn what_is_no_voc_is_refused_with_its_file() {
        let open = "<annotation><object><name>RBC</name>";
        let nameless = object("", ["1", "1", "5", "5"]);
        for (text, fault) in [
            (String::new(), BoxFault::Xml),
            ("<html></html>".to_owned(), BoxFault::Xml),
            ("<annotation></other>".to_owned(), BoxFault::Xml),
            (open.to_owned(), BoxFault::Xml),
            (format!("{open}</object></annotation>"), BoxFault::NoPlace),
            (format!("{open}<bndbox><xmin>1</xmin></bndbox></object></annotation>"), BoxFault::NoPlace),
            (format!("<annotation>{nameless}</annotation>"), BoxFault::NoName),
            (format!("<annotation>{}</annotation>", object("RBC", ["a", "1", "5", "5"])), BoxFault::Xml),
            (format!("<annotation>{}</annotation>", object("&bomb;", ["1", "1", "5", "5"])), BoxFault::Xml),
        ] {
            let error = read(&text).expect_err("refused");
            assert_eq!(error.fault(), &Fault::Boxes(fault), "{text}");
            assert_eq!(error.place(), &Place::Annotations("annotations-voc/a.xml".into()));
        }
        assert!(read_voc(b"\xff\xfe", "a", &blood()).is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        for image in image_boxes() {
            let text = write_voc(&image, &blood()).expect("no box is thin");
            let placed = read(&text).map(|objects| objects.place(image.size, &blood().all())).expect("our own");
            let placed = placed.expect("the same size");
            assert_eq!((placed.boxes, placed.ignored), (image.boxes, image.ignored));
            assert_eq!((placed.clipped, placed.dropped), (0, 0));
        }
    }

    #[test]
    fn a_thin_box_is_not_written() {
        let mut image = image_boxes().remove(0);
        image.boxes = vec![labelled(1, [4.0, 4.0, 5.0, 9.0])];
        assert_eq!(write_voc(&image, &blood()), Err(BoxFault::TooThin.into()));
    }

    proptest! {
        #[test]
        fn damaged_text_is_read_or_refused(place: prop::sample::Index, byte: u8, length: prop::sample::Index) {
            let text = write_voc(&image_boxes()[0], &blood()).expect("no box is thin");
            let _ = read_voc(&damaged(&text, place, byte, length), "a.xml", &blood());
        }
    }
}
