//! Labels at the ends of lines, moved apart so that each can be read.

/// Places for labels that wish to be at `wished` (in any order): at least `gap` apart, between `top` and `bottom`, in the
/// same order, and together as near to the wishes as that allows. `None` if they do not fit.
///
/// With the gaps taken out, the task is isotonic regression, which pooling adjacent violators solves exactly.
pub(super) fn spread(wished: &[f64], gap: f64, top: f64, bottom: f64) -> Option<Vec<f64>> {
    let count = wished.len();
    let last_top = bottom - gap * count.saturating_sub(1) as f64;
    if last_top < top {
        return None;
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|a, b| wished[*a].total_cmp(&wished[*b]));
    let without_gaps = order.iter().enumerate().map(|(rank, index)| wished[*index] - gap * rank as f64);
    let mut places = vec![0.0; count];
    for (rank, (place, index)) in ascending(without_gaps).into_iter().zip(order).enumerate() {
        places[index] = place.clamp(top, last_top) + gap * rank as f64;
    }
    Some(places)
}

/// Neighbours that moved to one common place.
struct Pool {
    sum: f64,
    count: usize,
}

impl Pool {
    fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }
}

/// The ascending numbers nearest to `values`.
fn ascending(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut pools: Vec<Pool> = Vec::new();
    for value in values {
        let mut pool = Pool { sum: value, count: 1 };
        while let Some(before) = pools.pop_if(|before| before.mean() >= pool.mean()) {
            pool = Pool { sum: before.sum + pool.sum, count: before.count + pool.count };
        }
        pools.push(pool);
    }
    pools.iter().flat_map(|pool| std::iter::repeat_n(pool.mean(), pool.count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_with_room_stay() {
        assert_eq!(spread(&[50.0, 10.0, 90.0], 14.0, 0.0, 100.0), Some(vec![50.0, 10.0, 90.0]));
    }

    #[test]
    fn equal_wishes_part_around_their_place() {
        assert_eq!(spread(&[50.0, 50.0, 50.0], 10.0, 0.0, 100.0), Some(vec![40.0, 50.0, 60.0]));
    }

    #[test]
    fn the_edge_pushes_back() {
        assert_eq!(spread(&[100.0, 100.0], 10.0, 0.0, 100.0), Some(vec![90.0, 100.0]));
        assert_eq!(spread(&[0.0, 0.0], 10.0, 0.0, 100.0), Some(vec![0.0, 10.0]));
    }

    #[test]
    fn too_many_do_not_fit() {
        assert_eq!(spread(&[5.0; 12], 10.0, 0.0, 100.0), None);
        assert!(spread(&[5.0; 11], 10.0, 0.0, 100.0).is_some());
    }

    #[test]
    fn none_is_fine() {
        assert_eq!(spread(&[], 10.0, 0.0, 100.0), Some(vec![]));
    }

    proptest! {
        #[test]
        fn labels_never_overlap(wished in proptest::collection::vec(-50.0..400.0_f64, 0..20)) {
            let places = spread(&wished, 14.0, 0.0, 280.0).expect("20 labels fit");
            let mut sorted = places.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= 14.0 - 1e-9));
            prop_assert!(sorted.iter().all(|place| (-1e-9..=280.0 + 1e-9).contains(place)));
            for (a, b) in places.iter().zip(&wished).flat_map(|a| places.iter().zip(&wished).map(move |b| (a, b))) {
                prop_assert!(a.1 >= b.1 || a.0 < b.0, "order kept");
            }
        }
    }
}
