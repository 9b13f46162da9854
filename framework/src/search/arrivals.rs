//! Arrivals: which site a site becomes when messages are sent to it.
//!
//! A table of open addressing whose entries are one piece of memory each: in a large search nearly
//! every look-up here misses the cache, and this way it misses once.

use crate::random::mix;

/// A site, messages, and the site afterwards; a free place has [`FREE`] for the site.
#[derive(Clone, Copy)]
struct Entry {
    site: u32,
    messages: u32,
    after: u32,
}

const FREE: u32 = u32::MAX;

/// What is known of arrivals.
pub(super) struct Arrivals {
    entries: Vec<Entry>,
    count: usize,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self { entries: free(64), count: 0 }
    }

    /// The site that `site` becomes, if that is known.
    #[inline]
    pub(super) fn get(&self, site: u32, messages: u32) -> Option<u32> {
        let entry = self.entries[self.place(site, messages)];
        (entry.site != FREE).then_some(entry.after)
    }

    /// Notes what a site becomes. It must not have been known.
    pub(super) fn insert(&mut self, site: u32, messages: u32, after: u32) {
        if self.count >= self.entries.len() / 4 * 3 {
            let larger = free(self.entries.len() + self.entries.len() / 2);
            for entry in std::mem::replace(&mut self.entries, larger) {
                if entry.site != FREE {
                    let place = self.place(entry.site, entry.messages);
                    self.entries[place] = entry;
                }
            }
        }
        let place = self.place(site, messages);
        self.entries[place] = Entry { site, messages, after };
        self.count += 1;
    }

    /// Where this pair is, or the free place where it would be.
    #[inline]
    fn place(&self, site: u32, messages: u32) -> usize {
        let hash = mix(u64::from(site) << 32 | u64::from(messages));
        let mut place = ((u128::from(hash) * self.entries.len() as u128) >> 64) as usize;
        loop {
            let entry = &self.entries[place];
            if entry.site == FREE || entry.site == site && entry.messages == messages {
                return place;
            }
            place = if place + 1 == self.entries.len() { 0 } else { place + 1 };
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }
}

fn free(count: usize) -> Vec<Entry> {
    vec![Entry { site: FREE, messages: 0, after: 0 }; count]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map() {
        let mut arrivals = Arrivals::new();
        for site in 0..300 {
            for messages in 0..30 {
                assert_eq!(arrivals.get(site, messages), None);
                arrivals.insert(site, messages, site * 31 + messages);
            }
        }
        for site in 0..300 {
            for messages in 0..30 {
                assert_eq!(arrivals.get(site, messages), Some(site * 31 + messages));
            }
        }
        assert_eq!(arrivals.get(300, 0), None);
    }
}
