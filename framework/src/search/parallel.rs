//! Running the same work on several parts at once.

/// Calls `run` for each part, each on a thread of its own if there are several, and waits for all.
pub(super) fn for_each<P: Send>(parts: &mut [P], run: impl Fn(usize, &mut P) + Sync) {
    let Some((first, rest)) = parts.split_first_mut() else { return };
    if rest.is_empty() {
        return run(0, first);
    }
    std::thread::scope(|scope| {
        let run = &run;
        for (index, part) in (1..).zip(rest) {
            scope.spawn(move || run(index, part));
        }
        run(0, first);
    });
}
