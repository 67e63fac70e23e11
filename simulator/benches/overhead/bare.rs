//! The bare loop: what a round costs without any framework.

use super::WEIGHTS;
use wardround_plan::{Purpose, RoundNumber, StreamKey};
use wardround_simulator::toys::add_noise;

/// So many rounds of so many sites, each thread a part of the sites.
pub fn rounds(sites: u32, rounds: u32, threads: usize) {
    let keys = StreamKey::from_public_seed(1);
    let mut model = vec![0.0_f32; WEIGHTS];
    for round in (1..=rounds).filter_map(RoundNumber::new) {
        let sums = std::thread::scope(|scope| {
            let part = |thread: usize| (0..sites).skip(thread).step_by(threads);
            let running: Vec<_> = (0..threads)
                .map(|thread| {
                    scope.spawn({
                        let keys = &keys;
                        move || summed(part(thread), round, keys)
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().expect("drawing noise does not panic")).collect::<Vec<_>>()
        });
        for sum in sums {
            model.iter_mut().zip(sum).for_each(|(weight, sum)| *weight += sum / sites as f32);
        }
    }
    std::hint::black_box(model);
}

fn summed(sites: impl Iterator<Item = u32>, round: RoundNumber, keys: &StreamKey) -> Vec<f32> {
    let (mut update, mut sum) = (vec![0.0; WEIGHTS], vec![0.0; WEIGHTS]);
    for site in sites {
        update.fill(0.0);
        add_noise(&mut keys.stream(Purpose::Sampling, round, u64::from(site)), &mut update);
        sum.iter_mut().zip(&update).for_each(|(sum, value)| *sum += value);
    }
    sum
}
