//! A box, alone, with its class, and with a network's confidence.

use super::fault::BoxFault;

/// Four sides of a rectangle in pixels, not checked yet; see [`BoxPx::new`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edges {
    /// Where the first column begins.
    pub left: f32,
    /// Where the first row begins.
    pub top: f32,
    /// Where the last column ends.
    pub right: f32,
    /// Where the last row ends.
    pub bottom: f32,
}

/// A rectangle in pixels: finite, and never of negative size. It may be empty, and it may lie outside of its image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxPx(Edges);

/// A box with what is in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledBox {
    /// From 1; 0 is background. See [`super::ClassNames`].
    pub class: u8,
    /// Where.
    pub bbox: BoxPx,
}

/// A box that a network found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// From 1; 0 is background.
    pub class: u8,
    /// Where.
    pub bbox: BoxPx,
    /// Confidence, 0..=1.
    pub score: f32,
}

impl BoxPx {
    /// # Errors
    /// [`BoxFault::NotABox`] if an edge is not finite, right is before left, or bottom above top.
    pub fn new(edges: Edges) -> Result<Self, BoxFault> {
        let Edges { left, top, right, bottom } = edges;
        let finite = [left, top, right, bottom].iter().all(|edge| edge.is_finite());
        match finite && left <= right && top <= bottom {
            true => Ok(Self(edges)),
            false => Err(BoxFault::NotABox),
        }
    }

    /// Its four sides.
    pub fn edges(&self) -> Edges {
        self.0
    }

    /// Pixels from left to right.
    pub fn width(&self) -> f32 {
        self.0.right - self.0.left
    }

    /// Pixels from top to bottom.
    pub fn height(&self) -> f32 {
        self.0.bottom - self.0.top
    }

    /// Square pixels.
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// The part inside a picture of `width` by `height` pixels; `None` if there is none or it has no area.
    pub fn clipped(&self, width: f32, height: f32) -> Option<Self> {
        let Edges { left, top, right, bottom } = self.0;
        let within = Edges {
            left: left.clamp(0.0, width),
            top: top.clamp(0.0, height),
            right: right.clamp(0.0, width),
            bottom: bottom.clamp(0.0, height),
        };
        let part = Self(within);
        (part.width() > 0.0 && part.height() > 0.0).then_some(part)
    }

    /// Every edge by a rule for its axis; `None` where a rule turns an axis round or leaves the numbers.
    pub(crate) fn map(&self, across: impl Fn(f32) -> f32, down: impl Fn(f32) -> f32) -> Option<Self> {
        let Edges { left, top, right, bottom } = self.0;
        Self::new(Edges { left: across(left), top: down(top), right: across(right), bottom: down(bottom) }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bbox(left: f32, top: f32, right: f32, bottom: f32) -> Result<BoxPx, BoxFault> {
        BoxPx::new(Edges { left, top, right, bottom })
    }

    #[test]
    fn size_is_right_minus_left() {
        let bbox = bbox(1.0, 2.0, 4.0, 7.5).expect("good");
        assert_eq!((bbox.width(), bbox.height(), bbox.area()), (3.0, 5.5, 16.5));
    }

    #[test]
    fn negative_size_and_what_is_no_number_are_refused_and_empty_is_not() {
        assert!(bbox(3.0, 3.0, 3.0, 3.0).is_ok());
        for (left, top, right, bottom) in [
            (2.0, 0.0, 1.0, 1.0),
            (0.0, 2.0, 1.0, 1.0),
            (f32::NAN, 0.0, 1.0, 1.0),
            (0.0, 0.0, f32::INFINITY, 1.0),
            (0.0, f32::NEG_INFINITY, 1.0, 1.0),
        ] {
            assert_eq!(bbox(left, top, right, bottom), Err(BoxFault::NotABox));
        }
    }

    #[test]
    fn clipping_keeps_what_is_inside_and_nothing_of_what_is_not() {
        let clip = |left, top, right, bottom| bbox(left, top, right, bottom).expect("good").clipped(10.0, 8.0);
        assert_eq!(clip(-2.0, 1.0, 12.0, 9.0), bbox(0.0, 1.0, 10.0, 8.0).ok());
        assert_eq!(clip(2.0, 1.0, 3.0, 2.0), bbox(2.0, 1.0, 3.0, 2.0).ok());
        for outside in [clip(10.0, 1.0, 12.0, 2.0), clip(-5.0, 1.0, 0.0, 2.0), clip(1.0, 1.0, 1.0, 5.0)] {
            assert_eq!(outside, None);
        }
    }
}
