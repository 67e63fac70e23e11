"""Makes the volumes beside this file and `expected.json`: what nibabel reads in them, turned to RAS+.

Made with Python 3.11, numpy 2.4.6 and nibabel 5.4.2: `python make.py`. No part of the build or of the tests.
"""

import json
from pathlib import Path

import nibabel
import numpy

HERE = Path(__file__).parent
RANDOM = numpy.random.default_rng(5)
SHAPE = (3, 4, 5)  # i, j, k


def affine(order, signs, spacing, origin, tilt=0.0):
    """File axis `order[w]` runs along the patient's axis w, turned by `tilt` radians about z."""
    matrix = numpy.zeros((4, 4))
    for world, axis in enumerate(order):
        matrix[world, axis] = signs[world] * spacing[axis]
    cosine, sine = numpy.cos(tilt), numpy.sin(tilt)
    turn = numpy.eye(4)
    turn[:2, :2] = [[cosine, -sine], [sine, cosine]]
    matrix = turn @ matrix
    matrix[:3, 3] = origin
    matrix[3, 3] = 1
    return matrix


def header(dtype, endianness, forms, matrix, slope=None, unit="mm"):
    made = nibabel.Nifti1Header(endianness=endianness)
    made.set_data_dtype(numpy.dtype(dtype).newbyteorder(endianness))
    made.set_xyzt_units(unit)
    if "s" in forms:
        made.set_sform(matrix, 1)
    if "q" in forms:
        made.set_qform(matrix, 1)
    if slope:
        made.set_slope_inter(*slope)
    return made


CASES = [
    # name, type, byte order, forms, affine, slope and intercept
    ("u8-ras.nii", "u1", "<", "sq", affine((0, 1, 2), (1, 1, 1), (1, 1, 1), (1, 1, 1)), None),
    ("u8-las.nii.gz", "u1", "<", "sq", affine((0, 1, 2), (-1, 1, 1), (0.5, 0.75, 3), (9, -7, 2)), None),
    ("i16-big-slope.nii", "i2", ">", "s", affine((2, 0, 1), (1, -1, -1), (2, 3, 4), (0, 5, -5)), (0.25, -10)),
    ("u16-pir.nii.gz", "u2", "<", "s", affine((2, 0, 1), (1, -1, 1), (1.5, 1, 2), (0, 0, 0)), None),
    ("i32-big.nii", "i4", ">", "q", affine((1, 0, 2), (-1, -1, -1), (1, 2, 3), (10, 20, 30)), None),
    ("f32-oblique.nii.gz", "f4", "<", "q", affine((0, 1, 2), (-1, -1, 1), (0.9, 0.8, 2.5), (4, 3, 2), 0.35), None),
    ("f64-big.nii.gz", "f8", ">", "sq", affine((0, 2, 1), (1, 1, 1), (1, 1, 1), (0, 0, 0)), None),
    ("i8-metre.nii", "i1", "<", "s", affine((0, 1, 2), (1, 1, -1), (0.002, 0.002, 0.005), (0, 0, 0)), None),
    ("u32-frame.nii", "u4", "<", "s", affine((0, 1, 2), (1, -1, 1), (1, 1, 1), (0, 0, 0)), None),
]


def main():
    expected = {}
    for name, dtype, order, forms, matrix, slope in CASES:
        if dtype[0] == "f":
            stored = RANDOM.normal(size=SHAPE) * 1e4
        else:
            limits = numpy.iinfo(dtype)
            stored = RANDOM.integers(max(limits.min, -(2**23)), min(limits.max, 2**23), SHAPE)
        stored = stored.astype(dtype)
        unit = "meter" if "metre" in name else "mm"
        made = header(dtype, order, forms, matrix, slope, unit)
        data = stored[..., None] if "frame" in name else stored
        image = nibabel.Nifti1Image(data, matrix if "s" in forms else None, made)
        if slope:
            # Through nibabel the stored numbers would be fitted anew: they are written by hand behind its header.
            made.set_data_shape(SHAPE)
            made["vox_offset"] = 352
            made["magic"] = b"n+1"
            raw = made.binaryblock + b"\0" * 4 + stored.astype(numpy.dtype(dtype).newbyteorder(order)).tobytes("F")
            (HERE / name).write_bytes(raw)
        else:
            nibabel.save(image, HERE / name)
        loaded = nibabel.load(HERE / name)
        upright = nibabel.as_closest_canonical(nibabel.funcs.squeeze_image(loaded))
        voxels = numpy.asarray(upright.dataobj, dtype="f8").transpose(2, 1, 0)
        scale = 1000.0 if unit == "meter" else 1.0
        spacing = [float(side) * scale for side in nibabel.affines.voxel_sizes(upright.affine)[::-1]]
        expected[name] = {
            "shape": list(voxels.shape),
            "spacing_mm": spacing,
            "origin_mm": [float(place) * scale for place in upright.affine[:3, 3]],
            "voxels": [float(numpy.float32(value)) for value in voxels.ravel()],
        }
    lines = [f"{json.dumps(name)}: {json.dumps(case)}" for name, case in expected.items()]
    (HERE / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
