//! A disk that is really full: a small memory file system, which only root may mount.

use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::process::Command;
use wardround_plan::Digest;
use wardround_storage::{Begun, Blobs, Owner, Spool, SpoolLimits, StorageError};

const DISK_BYTES: usize = 1024 * 1024;

/// A mounted disk of 1 MiB, unmounted when dropped.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={DISK_BYTES}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self { folder }),
            other => {
                println!("SKIPPED: a full disk needs the right to mount a small one: {other:?}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("readable") {
                let path = entry.expect("readable").path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_in_words_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else { return };
    let blobs = Blobs::open(disk.path()).expect("usable");
    let before = blobs.put_bytes(Bytes::from(vec![7; 300_000])).await.expect("fits");

    let error = blobs.put_bytes(Bytes::from(vec![8; DISK_BYTES])).await.expect_err("full");
    assert!(matches!(error, StorageError::DiskFull { needed, .. } if needed == DISK_BYTES as u64), "{error}");
    assert!(error.to_string().contains("no space left"), "{error}");
    assert_eq!(disk.files(), [blobs.path(&before)]);

    assert_eq!(blobs.get_bytes(&before).await.expect("there").len(), 300_000);
    let after = blobs.put_bytes(Bytes::from(vec![9; 300_000])).await.expect("fits again");
    assert!(blobs.contains(&after).await.expect("usable"));
}

#[tokio::test]
async fn a_writer_on_a_full_disk_leaves_no_half_object() {
    let Some(disk) = SmallDisk::mount() else { return };
    let blobs = Blobs::open(disk.path()).expect("usable");
    let mut writer = blobs.writer().await.expect("space");
    let mut written = Ok(());
    for _ in 0..8 {
        written = written.and(writer.write(Bytes::from(vec![1; DISK_BYTES / 4])).await);
    }
    assert!(matches!(written, Err(StorageError::DiskFull { .. })), "{written:?}");
    writer.abort().await.expect("removed");
    assert_eq!(disk.files(), [] as [PathBuf; 0]);
}

#[tokio::test]
async fn an_upload_without_room_is_refused_before_a_byte_is_sent() {
    let Some(disk) = SmallDisk::mount() else { return };
    let blobs = Blobs::open(disk.path()).expect("usable");
    let spool = Spool::open(&blobs, SpoolLimits::default()).expect("usable");
    let owner = Owner::new("site-a").expect("a name");

    let large = spool.begin(&owner, Digest::of(b"large"), 2 * DISK_BYTES as u64).await;
    assert!(matches!(large, Err(StorageError::DiskFull { .. })), "{large:?}");
    assert_eq!(disk.files(), [] as [PathBuf; 0]);

    let bytes = vec![5; DISK_BYTES / 2];
    let begun = spool.begin(&owner, Digest::of(&bytes), bytes.len() as u64).await;
    let Ok(Begun::Part(mut part)) = begun else { panic!("half of the disk is free: {begun:?}") };
    part.append(bytes.into()).await.expect("was reserved");
    part.finish().await.expect("the right digest");
}
