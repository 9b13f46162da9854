//! The nodes of searches, checked against the lab's interface. (A simulation checks its own.)

use faultlab::codec::Tree;
use faultlab::hosting::pure::{Answers, Batch, PureSteps};
use faultlab::hosting::{Host, NodeDescriptor, NodeFailure, NodeProvider, Payload};
use faultlab::kinds::Interface;

/// A submission's nodes, and what they must provide. A search that asks them for something else is a mistake of the
/// suite, which panics: then the test is broken, and not the submission.
pub(crate) struct CheckedNodes<'a> {
    pub(crate) nodes: &'a dyn NodeProvider,
    pub(crate) interface: Option<&'a Interface>,
}

impl NodeProvider for CheckedNodes<'_> {
    fn host(&self) -> Box<dyn Host + '_> {
        self.nodes.host()
    }

    fn steps(&self, nodes: &[NodeDescriptor]) -> Result<Box<dyn PureSteps + '_>, NodeFailure> {
        let Some(interface) = self.interface else { return self.nodes.steps(nodes) };
        for node in nodes {
            if let Err(error) = interface.check_descriptor(node) {
                panic!("{error}");
            }
        }
        Ok(Box::new(CheckedSteps { steps: self.nodes.steps(nodes)?, interface }))
    }
}

/// Steps of nodes that are asked only what they must answer.
struct CheckedSteps<'a> {
    steps: Box<dyn PureSteps + 'a>,
    interface: &'a Interface,
}

impl PureSteps for CheckedSteps<'_> {
    fn nodes(&self) -> &[NodeDescriptor] {
        self.steps.nodes()
    }

    fn make(&self, node: usize) -> Result<Vec<u8>, NodeFailure> {
        self.steps.make(node)
    }

    fn run(&self, batch: &Batch, answers: &mut Answers) {
        self.steps.run(batch, answers);
    }

    fn observe(&self, node: usize, state: &[u8], question: &[u8]) -> Result<Vec<u8>, NodeFailure> {
        let asked = &self.steps.nodes()[node];
        if let Err(error) = self.interface.check_question(asked, question) {
            panic!("{error}");
        }
        let answer = self.steps.observe(node, state, question)?;
        match self.interface.is_answer(asked, &answer) {
            true => Ok(answer),
            false => Err(NodeFailure::Codec {
                what: Payload::Answer.to_string(),
                error: "it has not the type that the lab's interface says".to_owned(),
            }),
        }
    }

    fn show(
        &self,
        node: usize,
        what: Payload,
        bytes: &[u8],
        pretty: bool,
    ) -> Result<String, NodeFailure> {
        self.steps.show(node, what, bytes, pretty)
    }

    fn tree(&self, node: usize, what: Payload, bytes: &[u8]) -> Result<Tree, NodeFailure> {
        self.steps.tree(node, what, bytes)
    }
}
