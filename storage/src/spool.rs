//! Uploads that can be broken off at any byte and gone on with: `spool/<owner>/<sha256>.part`.
//!
//! The length of a part is what has come of it. It is synced each 8 MiB, and before its length is told to anyone; should a
//! power cut nevertheless leave bytes that never came, the digest of the whole finds it and the part is discarded.

use crate::part::{Claim, Part};
use crate::{Blobs, Owner, StorageError};
use object_store::path::Path as Key;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;
use wardround_plan::Digest;

const FOLDER: &str = "spool";
const SUFFIX: &str = ".part";

/// The exclusive right to write one part.
#[derive(Debug)]
pub(crate) struct Turn {
    _guard: OwnedMutexGuard<()>,
}

/// How much may be unfinished at once.
#[derive(Debug, Clone, Copy)]
pub struct SpoolLimits {
    /// Bytes of one upload.
    pub upload_bytes_max: u64,
    /// Unfinished uploads of one owner; where an owner begins one more, its oldest idle one is discarded.
    pub parts_per_owner_max: usize,
    /// Bytes of all unfinished uploads, as announced.
    pub total_bytes_max: u64,
}

/// Unfinished uploads in the folder of a [`Blobs`]. Clones share them.
#[derive(Debug, Clone)]
pub struct Spool(Arc<Inner>);

/// Where an upload stands.
#[derive(Debug)]
pub enum Begun {
    /// The whole is an object already.
    Complete,
    /// Go on from [`Part::committed`].
    Part(Part),
}

#[derive(Debug)]
struct Inner {
    blobs: Blobs,
    limits: SpoolLimits,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    parts: BTreeMap<(Owner, Digest), Entry>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    announced: u64,
    /// Alone in holding this, the table knows that no task holds the part or waits for it.
    turn: Arc<tokio::sync::Mutex<()>>,
    holder: CancellationToken,
    begun: u64,
}

impl Spool {
    /// Uses the folder of `blobs`, and finds what was unfinished when the last process ended.
    pub fn open(blobs: &Blobs, limits: SpoolLimits) -> Result<Self, StorageError> {
        let folder = blobs.folder().join(FOLDER);
        let mut entries = Entries::default();
        let found = fs::create_dir_all(&folder).and_then(|()| find_parts(&folder));
        for (owner, digest, length) in found.map_err(|error| StorageError::io(&folder, 0, error))? {
            entries.insert((owner, digest), length);
        }
        Ok(Self(Arc::new(Inner { blobs: blobs.clone(), limits, entries: Mutex::new(entries) })))
    }

    /// Begins an upload, or goes on with one that was broken off. A task that holds it is told to let go, and waited for.
    ///
    /// # Errors
    /// A named limit is reached; or the disk has no room for the whole, and then what came of it is discarded.
    pub async fn begin(&self, owner: &Owner, digest: Digest, size_bytes: u64) -> Result<Begun, StorageError> {
        let limit = self.0.limits.upload_bytes_max;
        if size_bytes > limit {
            return Err(StorageError::TooLarge { announced: size_bytes, limit });
        }
        let key = (owner.clone(), digest);
        loop {
            if self.is_complete(&digest, size_bytes).await? {
                self.forget(owner, &digest)?;
                return Ok(Begun::Complete);
            }
            let (turn, superseded) = self.claim(&key, size_bytes)?;
            let guard = turn.clone().lock_owned().await;
            // The task before may have finished or discarded the part; then this turn is one of a part that is no more.
            if self.entries().parts.get(&key).is_some_and(|entry| Arc::ptr_eq(&entry.turn, &turn)) {
                let claim = Claim { spool: self.clone(), owner: owner.clone(), digest, size_bytes, superseded };
                let part = Part::open(claim, self.path(owner, &digest), Turn { _guard: guard }).await;
                return part.map(Begun::Part).inspect_err(|_| drop(self.forget(owner, &digest)));
            }
        }
    }

    /// Removes what came of an upload; there may be nothing. A task that holds it is told to let go.
    pub fn discard(&self, owner: &Owner, digest: &Digest) -> Result<(), StorageError> {
        self.forget(owner, digest)
    }

    /// Removes everything that came from `owner`.
    pub fn discard_all(&self, owner: &Owner) -> Result<(), StorageError> {
        let keys: Vec<_> = self.entries().parts.keys().filter(|(of, _)| of == owner).cloned().collect();
        keys.iter().try_for_each(|(owner, digest)| self.forget(owner, digest))
    }

    /// Where objects go when they are complete.
    pub fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    /// Makes the complete, durable part an object.
    pub(crate) async fn adopt(&self, owner: &Owner, digest: &Digest) -> Result<(), StorageError> {
        let key = Key::from_iter([FOLDER.to_owned(), owner.to_string(), file_name(digest)]);
        self.0.blobs.adopt(&key, digest).await?;
        self.entries().parts.remove(&(owner.clone(), *digest));
        Ok(())
    }

