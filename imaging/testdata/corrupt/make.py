"""Makes `expected.json`: one small image, and what other people's code makes of it.

Made with Python 3.11, numpy 2.4.6, scipy 1.17.1, Pillow 13.0.0 and scikit-image 0.26.0: `python make.py`. No part of
the build or of the tests.
"""

import io
import json
from pathlib import Path

import numpy
from PIL import Image, ImageEnhance
from scipy import ndimage
from skimage import exposure, filters

HEIGHT, WIDTH = 22, 30


def image():
    """A disk on a slope with grain, in 0..=1 and reaching both ends."""
    y, x = numpy.mgrid[:HEIGHT, :WIDTH]
    made = 0.02 * x + 0.4 * ((y - 10) ** 2 + (x - 17) ** 2 < 36)
    made = made + numpy.random.default_rng(3).uniform(0, 0.1, made.shape)
    made = (made - made.min()) / (made.max() - made.min())
    # As the file has it: near 0 a gamma of 0.4 would show what rounding takes away.
    return made.round(6).astype("f4")


def pillow(made):
    return Image.fromarray(made, mode="F")


def pixelate(made, share):
    small = pillow(made).resize((int(WIDTH * share), int(HEIGHT * share)), Image.BOX)
    return numpy.asarray(small.resize((WIDTH, HEIGHT), Image.BOX))


def in_8_bits(made):
    return Image.fromarray(numpy.round(made * 255).astype("u1"))


def jpeg(made, quality):
    file = io.BytesIO()
    in_8_bits(made).save(file, "JPEG", quality=quality)
    return numpy.asarray(Image.open(file), dtype="f4") / 255


def disk(radius):
    reach = int(numpy.ceil(radius + 0.5))
    y, x = numpy.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = numpy.clip(radius + 0.5 - numpy.hypot(y, x), 0, 1)
    return kernel / kernel.sum()


def ghosting(made, ghosts, share):
    """Along x, in k-space. WIDTH is a multiple of `ghosts`, so that no copy falls between two pixels."""
    spectrum = numpy.fft.fft(made, axis=1)
    spectrum[:, ghosts::ghosts] *= 1 - share
    return numpy.fft.ifft(spectrum, axis=1).real


def main():
    made = image()
    expected = {"height": HEIGHT, "width": WIDTH, "image": made}
    for share in (0.6, 0.5, 0.4, 0.3, 0.25):
        expected[f"pixelate {share}"] = pixelate(made, share)
    for quality in (50, 30, 15, 10, 7):
        expected[f"jpeg {quality}"] = jpeg(made, quality)
    for factor in (0.5, 1.3):
        # Pillow enhances 8 bits.
        expected[f"brightness {factor}"] = numpy.asarray(ImageEnhance.Brightness(in_8_bits(made)).enhance(factor)) / 255
        expected[f"contrast {factor}"] = numpy.asarray(ImageEnhance.Contrast(in_8_bits(made)).enhance(factor)) / 255
    for gamma in (0.4, 1.6):
        expected[f"gamma {gamma}"] = exposure.adjust_gamma(made, gamma)
    for sigma in (0.3, 1.0, 2.5):
        expected[f"gaussian {sigma}"] = filters.gaussian(made, sigma, mode="nearest", truncate=4.0)
    for radius in (0.7, 2.0, 3.6):
        expected[f"defocus {radius}"] = ndimage.convolve(made.astype("f8"), disk(radius), mode="nearest")
    for ghosts, share in ((5, 0.4), (10, 1.0)):
        expected[f"ghosting {ghosts} {share}"] = ghosting(made, ghosts, share)
    lists = {
        key: [round(float(number), 6) for number in numpy.ravel(value)] if isinstance(value, numpy.ndarray) else value
        for key, value in expected.items()
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in lists.items()]
    (Path(__file__).parent / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
