//! The images that were looked at, site after site, and which classes each site labels.
//!
//! A laboratory that does not label a class says nothing about it: a model that finds it there is neither right nor wrong. Such
//! classes are left out at that site, with the site's images, rather than counted as false alarms.

use super::{ClassId, ImageId};
use std::collections::BTreeSet;
use std::ops::Range;

/// The classes a site labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labelled {
    /// Every class there is.
    Every,
    /// These, and no other.
    Only(BTreeSet<ClassId>),
}

/// The images that were looked at, numbered from 0 over all sites, also those without truth or detection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Images {
    sites: Vec<SiteImages>,
    images: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SiteImages {
    images: Range<u32>,
    labelled: Labelled,
}

/// More images than can be numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{asked} more images do not fit beside {held}: at most {} can be evaluated together; evaluate in parts",
    u32::MAX
)]
pub struct TooManyImages {
    asked: u32,
    held: u32,
}

impl Labelled {
    /// Whether the site says where `class` is.
    pub fn says(&self, class: ClassId) -> bool {
        match self {
            Self::Every => true,
            Self::Only(classes) => classes.contains(&class),
        }
    }
}

impl Images {
    /// `images` images of one site that labels everything.
    pub fn of_one_site(images: u32) -> Self {
        Self { sites: vec![SiteImages { images: 0..images, labelled: Labelled::Every }], images }
    }

    /// Adds a site; returns the numbers of its images.
    ///
    /// # Errors
    /// [`TooManyImages`] where the numbers run out.
    pub fn add_site(&mut self, images: u32, labelled: Labelled) -> Result<Range<u32>, TooManyImages> {
        let end = self.images.checked_add(images).ok_or(TooManyImages { asked: images, held: self.images })?;
        let added = self.images..end;
        self.sites.push(SiteImages { images: added.clone(), labelled });
        self.images = end;
        Ok(added)
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        self.images
    }

    /// How many of them are of sites that label `class`.
    pub fn labelling(&self, class: ClassId) -> u32 {
        let saying = self.sites.iter().filter(|site| site.labelled.says(class));
        saying.map(|site| site.images.end - site.images.start).sum()
    }

    /// Whether the site of `image` labels `class`; `None` for an image that is not there.
    pub fn labels(&self, image: ImageId, class: ClassId) -> Option<bool> {
        let place = self.sites.partition_point(|site| site.images.end <= image.0);
        self.sites.get(place).map(|site| site.labelled.says(class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_laboratories() -> Images {
        let mut images = Images::default();
        images.add_site(3, Labelled::Every).expect("few");
        images.add_site(0, Labelled::Every).expect("few");
        images.add_site(2, Labelled::Only([ClassId(1)].into())).expect("few");
        images
    }

    #[test]
    fn images_are_numbered_over_sites() {
        let images = two_laboratories();
        assert_eq!(images.count(), 5);
        assert_eq!(images.clone().add_site(4, Labelled::Every).expect("few"), 5..9);
        assert_eq!(images.labels(ImageId(2), ClassId(2)), Some(true));
        assert_eq!(images.labels(ImageId(3), ClassId(2)), Some(false));
        assert_eq!(images.labels(ImageId(4), ClassId(1)), Some(true));
        assert_eq!(images.labels(ImageId(5), ClassId(1)), None, "not looked at");
    }

    #[test]
    fn only_sites_that_label_a_class_count_their_images() {
        let images = two_laboratories();
        assert_eq!((images.labelling(ClassId(1)), images.labelling(ClassId(2))), (5, 3));
    }

    #[test]
    fn numbers_that_run_out_are_refused() {
        let mut images = Images::of_one_site(u32::MAX);
        let error = images.add_site(1, Labelled::Every).expect_err("full");
        assert!(error.to_string().contains("evaluate in parts"), "{error}");
        assert_eq!(images.count(), u32::MAX);
    }
}
