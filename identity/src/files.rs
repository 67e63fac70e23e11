//! Files that must be whole, and some of them private: a reader sees the old content or the new, never a part.

use rand::TryRng;
use rand::rngs::SysRng;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why a file was refused, or could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {doing} `{}`: {source}", .path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A private file can be read or written by others.
    #[error("`{0}` holds a private key and is open to other users (mode {mode:03o}): run `chmod 600 {0}`, and \
             enrol again if someone may have read it", .path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is larger than any such file can be.
    #[error("`{}` is larger than {max_bytes} bytes; this cannot be the file that is meant", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        max_bytes: u64,
    },
}

impl FileError {
    /// True where the file does not exist.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// True where the file exists and must not.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    }
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone (0600).
    Owner,
    /// Everyone (0644).
    Everyone,
}

/// Makes a folder that only its owner can enter; one that exists is left as it is.
pub(crate) fn create_private_folder(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create", path))
}

/// Reads a file of at most `max_bytes`.
///
/// # Errors
/// A file that is absent, larger or not readable.
pub fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(failed("open", path))?;
    read_open(file, path, max_bytes)
}

/// Reads a file of at most `max_bytes` that nobody but its owner can read or write.
///
/// # Errors
/// As [`read`], and a file that is open to others.
pub fn read_private(path: &Path, max_bytes: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let file = File::open(path).map_err(failed("open", path))?;
    // Asked of the open file, so that the file checked is the file read.
    let mode = file.metadata().map_err(failed("examine", path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(FileError::OpenToOthers { path: path.to_owned(), mode });
    }
    read_open(file, path, max_bytes).map(Zeroizing::new)
}

/// Puts `content` at `path`, durably; whatever was there stays whole until the new content is.
///
/// # Errors
/// The file system refuses; then the old content is there.
pub fn replace(path: &Path, content: &[u8], readers: Readers) -> Result<(), FileError> {
    Draft::write(path, content, readers)?.put()
}

/// Puts `content` at `path`, durably, where nothing is yet.
///
/// # Errors
/// Where a file is there already ([`FileError::is_taken`]), also one that another process made just now.
pub fn create(path: &Path, content: &[u8], readers: Readers) -> Result<(), FileError> {
    let written = Draft::write(path, content, readers)?;
    fs::hard_link(&written.path, path).map_err(failed("create", path))?;
    sync_folder(path)
}

/// Removes a file; one that is absent already is fine.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// A complete file beside the one it is to become; gone when dropped.
///
/// Written before something else is done, it needs no more space afterwards.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// Writes `content` beside `target`, durably.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(target: &Path, content: &[u8], readers: Readers) -> Result<Self, FileError> {
        let draft = Self { path: draft_path(target)?, target: target.to_owned() };
        let mode = if readers == Readers::Owner { 0o600 } else { 0o644 };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&draft.path)
            .map_err(failed("create", &draft.path))?;
        file.write_all(content).and_then(|()| file.sync_all()).map_err(failed("write", &draft.path))?;
        Ok(draft)
    }

    /// Puts it in the place of its target, durably.
    ///
    /// # Errors
    /// The file system refuses; then the old content is there.
    pub fn put(self) -> Result<(), FileError> {
        fs::rename(&self.path, &self.target).map_err(failed("replace", &self.target))?;
        sync_folder(&self.target)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove; after a failure the rest is only litter.
        let _ = fs::remove_file(&self.path);
    }
}

/// A name that two processes writing one file do not share.
fn draft_path(target: &Path) -> Result<PathBuf, FileError> {
    let mut bytes = [0; 8];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| failed("name a draft of", target)(io::Error::other(error)))?;
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.draft", hex::encode(bytes)));
    Ok(target.with_file_name(name))
}

/// A rename is durable only once its folder is.
fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync", folder))
}

fn read_open(file: File, path: &Path, max_bytes: u64) -> Result<Vec<u8>, FileError> {
    let mut content = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut content).map_err(failed("read", path))?;
    if content.len() as u64 > max_bytes {
        return Err(FileError::TooLarge { path: path.to_owned(), max_bytes });
    }
    Ok(content)
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    #[test]
    fn replacing_leaves_the_new_content_and_no_draft() {
        let folder = folder();
        let path = folder.path().join("a");
        for content in ["one", "two"] {
            replace(&path, content.as_bytes(), Readers::Owner).expect("writable");
            assert_eq!(*read_private(&path, 10).expect("private"), content.as_bytes());
        }
        assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1);
    }

    #[test]
    fn creating_keeps_what_is_there() {
        let folder = folder();
        let path = folder.path().join("a");
        create(&path, b"one", Readers::Everyone).expect("nothing there");
        assert!(create(&path, b"two", Readers::Everyone).expect_err("taken").is_taken());
        assert_eq!(read(&path, 3).expect("readable"), b"one");
        assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1);
    }

    #[test]
    fn a_private_file_open_to_others_is_refused_with_the_remedy() {
        let folder = folder();
        let path = folder.path().join("key");
        for mode in [0o640, 0o604, 0o660, 0o644] {
            replace(&path, b"secret", Readers::Owner).expect("writable");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("own file");
            let error = read_private(&path, 10).expect_err("open to others").to_string();
            assert!(error.contains("chmod 600") && error.contains(&format!("{mode:o}")), "{error}");
        }
    }

    #[test]
    fn one_byte_too_many_is_refused() {
        let folder = folder();
        let path = folder.path().join("a");
        replace(&path, b"1234", Readers::Everyone).expect("writable");
        assert!(read(&path, 4).is_ok());
        assert!(matches!(read(&path, 3), Err(FileError::TooLarge { max_bytes: 3, .. })));
    }
}
