//! One image file, decoded within limits: PNG or JPEG, 8 or 16 bit, grey or colour.

use crate::error::{DECODED_BYTES_MAX, Fault, SIDE_PX_MAX, Size};
use crate::report::IntensityRange;
use image::{DynamicImage, ImageError, ImageFormat, ImageReader, Limits};
use ndarray::{Array2, Array3};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// Share of red, green and blue in luminance (ITU-R BT.709).
const LUMINANCE: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// A decoded file, samples as stored.
pub(crate) struct Scan {
    image: DynamicImage,
    format: ImageFormat,
}

impl Scan {
    /// Decodes the file at `path`, whatever its name ends in.
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let file = File::open(path).map_err(|error| from_io(&error))?;
        if !file.metadata().is_ok_and(|meta| meta.is_file()) {
            return Err(Fault::Format);
        }
        let mut reader =
            ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|error| from_io(&error))?;
        // Other crates of the workspace may have switched on more decoders; only these two are meant to meet files.
        let format = match reader.format() {
            Some(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => format,
            _ => return Err(Fault::Format),
        };
        reader.limits(limits());
        let image = reader.decode().map_err(|error| from_image(&error))?;
        Ok(Self { image, format })
    }

    pub(crate) fn size(&self) -> Size {
        Size { width: self.image.width(), height: self.image.height() }
    }

    /// 1 for grey, 3 for colour; alpha does not count.
    pub(crate) fn channels(&self) -> u32 {
        if self.image.color().has_color() { 3 } else { 1 }
    }

    /// Bits of a sample.
    pub(crate) fn bits(&self) -> u32 {
        8 * u32::from(self.image.color().bytes_per_pixel() / self.image.color().channel_count())
    }

    /// Intensities in 0..=1 as `[channels, height, width]`, alpha dropped: colour becomes luminance where one
    /// channel is wanted, grey is repeated where more are.
    pub(crate) fn pixels(&self, channels: u32) -> Array3<f32> {
        let samples = self.samples();
        let Size { width, height } = self.size();
        let step = usize::from(self.image.color().channel_count());
        let largest = if self.bits() == 16 { f32::from(u16::MAX) } else { f32::from(u8::MAX) };
        let stored = self.channels() as usize;
        let value = |pixel: &[u16], channel: usize| match (channels, stored) {
            (1, 3) => (0..3).map(|colour| LUMINANCE[colour] * f32::from(pixel[colour])).sum::<f32>() / largest,
            _ => f32::from(pixel[channel % stored]) / largest,
        };
        let shape = (channels as usize, height as usize, width as usize);
        Array3::from_shape_fn(shape, |(channel, y, x)| {
            let start = (y * width as usize + x) * step;
            value(&samples[start..start + step], channel)
        })
    }

    /// The values of a mask as stored. Colours are refused: they say nothing about classes.
    pub(crate) fn mask(&self) -> Result<Array2<u16>, Fault> {
        if self.format != ImageFormat::Png {
            return Err(Fault::LossyMask);
        }
        let samples = self.samples();
        let step = usize::from(self.image.color().channel_count());
        if self.channels() == 3 && samples.chunks_exact(step).any(|pixel| pixel[0] != pixel[1] || pixel[1] != pixel[2])
        {
            return Err(Fault::ColouredMask);
        }
        let values = samples.chunks_exact(step).map(|pixel| pixel[0]).collect();
        let Size { width, height } = self.size();
        Ok(Array2::from_shape_vec((height as usize, width as usize), values).expect("one value for each pixel"))
    }

    /// Smallest and largest intensity in 0..=1, alpha left out.
    pub(crate) fn range(&self) -> IntensityRange {
        let pixels = self.pixels(self.channels());
        let fold = |start: f32, choose: fn(f32, f32) -> f32| pixels.iter().copied().fold(start, choose);
        IntensityRange { lowest: fold(1.0, f32::min), highest: fold(0.0, f32::max) }
    }

    /// All samples, pixel by pixel. PNG and JPEG decode to 8 or 16 bits and to nothing else.
    fn samples(&self) -> Cow<'_, [u16]> {
        match &self.image {
            DynamicImage::ImageLuma16(image) => Cow::Borrowed(image.as_raw()),
            DynamicImage::ImageLumaA16(image) => Cow::Borrowed(image.as_raw()),
            DynamicImage::ImageRgb16(image) => Cow::Borrowed(image.as_raw()),
            DynamicImage::ImageRgba16(image) => Cow::Borrowed(image.as_raw()),
            shallow => Cow::Owned(shallow.as_bytes().iter().map(|byte| u16::from(*byte)).collect()),
        }
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PX_MAX);
    limits.max_image_height = Some(SIDE_PX_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    limits
}

