//! What must hold in lab 5.

use std::collections::{BTreeMap, BTreeSet};

use faultlab::Address;
use faultlab::codec;
use faultlab::property::{
    CheckError, Monitor, Property, Subject, View, observe, violated, watching,
};
use lab5_api::{Answer, Command, Post};
use serde::{Deserialize, Serialize};

/// The name of the property that posts are delivered in causal order.
pub(super) const CAUSAL_ORDER: &str = "posts are delivered once, in causal order";

/// The name of the property that nobody has seen what is not delivered.
pub(super) const AWAITED_IS_DELIVERED: &str = "what somebody has seen is delivered at their peer";

/// The posts that a peer has delivered.
fn delivered(view: &mut dyn View, peer: Address) -> Result<Vec<Post>, CheckError> {
    observe::<(), Vec<Post>>(view, peer, &())
}

/// What is known of the posts of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct History {
    /// What each peer has delivered, in order.
    delivered: BTreeMap<Address, Vec<Post>>,
    /// For each post, by its text: what its author had delivered before. Its *causal past*.
    past: BTreeMap<String, BTreeSet<String>>,
}

/// Every peer delivers only what was posted, each post once, and a post only after everything that its author had
/// delivered before it.
pub(super) fn causal_order(peers: &[Address]) -> impl Monitor + 'static {
    watching(CAUSAL_ORDER, peers.to_vec(), &(), |history: &mut History, peer, posts: Vec<Post>| {
        history.take_in(peer, &posts)
    })
}

impl History {
    /// Takes in what a peer has delivered by now.
    fn take_in(&mut self, peer: Address, posts: &[Post]) -> Result<(), CheckError> {
        let before = self.delivered.get(&peer).map_or(0, Vec::len);
        let kept = self.delivered.get(&peer).is_none_or(|before| posts.starts_with(before));
        if !kept {
            let expected = format!("{peer} to add to what it has delivered");
            return Err(violated(expected, "it changed it").about(Subject::node(peer)));
        }
        for (index, post) in posts.iter().enumerate().skip(before) {
            let earlier: BTreeSet<String> =
                posts[..index].iter().map(|post| post.text.clone()).collect();
            self.check(peer, post, &earlier).map_err(|broken| broken.about(Subject::node(peer)))?;
        }
        self.delivered.insert(peer, posts.to_vec());
        Ok(())
    }

    /// Checks a post that a peer delivers after these.
    fn check(
        &mut self,
        peer: Address,
        post: &Post,
        earlier: &BTreeSet<String>,
    ) -> Result<(), CheckError> {
        let Post { author, text } = post;
        if earlier.contains(text) {
            let expected = format!("{peer} to deliver {text:?} once");
            return Err(violated(expected, "it delivered it again"));
        }
        if *author == peer {
            self.past.insert(text.clone(), earlier.clone());
            return Ok(());
        }
        let Some(past) = self.past.get(text) else {
            let expected = format!("{peer} to deliver what its author has posted and delivered");
            let seen = format!("it delivered {text:?}, and {author} has not delivered that itself");
            return Err(violated(expected, seen));
        };
        match past.difference(earlier).next() {
            None => Ok(()),
            Some(missing) => Err(violated(
                format!(
                    "{peer} to deliver {missing:?} before {text:?}, as {author} had delivered it when it posted that"
                ),
                format!("{peer} delivered {text:?} without {missing:?}"),
            )),
        }
    }
}

/// What somebody has awaited is delivered there.
pub(super) fn awaited_is_delivered() -> Property {
    Property::new(AWAITED_IS_DELIVERED, |view| {
        for peer in view.clients() {
            let mut seen = Vec::new();
            for operation in view.operations(peer) {
                let result = operation.result.as_deref().map(codec::decode::<Answer>);
                if let (Ok(Command::Await(text)), Some(Ok(Answer::Seen))) =
                    (codec::decode(&operation.command), result)
                {
                    seen.push(text);
                }
            }
            if seen.is_empty() {
                continue;
            }
            let posts = delivered(view, peer)?;
            if let Some(text) = seen.iter().find(|text| posts.iter().all(|it| it.text != **text)) {
                return Err(violated(
                    format!("{peer} to answer `Seen` after it has delivered {text:?}"),
                    "it has answered, and has not delivered it",
                )
                .about(Subject::node(peer)));
            }
        }
        Ok(())
    })
    .of_each_client()
}

/// This peer has delivered these texts in this order, and nothing else.
pub(super) fn delivers(peer: Address, texts: &[&str]) -> Property {
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    Property::new(format!("{peer} delivers {}", texts.join(", then ")), move |view| {
        let seen: Vec<String> = delivered(view, peer)?.into_iter().map(|post| post.text).collect();
        if seen == texts {
            return Ok(());
        }
        let expected = format!("{peer} to have delivered {texts:?}");
        Err(violated(expected, format!("it has delivered {seen:?}")).about(Subject::node(peer)))
    })
}