    /// Removes a part from the disk, then from the table.
    pub(crate) fn forget(&self, owner: &Owner, digest: &Digest) -> Result<(), StorageError> {
        let mut entries = self.entries();
        let key = (owner.clone(), *digest);
        let Some(entry) = entries.parts.get(&key) else { return Ok(()) };
        entry.holder.cancel();
        remove_file(&self.path(owner, digest))?;
        entries.parts.remove(&key);
        Ok(())
    }

    /// Registers the caller as the next holder of a part, and tells the one before to let go.
    fn claim(
        &self,
        key: &(Owner, Digest),
        size_bytes: u64,
    ) -> Result<(Arc<tokio::sync::Mutex<()>>, CancellationToken), StorageError> {
        let mut entries = self.entries();
        if !entries.parts.contains_key(key) {
            self.make_room(&mut entries, &key.0)?;
        }
        let others: u64 = entries.parts.iter().filter(|(of, _)| *of != key).map(|(_, entry)| entry.announced).sum();
        let limit = self.0.limits.total_bytes_max;
        if others.saturating_add(size_bytes) > limit {
            return Err(StorageError::SpoolFull { limit });
        }
        let entry = entries.insert(key.clone(), size_bytes);
        Ok((entry.turn.clone(), entry.holder.clone()))
    }

    /// Discards idle parts of `owner`, oldest first, until one more is within the limit.
    fn make_room(&self, entries: &mut Entries, owner: &Owner) -> Result<(), StorageError> {
        let limit = self.0.limits.parts_per_owner_max;
        while entries.parts.keys().filter(|(of, _)| of == owner).count() >= limit {
            let idle = entries.parts.iter().filter(|((of, _), entry)| of == owner && entry.is_idle());
            let oldest = idle.min_by_key(|(_, entry)| entry.begun).map(|(key, _)| key.clone());
            let key = oldest.ok_or_else(|| StorageError::Crowded { owner: owner.clone(), limit })?;
            remove_file(&self.path(owner, &key.1))?;
            entries.parts.remove(&key);
        }
        Ok(())
    }

    async fn is_complete(&self, digest: &Digest, announced: u64) -> Result<bool, StorageError> {
        match self.0.blobs.len(digest).await {
            Ok(stored) if stored == announced => Ok(true),
            Ok(stored) => Err(StorageError::WrongSize { digest: *digest, stored, announced }),
            Err(StorageError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn path(&self, owner: &Owner, digest: &Digest) -> PathBuf {
        self.0.blobs.folder().join(FOLDER).join(owner.as_str()).join(file_name(digest))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // The table is consistent at every point where code that holds it could panic.
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// A new holder for the part, which may be new.
    fn insert(&mut self, key: (Owner, Digest), announced: u64) -> &Entry {
        self.clock += 1;
        let begun = self.clock;
        let fresh = || Entry { announced, turn: Arc::default(), holder: CancellationToken::new(), begun };
        let entry = self.parts.entry(key).or_insert_with(fresh);
        entry.holder.cancel();
        (entry.holder, entry.announced, entry.begun) = (CancellationToken::new(), announced, begun);
        entry
    }
}

impl Entry {
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.turn) == 1
    }
}

impl Default for SpoolLimits {
    /// 8 GiB each, 2 of one owner, 64 GiB in all.
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        Self { upload_bytes_max: 8 * GIB, parts_per_owner_max: 2, total_bytes_max: 64 * GIB }
    }
}

fn file_name(digest: &Digest) -> String {
    format!("{digest}{SUFFIX}")
}

/// Owner, digest and length of each part below `folder`, oldest first, which is never deep: one folder per owner.
fn find_parts(folder: &Path) -> io::Result<Vec<(Owner, Digest, u64)>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(folder)? {
        let folder = folder?;
        let Some(owner) = folder.file_name().to_str().and_then(|name| Owner::new(name).ok()) else { continue };
        for file in fs::read_dir(folder.path())? {
            let file = file?;
            let name = file.file_name();
            let digest = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).and_then(|hex| hex.parse().ok());
            let meta = file.metadata()?;
            if let Some(digest) = digest {
                found.push((meta.modified()?, owner.clone(), digest, meta.len()));
            }
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, owner, digest, length)| (owner, digest, length)).collect())
}