fn from_io(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::NotFound => Fault::Missing,
        io::ErrorKind::UnexpectedEof => Fault::Damaged,
        kind => Fault::Io(kind),
    }
}

fn from_image(error: &ImageError) -> Fault {
    match error {
        ImageError::Limits(_) => Fault::TooLarge,
        ImageError::Unsupported(_) => Fault::Format,
        ImageError::IoError(error) => from_io(error),
        _ => Fault::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Luma, LumaA, Rgb, Rgba};

    /// Writes `image` as `name` and reads it back.
    fn back(image: impl Into<DynamicImage>, name: &str) -> Scan {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join(name);
        image.into().save(&path).expect("written");
        Scan::read(&path).expect("a good image")
    }

    fn read_bytes(bytes: &[u8]) -> Result<Scan, Fault> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("scan.png");
        std::fs::write(&path, bytes).expect("written");
        Scan::read(&path)
    }

    #[test]
    fn grey_of_8_and_16_bit_is_scaled_by_its_depth() {
        let scan = back(ImageBuffer::from_fn(3, 2, |x, _| Luma([x as u8 * 51])), "a.png");
        assert_eq!((scan.bits(), scan.channels(), scan.size()), (8, 1, Size { width: 3, height: 2 }));
        assert_eq!(scan.pixels(1)[[0, 1, 2]], 0.4);
        let scan = back(ImageBuffer::from_fn(3, 2, |x, y| Luma([x as u16 * 13_107 + y as u16])), "a.png");
        assert_eq!((scan.bits(), scan.channels()), (16, 1));
        assert_eq!(scan.pixels(1)[[0, 0, 2]], 0.4);
        assert_eq!(scan.pixels(3).dim(), (3, 2, 3));
        assert_eq!(scan.mask().expect("grey")[[1, 2]], 26_215);
    }

    #[test]
    fn alpha_is_dropped_in_every_depth() {
        let grey = back(ImageBuffer::from_fn(2, 2, |_, _| LumaA([51u8, 7])), "a.png");
        assert_eq!((grey.channels(), grey.pixels(1)[[0, 1, 1]]), (1, 0.2));
        let deep = back(ImageBuffer::from_fn(2, 2, |_, _| LumaA([13_107u16, 7])), "a.png");
        assert_eq!((deep.bits(), deep.pixels(1)[[0, 1, 1]]), (16, 0.2));
        let colour = back(ImageBuffer::from_fn(2, 2, |_, _| Rgba([255u8, 0, 51, 7])), "a.png");
        assert_eq!(colour.pixels(3).as_slice().map(|p| [p[0], p[4], p[8]]), Some([1.0, 0.0, 0.2]));
        let deep = back(ImageBuffer::from_fn(2, 2, |_, _| Rgba([65_535u16, 0, 13_107, 7])), "a.png");
        assert_eq!(deep.pixels(3), colour.pixels(3));
    }

    #[test]
    fn colour_becomes_luminance_where_one_channel_is_wanted() {
        let scan = back(ImageBuffer::from_fn(2, 2, |_, _| Rgb([255u8, 0, 0])), "a.png");
        assert!((scan.pixels(1)[[0, 0, 0]] - LUMINANCE[0]).abs() < 1e-6);
        let white = back(ImageBuffer::from_fn(2, 2, |_, _| Rgb([255u8, 255, 255])), "a.png");
        assert!((white.pixels(1)[[0, 0, 0]] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn jpeg_is_read_as_image_but_not_as_mask() {
        let scan = back(ImageBuffer::from_fn(16, 16, |_, _| Luma([102u8])), "a.jpg");
        assert!((scan.pixels(1)[[0, 8, 8]] - 0.4).abs() < 0.02);
        assert_eq!(scan.mask(), Err(Fault::LossyMask));
        let colour = back(ImageBuffer::from_fn(16, 16, |_, _| Rgb([200u8, 30, 30])), "a.jpg");
        assert_eq!(colour.channels(), 3);
    }

    #[test]
    fn coloured_masks_are_refused_and_grey_rgb_is_taken() {
        let red = back(ImageBuffer::from_fn(2, 2, |_, _| Rgb([255u8, 0, 0])), "a.png");
        assert_eq!(red.mask(), Err(Fault::ColouredMask));
        let grey = back(ImageBuffer::from_fn(2, 2, |_, _| Rgba([255u8, 255, 255, 0])), "a.png");
        assert_eq!(grey.mask().map(|mask| mask[[0, 0]]), Ok(255));
    }

    /// Written by hand after the PNG specification, since the encoder has neither.
    #[test]
    fn one_bit_and_palette_png_are_expanded() {
        let scan = read_bytes(&png(8, 1, 0, None, &[0, 0b1010_1010])).expect("good");
        assert_eq!(scan.mask().map(|mask| mask.into_raw_vec_and_offset().0), Ok(vec![255, 0, 255, 0, 255, 0, 255, 0]));
        let scan = read_bytes(&png(8, 1, 3, Some(&[0, 0, 0, 90, 90, 90]), &[0, 0b1000_0000])).expect("good");
        assert_eq!(scan.mask().map(|mask| mask[[0, 0]]), Ok(90));
    }

    #[test]
    fn damaged_foreign_and_missing_files_are_told_apart() {
        let mut bytes = Vec::new();
        let image = DynamicImage::from(ImageBuffer::from_fn(64, 64, |x, y| Luma([(x * y) as u8])));
        image.write_to(&mut io::Cursor::new(&mut bytes), ImageFormat::Png).expect("written");
        for length in [20, 60, bytes.len() / 2, bytes.len() - 30] {
            assert_eq!(read_bytes(&bytes[..length]).err(), Some(Fault::Damaged), "{length} of {}", bytes.len());
        }
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        assert_eq!(read_bytes(&bytes).err(), Some(Fault::Damaged));
        assert_eq!(read_bytes(b"hello, this is text").err(), Some(Fault::Format));
        assert_eq!(read_bytes(b"").err(), Some(Fault::Format));
        assert_eq!(Scan::read(Path::new("/nowhere/at/all.png")).err(), Some(Fault::Missing));
        assert_eq!(Scan::read(&std::env::temp_dir()).err(), Some(Fault::Format));
    }

    #[test]
    fn a_header_that_promises_a_giant_is_refused_unread() {
        assert_eq!(read_bytes(&png(SIDE_PX_MAX + 1, 8, 0, None, &[0])).err(), Some(Fault::TooLarge));
        assert_eq!(read_bytes(&png(SIDE_PX_MAX, SIDE_PX_MAX, 6, None, &[0])).err(), Some(Fault::TooLarge));
    }

    /// A PNG of the given colour type: 8 bit for RGBA (6), else 1 bit, its data deflated without compression.
    fn png(width: u32, height: u32, colour: u8, palette: Option<&[u8]>, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut chunk = |kind: &[u8; 4], body: &[u8]| {
            bytes.extend((body.len() as u32).to_be_bytes());
            bytes.extend(kind);
            bytes.extend(body);
            bytes.extend(crc32(&[kind.as_slice(), body].concat()).to_be_bytes());
        };
        let depth = if colour == 6 { 8 } else { 1 };
        chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, 0]].concat());
        if let Some(palette) = palette {
            chunk(b"PLTE", palette);
        }
        let length = data.len() as u16;
        let stored =
            [&[0x78, 1, 1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), data, &adler32(data)].concat();
        chunk(b"IDAT", &stored);
        chunk(b"IEND", &[]);
        bytes
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 })
        })
    }

    fn adler32(bytes: &[u8]) -> [u8; 4] {
        let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
            let a = (a + u32::from(*byte)) % 65_521;
            (a, (b + a) % 65_521)
        });
        (b << 16 | a).to_be_bytes()
    }
}
