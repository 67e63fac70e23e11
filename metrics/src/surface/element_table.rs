//! Size of the surface within each cell of 2 x 2 x 2 (or 2 x 2) voxels, by which of its corners are inside.
//!
//! The triangles are those of marching cubes (Lorensen and Cline 1987) in the choice of the package surface-distance 0.1
//! (DeepMind, Apache-2.0), whose ambiguous cells the sub-voxel metrics are defined by. Only nine kinds of triangles occur;
//! their normals, up to signs which do not matter for an area, are below. A cell and its complement have the same surface.

/// Codes of a cell of a volume.
pub const VOLUME_CODES: usize = 256;
/// Codes of a cell of a plane.
pub const PLANE_CODES: usize = 16;

/// Triangles of the first half of the codes, a letter each; code `c` of the second half is code `255 - c`.
#[rustfmt::skip]
const TRIANGLES: [&str; VOLUME_CODES / 2] = [
    "", "a", "a", "rr", "a", "qq", "aa", "abx", "a", "aa", "qq", "abx", "rr", "abx", "abx", "xx",
    "a", "pp", "aa", "aby", "aa", "abz", "aaa", "aabb", "aa", "app", "aqq", "acpq", "arr", "acpr", "aabx", "abx",
    "a", "aa", "pp", "aby", "aa", "aqq", "app", "acpq", "aa", "aaa", "abz", "aabb", "arr", "aabx", "acpr", "abx",
    "rr", "aby", "aby", "yy", "arr", "acqr", "aaby", "aby", "arr", "aaby", "acqr", "aby", "rrrr", "arr", "arr", "rr",
    "a", "aa", "aa", "arr", "pp", "abz", "app", "acpr", "aa", "aaa", "aqq", "aabx", "aby", "aabb", "acpq", "abx",
    "qq", "abz", "aqq", "acqr", "abz", "zz", "aabz", "abz", "aqq", "aabz", "qqqq", "aqq", "acqr", "abz", "aqq", "qq",
    "aa", "aaa", "app", "aaby", "app", "aabz", "pppp", "app", "aaa", "aaaa", "aabz", "aaa", "aaby", "aaa", "app", "aa",
    "abx", "aabb", "acpq", "aby", "acpr", "abz", "app", "pp", "aabx", "aaa", "aqq", "aa", "arr", "aa", "aa", "a",
];

/// Square millimetres of surface in a cell of a volume, by its code.
pub fn areas_mm2([slice_mm, row_mm, column_mm]: [f64; 3]) -> [f64; VOLUME_CODES] {
    let faces = [row_mm * column_mm, slice_mm * column_mm, slice_mm * row_mm];
    let area = |triangle: char| {
        let squares = normal(triangle).into_iter().zip(faces).map(|(part, face)| (part * face) * (part * face));
        squares.sum::<f64>().sqrt()
    };
    std::array::from_fn(|code| TRIANGLES[code.min(VOLUME_CODES - 1 - code)].chars().map(area).sum())
}

/// The normal of a kind of triangle, as long as its area in a grid of unit steps.
fn normal(triangle: char) -> [f64; 3] {
    match triangle {
        'a' => [0.125, 0.125, 0.125],
        'b' => [0.25, 0.25, 0.25],
        'c' => [0.375, 0.375, 0.375],
        'p' => [0.0, 0.25, 0.25],
        'q' => [0.25, 0.0, 0.25],
        'r' => [0.25, 0.25, 0.0],
        'x' => [0.5, 0.0, 0.0],
        'y' => [0.0, 0.5, 0.0],
        _ => [0.0, 0.0, 0.5],
    }
}

/// Millimetres of contour in a cell of a plane, by its code: upper left 8, upper right 4, lower left 2, lower right 1.
pub fn lengths_mm([_, row_mm, column_mm]: [f64; 3]) -> [f64; PLANE_CODES] {
    let diagonal = 0.5 * (row_mm * row_mm + column_mm * column_mm).sqrt();
    std::array::from_fn(|code| match code {
        0b0000 | 0b1111 => 0.0,
        0b0011 | 0b1100 => column_mm,
        0b0101 | 0b1010 => row_mm,
        0b0110 | 0b1001 => 2.0 * diagonal,
        _ => diagonal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_full_cells_have_no_surface_and_all_others_have() {
        let (areas, lengths) = (areas_mm2([1.0; 3]), lengths_mm([1.0; 3]));
        assert_eq!((areas[0], areas[255], lengths[0], lengths[15]), (0.0, 0.0, 0.0, 0.0));
        assert!(areas[1..255].iter().all(|area| *area > 0.2) && lengths[1..15].iter().all(|length| *length > 0.7));
    }

    #[test]
    fn a_flat_face_has_the_area_of_the_face() {
        let areas = areas_mm2([2.0, 3.0, 5.0]);
        assert_eq!([areas[0b1111_0000], areas[0b1100_1100], areas[0b1010_1010]], [15.0, 10.0, 6.0]);
    }

    #[test]
    fn one_corner_alone_is_cut_by_one_small_triangle() {
        let areas = areas_mm2([1.0; 3]);
        let triangle = 3f64.sqrt() / 8.0;
        (0..8).for_each(|corner| assert!((areas[1 << corner] - triangle).abs() < 1e-15));
    }

    #[test]
    fn every_letter_of_the_table_is_a_kind_of_triangle() {
        assert!(TRIANGLES.iter().flat_map(|code| code.chars()).all(|letter| "abcpqrxyz".contains(letter)));
    }
}
