//! Who shares masks with whom.
//!
//! *Complete* is what the threat model is about. *k-regular* (Bell et al. 2020) is for simulations of hundreds of sites
//! and holds against an **honest-but-curious** coordinator only: here the coordinator chooses the seed of the graph, so
//! one that cheats can surround a site with its own. A site refuses it unless its policy names it.

use crate::wire::{Decode, DecodeError, Encode, Index, IndexSet, Reader, Writer, refused};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The graph of masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Graph {
    /// Everyone with everyone.
    Complete,
    /// A ring over a seeded permutation, each with the `degree` nearest: honest-but-curious coordinator only.
    HonestButCuriousRegular {
        /// k: neighbours of each, even.
        degree: u32,
        /// Of the permutation.
        seed: [u8; 32],
    },
}

impl Graph {
    /// For each of `participants`, in order, itself and those it shares masks with.
    pub fn neighbourhoods(&self, participants: usize) -> Neighbourhoods {
        match self {
            Self::Complete => Neighbourhoods::Everyone(IndexSet::of(participants, all(participants))),
            Self::HonestButCuriousRegular { degree, seed } => {
                Neighbourhoods::Ring(Ring { order: permutation(participants, *seed), reach: *degree as usize / 2 })
            }
        }
    }

    /// How many are in a neighbourhood, its centre counted.
    pub fn neighbourhood_size(&self, participants: usize) -> usize {
        match self {
            Self::Complete => participants,
            Self::HonestButCuriousRegular { degree, .. } => *degree as usize + 1,
        }
    }

    /// Whether the graph can be drawn over so many.
    pub fn fits(&self, participants: usize) -> bool {
        match self {
            Self::Complete => true,
            Self::HonestButCuriousRegular { degree, .. } => (*degree as usize) < participants,
        }
    }
}

/// Everybody's neighbours in one session.
pub enum Neighbourhoods {
    /// Everyone is everyone's.
    Everyone(IndexSet),
    /// Those near in the ring.
    Ring(Ring),
}

/// A permuted ring.
pub struct Ring {
    order: Vec<usize>,
    reach: usize,
}

impl Neighbourhoods {
    /// `index` and its neighbours.
    pub fn of(&self, index: Index) -> IndexSet {
        match self {
            Self::Everyone(everyone) => everyone.clone(),
            Self::Ring(ring) => ring.around(index.place()),
        }
    }
}

impl Ring {
    fn around(&self, centre: usize) -> IndexSet {
        let length = self.order.len();
        let position = self.order.iter().position(|place| *place == centre).unwrap_or(0);
        let near = (0..=2 * self.reach).map(|step| (position + length + step - self.reach) % length);
        IndexSet::of(length, near.map(|position| Index::of_place(self.order[position])))
    }
}

fn all(participants: usize) -> impl Iterator<Item = Index> {
    (0..participants).map(Index::of_place)
}

/// Fisher and Yates, with draws that are rejected rather than biased.
fn permutation(length: usize, seed: [u8; 32]) -> Vec<usize> {
    let mut rng = ChaCha20Rng::from_seed(seed);
    let mut order: Vec<usize> = (0..length).collect();
    for last in (1..length).rev() {
        order.swap(last, below(&mut rng, last as u64 + 1) as usize);
    }
    order
}

fn below(rng: &mut ChaCha20Rng, bound: u64) -> u64 {
    let fair = u64::MAX - u64::MAX % bound;
    loop {
        let draw = rng.next_u64();
        if draw < fair {
            return draw % bound;
        }
    }
}

impl Encode for Graph {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Complete => out.u8(0),
            Self::HonestButCuriousRegular { degree, seed } => {
                out.u8(1);
                out.u32(*degree);
                out.raw(seed);
            }
        }
    }
}

impl Decode for Graph {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.u8("graph")? {
            0 => Ok(Self::Complete),
            1 => {
                let degree = from.u32("degree")?;
                if degree < 2 || !degree.is_multiple_of(2) {
                    return Err(refused("degree", degree, "even and at least 2"));
                }
                Ok(Self::HonestButCuriousRegular { degree, seed: from.array("graph seed")? })
            }
            other => Err(refused("graph", other, "0 or 1")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regular(degree: u32) -> Graph {
        Graph::HonestButCuriousRegular { degree, seed: [3; 32] }
    }

    #[test]
    fn neighbours_are_mutual_and_as_many_as_said() {
        for (participants, degree) in [(5, 2), (10, 4), (33, 32), (100, 30)] {
            let neighbourhoods = regular(degree).neighbourhoods(participants);
            for index in all(participants) {
                let own = neighbourhoods.of(index);
                assert_eq!(own.len(), degree as usize + 1);
                assert!(own.contains(index) && own.iter().all(|peer| neighbourhoods.of(peer).contains(index)));
            }
        }
    }

    #[test]
    fn the_complete_graph_is_everyone() {
        assert_eq!(Graph::Complete.neighbourhoods(7).of(Index::of_place(3)).len(), 7);
    }

    #[test]
    fn another_seed_is_another_ring() {
        let other = Graph::HonestButCuriousRegular { degree: 4, seed: [4; 32] };
        let differs = |index| regular(4).neighbourhoods(50).of(index) != other.neighbourhoods(50).of(index);
        assert!(all(50).any(differs));
    }

    #[test]
    fn degrees_that_no_ring_has_are_refused() {
        for degree in [0, 1, 7] {
            assert!(Graph::from_bytes(&regular(degree).to_bytes()).is_err());
        }
        assert_eq!(Graph::from_bytes(&regular(8).to_bytes()), Ok(regular(8)));
        assert!(!regular(8).fits(8) && regular(8).fits(9));
    }
}
