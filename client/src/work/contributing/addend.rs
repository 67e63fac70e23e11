//! What a site adds to a sum: from what was released and stored to the numbers that are masked.

use crate::work::Desk;
use crate::work::training::SALT_BYTES;
use futures_util::TryStreamExt;
use std::pin::pin;
use std::sync::Arc;
use wardround_plan::Plan;
use wardround_privacy::Unnoised;
use wardround_round::UpdateRef;
use wardround_secagg::ring::{Update, Weight};
use wardround_storage::StorageError;

/// What goes into a sum, as it is kept until the session asks for it.
#[derive(Clone)]
pub(super) enum Stored {
    /// On disk.
    Update(UpdateRef),
    /// On disk, without noise: it gets this site's share of it with the masks.
    Gradients(Unnoised<UpdateRef>),
    /// The words of a tally.
    Scores(Arc<Vec<i64>>),
}

/// The update of a site as it is summed.
pub(super) enum Addend {
    /// All sites count the same: rounded while it is masked.
    Alike(Vec<f32>),
    /// Fixed point, times the site's weight.
    Weighted(Vec<i64>, Weight),
}

impl Addend {
    fn new(values: Vec<f32>, weight: Weight, weight_max: u32) -> Result<Self, String> {
        let mut units = vec![0; if weight_max == 1 { 0 } else { values.len() }];
        if weight_max == 1 {
            wardround_strategy::check(&values).map_err(|error| error.to_string())?;
            return Ok(Self::Alike(values));
        }
        wardround_strategy::fold(&mut units, &values, weight.get()).map_err(|error| error.to_string())?;
        Ok(Self::Weighted(units, weight))
    }

    pub(super) fn update(&self) -> Update<'_> {
        match self {
            Self::Alike(values) => Update::Reals(values),
            Self::Weighted(units, _) => Update::Integers(units),
        }
    }

    pub(super) fn weight(&self) -> Weight {
        match self {
            Self::Alike(_) => Weight::ONE,
            Self::Weighted(_, weight) => *weight,
        }
    }
}

impl Desk {
    /// What this site adds.
    pub(super) async fn addend(&self, plan: &Plan, released: &Stored) -> Result<Addend, String> {
        let stored = match released {
            Stored::Scores(words) => return Ok(Addend::Weighted(words.to_vec(), Weight::ONE)),
            Stored::Update(update) => update,
            Stored::Gradients(unnoised) => unnoised.value(),
        };
        if let Stored::Gradients(_) = released {
            let words = self.numbers(stored, SALT_BYTES as u64, i64::from_le_bytes).await;
            return words.map(|words| Addend::Weighted(words, Weight::ONE)).map_err(|error| error.to_string());
        }
        let values = self.numbers(stored, 0, f32::from_le_bytes).await.map_err(|error| error.to_string())?;
        let weight = plan.weight_of(self.seat.name()).and_then(Weight::new);
        Addend::new(values, weight.ok_or("the plan gives this site no weight")?, plan.weight_max())
    }

    /// The numbers of a stored vector behind its first `skip` bytes, read piece by piece: they are in memory once.
    async fn numbers<const N: usize, T>(
        &self,
        stored: &UpdateRef,
        skip: u64,
        number: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, StorageError> {
        let blobs = self.spool.blobs();
        let bytes = blobs.len(&stored.digest).await?.saturating_sub(skip);
        let mut numbers = Vec::with_capacity(bytes as usize / N);
        let mut pieces = pin!(blobs.reader(stored.digest, skip).await?);
        let mut unread: Vec<u8> = Vec::new();
        while let Some(piece) = pieces.try_next().await? {
            unread.extend_from_slice(&piece);
            let (whole, rest) = unread.as_chunks();
            numbers.extend(whole.iter().map(|bytes| number(*bytes)));
            unread = rest.to_vec();
        }
        Ok(numbers)
    }
}
