//! A full disk: nothing that was promised is lost, and the study goes on when there is space again.

use crate::federation::{Federation, finished_model};
use crate::patience::{LONG, wait_for};
use crate::place::{Place, text};
use crate::plans::Tiny;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounted over `folder`, whose files move onto it. `None` where this user may not mount.
    fn over(folder: &Path) -> Option<Self> {
        let aside = folder.with_extension("aside");
        std::fs::rename(folder, &aside).expect("a folder of ours");
        std::fs::create_dir(folder).expect("a folder of ours");
        let mount = ["-t", "tmpfs", "-o", "size=4m,mode=0700", "none", text(folder)];
        let mounted = Command::new("mount").args(mount).output().is_ok_and(|output| output.status.success());
        let disk = mounted.then(|| Self(folder.to_owned()))?;
        let copied = Command::new("cp").args(["-a", &format!("{}/.", aside.display()), text(folder)]).status();
        assert!(copied.is_ok_and(|status| status.success()), "4 MiB are enough for an idle federation");
        Some(disk)
    }

    /// Takes all space there is.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).expect("a file on it");
        for bytes in [64 * 1024, 1024, 1] {
            let block = vec![0; bytes];
            while file.write_all(&block).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("it was made");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is being killed may still hold a file.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_coordinator_whose_disk_is_full_says_so_and_goes_on_when_there_is_space() {
    let place = Place::prepared().copy();
    let text = Tiny { local_steps: 50, ..Tiny::default() }.text();
    place.plan(&text);
    let mut federation;
    // Declared after the federation, so that it is unmounted before the federation's folder is deleted.
    let Some(disk) = SmallDisk::over(&place.federation().join("state")) else {
        return println!("SKIPPED: this user may not mount a small file system; run as root to test a full disk");
    };
    federation = Federation::at(place);
    federation.submit();
    crate::place::SITES.iter().for_each(|site| federation.restart(site));
    let events = federation.events("coordinator");
    wait_for("the first round", LONG, || (events.count_of("round_opened") > 0).then_some(()));
    drop(events);
    disk.fill();
    // It refuses uploads for want of space, or ends because an event cannot be stored.
    let coordinator = federation.process("coordinator");
    let says = |log: &str| ["free space", "free some space"].iter().any(|words| log.contains(words));
    wait_for("the full disk to be noticed", LONG, || says(&coordinator.log()).then_some(()));
    federation.kill("coordinator");
    disk.free();
    federation.restart("coordinator");
    finished_model(&federation.finish());
}
