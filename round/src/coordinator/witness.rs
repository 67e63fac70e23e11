//! What the coordinator remembers of its sites' privacy ledgers, so that a site that was restored from an old backup finds out.
//!
//! A site tells the head of its hash chain after each link; the furthest is kept durably and said back at each connection,
//! before any offer. The coordinator learns how often a ledger was written, and nothing of what it says; it can check nothing,
//! and a lie of its own can stop a site but not give it budget.

use std::collections::BTreeMap;
use wardround_plan::{LedgerHead, SiteId};

/// The furthest ledger head of each site.
#[derive(Debug, Default)]
pub struct Witness {
    heads: BTreeMap<SiteId, LedgerHead>,
}

impl Witness {
    /// What was kept, after a restart.
    pub fn restore(heads: impl IntoIterator<Item = (SiteId, LedgerHead)>) -> Self {
        Self { heads: heads.into_iter().collect() }
    }

    /// Hears a head; true if it is the furthest of its site, and has to be stored. Another chain of the same length does not
    /// replace the first: the site has to find out.
    pub fn hear(&mut self, site: &SiteId, head: LedgerHead) -> bool {
        let further = self.head(site).is_none_or(|known| head.seq > known.seq);
        if further {
            self.heads.insert(site.clone(), head);
        }
        further
    }

    /// What to say to a site that comes.
    pub fn head(&self, site: &SiteId) -> Option<LedgerHead> {
        self.heads.get(site).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_plan::Digest;

    fn head(seq: u64, chain: &[u8]) -> LedgerHead {
        LedgerHead { seq, hash: Digest::of(chain) }
    }

    #[test]
    fn the_furthest_head_stays_whatever_a_restored_site_says() {
        let site = SiteId::new("a").expect("a name");
        let mut witness = Witness::default();
        assert_eq!(witness.head(&site), None);
        assert!(witness.hear(&site, head(5, b"one")) && witness.hear(&site, head(6, b"one")));
        assert!(!witness.hear(&site, head(5, b"one")), "an old one");
        assert!(!witness.hear(&site, head(6, b"two")), "another chain");
        assert_eq!(witness.head(&site), Some(head(6, b"one")));
        assert!(witness.hear(&site, head(7, b"two")), "a site that wrote the rest off goes on beyond it");
    }

    #[test]
    fn sites_do_not_witness_for_each_other() {
        let (a, b) = (SiteId::new("a").expect("a name"), SiteId::new("b").expect("a name"));
        let witness = Witness::restore([(a.clone(), head(5, b"one"))]);
        assert_eq!((witness.head(&a), witness.head(&b)), (Some(head(5, b"one")), None));
    }
}
