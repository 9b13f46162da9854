//! Delta debugging: makes a list as short as possible while a test still succeeds with it.
//!
//! As `ddmin` of Zeller and Hildebrandt ("Simplifying and Isolating Failure-Inducing Input", IEEE TSE 2002), without
//! its step that reduces to a subset: it leaves out halves, then quarters, and at last single elements.

/// Leaves out parts of `items` as long as `succeeds` holds for the rest. `succeeds` may shorten the list further, to
/// the elements that mattered; it returns them if the list succeeds. The result succeeds; no single element can be left
/// out of it, unless `succeeds` changes its mind.
pub(super) fn ddmin<T: Clone>(
    items: Vec<T>,
    succeeds: &mut dyn FnMut(&[T]) -> Option<Vec<T>>,
) -> Vec<T> {
    let mut items = items;
    if items.is_empty() {
        return items;
    }
    if let Some(none) = succeeds(&[]) {
        return none;
    }
    let mut size = items.len().div_ceil(2);
    loop {
        let mut start = 0;
        let mut is_shorter = false;
        while start < items.len() && items.len() > 1 {
            let end = (start + size).min(items.len());
            let rest: Vec<T> = items[..start].iter().chain(&items[end..]).cloned().collect();
            match (!rest.is_empty()).then(|| succeeds(&rest)).flatten() {
                Some(left) => {
                    debug_assert!(left.len() <= rest.len(), "it only shortens");
                    items = left;
                    is_shorter = true;
                }
                None => start = end,
            }
        }
        if size == 1 {
            if !is_shorter {
                return items;
            }
        } else {
            size = size.div_ceil(2).min(items.len().div_ceil(2)).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shortest(items: std::ops::Range<u32>, needed: &[u32]) -> (Vec<u32>, usize) {
        let mut tried = 0;
        let found = ddmin(items.collect(), &mut |items| {
            tried += 1;
            needed.iter().all(|needed| items.contains(needed)).then(|| items.to_vec())
        });
        (found, tried)
    }

    #[test]
    fn what_is_needed_is_left() {
        assert!(shortest(0..100, &[]).0.is_empty());
        assert_eq!(shortest(0..1, &[0]).0, [0]);
        assert_eq!(shortest(0..100, &[17, 18, 90]).0, [17, 18, 90]);
        assert_eq!(shortest(0..7, &[0, 1, 2, 3, 4, 5, 6]).0.len(), 7);
    }

    #[test]
    fn a_few_of_many_are_found_in_few_tries() {
        let (found, tried) = shortest(0..1_000, &[400]);
        assert_eq!(found, [400]);
        assert!(tried < 40, "{tried}");
    }
}