fn remove_file(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StorageError::io(path, 0, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const LIMITS: SpoolLimits = SpoolLimits { upload_bytes_max: 100, parts_per_owner_max: 2, total_bytes_max: 150 };

    struct Place {
        folder: tempfile::TempDir,
        spool: Spool,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = reopened(folder.path());
        Place { folder, spool }
    }

    fn reopened(folder: &Path) -> Spool {
        Spool::open(&Blobs::open(folder).expect("usable"), LIMITS).expect("usable")
    }

    fn owner(name: &str) -> Owner {
        Owner::new(name).expect("a name")
    }

    async fn part(spool: &Spool, from: &str, whole: &[u8]) -> Part {
        match spool.begin(&owner(from), Digest::of(whole), whole.len() as u64).await.expect("within the limits") {
            Begun::Part(part) => part,
            Begun::Complete => panic!("complete already"),
        }
    }

    async fn append(part: &mut Part, bytes: &'static [u8]) {
        part.append(Bytes::from_static(bytes)).await.expect("space");
    }

    #[tokio::test]
    async fn an_upload_goes_on_where_a_dead_process_left_it() {
        let Place { folder, spool } = place();
        append(&mut part(&spool, "a", b"one two").await, b"one ").await;
        drop(spool);
        let spool = reopened(folder.path());
        let mut again = part(&spool, "a", b"one two").await;
        assert_eq!(again.committed(), 4);
        append(&mut again, b"two").await;
        again.finish().await.expect("the right digest");
        assert_eq!(spool.blobs().get_bytes(&Digest::of(b"one two")).await.expect("there"), "one two");
        let begun = spool.begin(&owner("b"), Digest::of(b"one two"), 7).await.expect("complete");
        assert!(matches!(begun, Begun::Complete));
    }

    #[tokio::test]
    async fn a_wrong_digest_discards_the_part() {
        let Place { spool, .. } = place();
        let mut wrong = part(&spool, "a", b"one two").await;
        append(&mut wrong, b"one twO").await;
        assert!(matches!(wrong.finish().await, Err(StorageError::WrongDigest { .. })));
        assert_eq!(part(&spool, "a", b"one two").await.committed(), 0);
    }

    #[tokio::test]
    async fn too_few_and_too_many_bytes_are_refused_and_the_part_stays() {
        let Place { spool, .. } = place();
        let mut short = part(&spool, "a", b"one two").await;
        append(&mut short, b"one ").await;
        let past = short.append(Bytes::from_static(b"two!")).await;
        assert!(matches!(past, Err(StorageError::PastEnd { announced: 7 })));
        assert!(matches!(short.finish().await, Err(StorageError::Incomplete { received: 4, announced: 7 })));
        assert_eq!(part(&spool, "a", b"one two").await.committed(), 4);
    }

    #[tokio::test]
    async fn a_second_holder_waits_until_the_first_lets_go() {
        let Place { spool, .. } = place();
        let mut first = part(&spool, "a", b"one two").await;
        let (told, go_on) = (first.superseded().clone(), spool.clone());
        let second = tokio::spawn(async move { part(&go_on, "a", b"one two").await.committed() });
        told.cancelled().await;
        append(&mut first, b"one ").await;
        assert!(!second.is_finished());
        drop(first);
        assert_eq!(second.await.expect("no panic"), 4);
    }

    #[tokio::test]
    async fn a_second_holder_of_a_finished_part_finds_it_complete() {
        let Place { spool, .. } = place();
        let mut first = part(&spool, "a", b"one").await;
        append(&mut first, b"one").await;
        let (told, go_on) = (first.superseded().clone(), spool.clone());
        let second = tokio::spawn(async move { go_on.begin(&owner("a"), Digest::of(b"one"), 3).await });
        told.cancelled().await;
        first.finish().await.expect("the right digest");
        assert!(matches!(second.await.expect("no panic"), Ok(Begun::Complete)));
    }

    #[tokio::test]
    async fn one_upload_more_than_the_limit_discards_the_oldest_idle_one() {
        let Place { spool, .. } = place();
        append(&mut part(&spool, "a", b"first").await, b"f").await;
        let held = part(&spool, "a", b"second").await;
        let third = part(&spool, "a", b"third").await;
        let fourth = spool.begin(&owner("a"), Digest::of(b"fourth"), 6).await;
        assert!(matches!(fourth, Err(StorageError::Crowded { limit: 2, .. })), "both others are held");
        drop((held, third));
        assert_eq!(part(&spool, "a", b"first").await.committed(), 0);
    }

    #[tokio::test]
    async fn limits_on_bytes_hold_exactly() {
        let Place { spool, .. } = place();
        let begin = |name: &'static str, size| {
            let spool = spool.clone();
            async move { spool.begin(&owner(name), Digest::of(name.as_bytes()), size).await.map(drop) }
        };
        assert!(matches!(begin("a", 101).await, Err(StorageError::TooLarge { announced: 101, limit: 100 })));
        assert!(begin("a", 100).await.is_ok());
        assert!(matches!(begin("b", 51).await, Err(StorageError::SpoolFull { limit: 150 })));
        assert!(begin("b", 50).await.is_ok());
        spool.discard_all(&owner("a")).expect("removed");
        assert!(begin("c", 100).await.is_ok());
    }

    #[tokio::test]
    async fn another_size_for_a_known_object_is_refused() {
        let Place { spool, .. } = place();
        let digest = spool.blobs().put_bytes(Bytes::from_static(b"one")).await.expect("stored");
        let begun = spool.begin(&owner("a"), digest, 4).await;
        assert!(matches!(begun, Err(StorageError::WrongSize { stored: 3, announced: 4, .. })));
    }
}
