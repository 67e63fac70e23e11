//! M5: the update leaves, masked, in chunks.

use super::awaiting::Awaiting;
use super::check::Check;
use super::seat::Seat;
use super::{Output, Step};
use crate::keys::SharePair;
use crate::mask::MaskSum;
use crate::refusal::Refusal;
use crate::ring::{BlockNoise, Contribution, NoiseShare, Rounding, Update, Weight, store_words, sum_of_squares};
use crate::session::{BLOCK_WORDS, SessionParams};
use crate::wire::{
    Body, Chunk, FirstSetDigest, Index, IndexSet, MaskedHeader, MaskedTrailer, Sender, VectorDigest, Writer, header,
};
use rand::CryptoRng;
use rayon::prelude::*;
use std::collections::BTreeMap;
use wardround_plan::Hasher;

/// A site that has its masks and waits for its update.
pub(super) struct Masking {
    pub(super) seat: Seat,
    pub(super) first_set: FirstSetDigest,
    pub(super) second_set: IndexSet,
    pub(super) masks: MaskSum,
    pub(super) held: BTreeMap<Index, SharePair>,
}

/// A site whose masked update is on its way.
pub(super) struct Uploading {
    pub(super) masking: Masking,
    contribution: Contribution,
    noise: Option<Box<dyn NoiseShare + Send>>,
    next_chunk: u32,
    digest: Hasher,
    square: u128,
}

impl Masking {
    pub(super) fn prepare(
        &self,
        update: Update<'_>,
        weight: Weight,
        rounding: Rounding,
        rng: &mut impl CryptoRng,
    ) -> Result<Contribution, Refusal> {
        Contribution::prepare(&self.seat.params, update, weight, rounding, rng)
    }

    /// Begins the upload of what was prepared.
    pub(super) fn begin(
        self,
        contribution: Contribution,
        noise: Option<Box<dyn NoiseShare + Send>>,
    ) -> Result<Step<Uploading>, Refusal> {
        let agreed = self.seat.params.noise;
        let enough = match (&agreed, &noise) {
            (None, None) => true,
            (Some(agreed), Some(own)) => own.law() == agreed.law && own.variance() >= agreed.share_variance(),
            _ => false,
        };
        Check::OwnNoise.requires(enough, || Refusal::Noise { reason: "this site's share is not the agreed one" })?;
        let prepared_here = contribution.session() == self.seat.session;
        Check::OwnUpdate.requires(prepared_here, || Refusal::OwnEntry { what: "update" })?;
        let message = self.seat.says(MaskedHeader {
            first_set: self.first_set,
            second_set: self.second_set.second_digest(self.seat.session),
            chunks: self.seat.params.vector.chunks(),
        });
        let next = Uploading { masking: self, contribution, noise, next_chunk: 0, digest: Hasher::new(), square: 0 };
        Ok(Step { next, outputs: vec![Output::Send(message)], reply: None })
    }
}

impl Uploading {
    /// The next chunk as a message; `None` when all are out.
    pub(super) fn next_chunk(&mut self, update: Update<'_>) -> Result<Option<Vec<u8>>, Refusal> {
        let shape = self.masking.seat.params.vector;
        let number = self.next_chunk;
        if number == shape.chunks() {
            return Ok(None);
        }
        let coordinates = shape.coordinates_of(number);
        let admitted = self.contribution.admits(update, coordinates.start as usize..coordinates.end as usize);
        Check::OwnUpdate.requires(admitted, || Refusal::OwnEntry { what: "update" })?;
        let (mut message, start) = self.frame(number, shape.bytes_of(number));
        self.square += self.fill(number, update, &mut message[start..])?;
        self.digest.update(&message[start..]);
        self.next_chunk += 1;
        Ok(Some(message))
    }

