//! Metrics of the surface: how far the outlines of prediction and truth are apart, in millimetres.
//!
//! Two surfaces exist, and a metric's name says which it means. The *voxel* surface is every voxel of the object that has
//! a neighbour (through a face) outside; each counts the same (MONAI, medpy). The *sub-voxel* surface lies between the
//! voxels, in pieces from marching cubes; each counts by its area, or length in a plane (Nikolov et al. 2021, "Clinically
//! applicable segmentation of head and neck anatomy", and the package surface-distance).

pub(crate) mod average;
mod element_table;
mod elements;
mod envelope;
pub(crate) mod hausdorff;
mod nearest;
pub(crate) mod nsd;
mod voxels;

pub use nsd::{Tolerance, ToleranceError};

use crate::masks::Masks;

/// One piece of a surface and how far it is from the other surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piece {
    pub distance_mm: f64,
    /// 1 for a voxel; square millimetres of a surface, or millimetres of a contour, between voxels.
    pub size: f64,
}

/// The pieces of both surfaces, measured against each other. Neither list is empty.
pub(crate) struct Surfaces {
    pub prediction: Vec<Piece>,
    pub truth: Vec<Piece>,
}

impl Surfaces {
    /// The voxel surfaces of two objects that both exist.
    pub fn of_voxels(masks: &Masks) -> Self {
        let grid = &masks.grid;
        let (prediction, truth) = (voxels::edges(&masks.prediction, grid), voxels::edges(&masks.truth, grid));
        let pieces = |distances: Vec<f64>| distances.into_iter().map(|distance_mm| Piece { distance_mm, size: 1.0 });
        Self {
            prediction: pieces(nearest::distances_mm(&prediction, &truth, grid)).collect(),
            truth: pieces(nearest::distances_mm(&truth, &prediction, grid)).collect(),
        }
    }

    /// The surfaces between voxels of two objects that both exist.
    pub fn between_voxels(masks: &Masks) -> Self {
        let prediction = elements::Elements::of(&masks.prediction, &masks.grid);
        let truth = elements::Elements::of(&masks.truth, &masks.grid);
        let pieces = |from: &elements::Elements, to: &elements::Elements| {
            let distances = nearest::distances_mm(&from.places, &to.places, &from.corners);
            distances
                .into_iter()
                .zip(&from.sizes)
                .map(|(distance_mm, size)| Piece { distance_mm, size: *size })
                .collect()
        };
        Self { prediction: pieces(&prediction, &truth), truth: pieces(&truth, &prediction) }
    }
}
