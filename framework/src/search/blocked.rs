//! Blocked links in words: what they have in common is said once.

use std::collections::BTreeSet;

use super::settings::link_is_cut;
use crate::Address;

/// Some links of a node, as sender and receiver.
type LinksOf<'l> = &'l dyn Fn(usize) -> Vec<(usize, usize)>;

/// Describes blocked links: isolated nodes first, then nodes that cannot send, or cannot receive, then the other links. A
/// link is described once.
pub(super) fn describe(
    addresses: &[Address],
    is_blocked: impl Fn(usize, usize) -> bool,
) -> Vec<String> {
    let nodes = || 0..addresses.len();
    let mut left: BTreeSet<(usize, usize)> = nodes()
        .flat_map(|from| nodes().map(move |to| (from, to)))
        .filter(|&(from, to)| is_blocked(from, to))
        .collect();
    let mut words = Vec::new();
    // With two nodes, a link alone says it better.
    if addresses.len() > 2 {
        let others = |node: usize| nodes().filter(move |&other| other != node);
        let from = |node: usize| others(node).map(move |to| (node, to));
        let to = |node: usize| others(node).map(move |from| (from, node));
        let kinds: [(LinksOf<'_>, &str); 3] = [
            (
                &|node| from(node).chain(to(node)).collect(),
                "is isolated: nothing from it or to it is delivered",
            ),
            (&|node| from(node).collect(), "is not heard: nothing from it is delivered"),
            (&|node| to(node).collect(), "hears nothing: nothing to it is delivered"),
        ];
        for (links_of, what) in kinds {
            for node in nodes() {
                let links = links_of(node);
                let is_new = links.iter().any(|link| left.contains(link));
                if is_new && links.iter().all(|&(from, to)| is_blocked(from, to)) {
                    left.retain(|link| !links.contains(link));
                    left.remove(&(node, node));
                    words.push(format!("{} {what}", addresses[node]));
                }
            }
        }
    }
    words.extend(left.into_iter().map(|(from, to)| link_is_cut(addresses[from], addresses[to])));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(nodes: usize, blocked: &[(usize, usize)]) -> Vec<String> {
        let addresses: Vec<Address> = (0..nodes).map(|it| Address::numbered("node", it)).collect();
        describe(&addresses, |from, to| blocked.contains(&(from, to)))
    }

    #[test]
    fn an_isolated_node_takes_one_line() {
        let all_of_two = [(2, 0), (2, 1), (0, 2), (1, 2)];
        assert_eq!(
            described(3, &all_of_two),
            ["node2 is isolated: nothing from it or to it is delivered"]
        );
        let with_another = [&all_of_two[..], &[(0, 1)]].concat();
        assert_eq!(
            described(3, &with_another),
            [
                "node2 is isolated: nothing from it or to it is delivered",
                // Together with the isolation, nobody hears node0 either.
                "node0 is not heard: nothing from it is delivered",
            ]
        );
    }

    #[test]
    fn one_direction_takes_one_line() {
        assert_eq!(
            described(4, &[(1, 0), (1, 1), (1, 2), (1, 3)]),
            ["node1 is not heard: nothing from it is delivered"]
        );
        assert_eq!(
            described(4, &[(0, 1), (2, 1), (3, 1)]),
            ["node1 hears nothing: nothing to it is delivered"]
        );
    }

    #[test]
    fn single_links_keep_their_lines() {
        assert_eq!(
            described(3, &[(0, 1), (1, 0)]),
            ["no message from node0 to node1", "no message from node1 to node0"]
        );
        assert_eq!(described(2, &[(0, 1)]), ["no message from node0 to node1"]);
        assert!(described(3, &[]).is_empty());
    }
}