    /// Ends the upload; without the trailer that this returns it is not in the sum.
    pub(super) fn finish(self) -> Result<Step<Awaiting>, Refusal> {
        let Self { masking, contribution, next_chunk, digest, square, .. } = self;
        let complete = next_chunk == masking.seat.params.vector.chunks();
        let same = contribution.square().is_none_or(|bounded| bounded == square);
        Check::OwnUpdate.requires(complete && same, || Refusal::OwnEntry { what: "update" })?;
        let Masking { seat, first_set, second_set, held, .. } = masking;
        let digest = VectorDigest(digest.finish());
        let signature = seat.site.key.sign(&digest.statement(seat.session, seat.index));
        let message = seat.says(MaskedTrailer { digest, signature });
        let next = Awaiting { seat, first_set, second_set, held };
        Ok(Step { next, outputs: vec![Output::Send(message)], reply: None })
    }

    /// A chunk's message with its bytes still zero, and where they begin.
    fn frame(&self, number: u32, bytes: usize) -> (Vec<u8>, usize) {
        let seat = &self.masking.seat;
        let mut out = Writer::default();
        out.raw(&header(seat.session, Chunk::TYPE, Sender::Client(seat.index)));
        out.u32(number);
        out.u32(u32::try_from(bytes).expect("a chunk has at most 2^20 words"));
        let mut message = out.finish();
        let start = message.len();
        message.resize(start + bytes, 0);
        (message, start)
    }

    /// Writes the masked words of a chunk, a block for each thread; Σq² of what was rounded.
    fn fill(&mut self, number: u32, update: Update<'_>, bytes: &mut [u8]) -> Result<u128, Refusal> {
        let shape = self.masking.seat.params.vector;
        let block_bytes = BLOCK_WORDS as usize * shape.lane.bytes();
        let count = bytes.len().div_ceil(block_bytes);
        let noise = self.noise.as_mut().map(|noise| noise.blocks(count)).transpose();
        let noise = noise.map_err(|failure| Refusal::Update { reason: failure.to_string() })?;
        let noise: Vec<Option<Box<dyn BlockNoise>>> = match noise {
            Some(noise) if noise.len() == count => noise.into_iter().map(Some).collect(),
            Some(_) => return Err(Refusal::Update { reason: "fewer sources of noise came than asked for".into() }),
            None => (0..count).map(|_| None).collect(),
        };
        let first = shape.words_of(number).start;
        let block =
            Block { contribution: &self.contribution, masks: &self.masking.masks, params: &self.masking.seat.params };
        let blocks = bytes.par_chunks_mut(block_bytes).zip(noise).enumerate();
        let squares = blocks.map(|(place, (bytes, noise))| {
            block.fill(first + place as u64 * u64::from(BLOCK_WORDS), update, noise, bytes)
        });
        Ok(squares.sum())
    }
}

/// What every block of a chunk is made with.
struct Block<'a> {
    contribution: &'a Contribution,
    masks: &'a MaskSum,
    params: &'a SessionParams,
}

impl Block<'_> {
    /// Integers, noise, masks, in one pass over memory that stays in the first caches.
    fn fill(&self, first: u64, update: Update<'_>, noise: Option<Box<dyn BlockNoise>>, bytes: &mut [u8]) -> u128 {
        let lane = self.params.vector.lane;
        let words = bytes.len() / lane.bytes();
        let coordinates = (self.params.vector.coordinates().saturating_sub(first) as usize).min(words);
        let mut integers = zeroize::Zeroizing::new([0; BLOCK_WORDS as usize]);
        // A block may begin behind the last coordinate, with the tail alone.
        let from = first.min(self.params.vector.coordinates()) as usize;
        self.contribution.fill(update, from, &mut integers[..coordinates]);
        let square = self.contribution.square().map_or(0, |_| sum_of_squares(&integers[..coordinates]));
        if let Some(mut noise) = noise {
            noise.add_to(&mut integers[..coordinates]);
        }
        let tail = [1, i64::from(self.contribution.weight().get()), 0, 0];
        for (place, word) in integers.iter_mut().enumerate().take(words).skip(coordinates) {
            *word = tail[(first + place as u64 - self.params.vector.coordinates()) as usize];
        }
        store_words(lane, &integers[..words], bytes);
        self.masks.apply(first * lane.bytes() as u64, bytes);
        square
    }
}
