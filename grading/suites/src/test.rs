//! Tests: what they assert, what they are worth, and how a seed becomes a run.

use std::fmt;
use std::sync::Arc;

use faultlab::random::{Random, Stream};
use faultlab::simulate::Scenario;
use serde::{Deserialize, Serialize};

use crate::{Credit, Points, SearchPlan, TestNumber};

/// A test's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One state machine or one node alone, without a network.
    Unit,
    /// Whole runs of the system, in virtual time.
    Run,
    /// Every run of the system, up to a bound.
    Search,
}

/// What a test's author uses to turn a seed into a run.
pub struct SeedContext {
    seed: u64,
    random: Random,
}

impl SeedContext {
    /// The context of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, random: Random::new(seed, Stream::Setup) }
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Randomness for setting up the run: a separate stream, derived from the seed.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }
}

/// Turns a seed into a scenario.
pub type ScenarioFactory = Arc<dyn Fn(&mut SeedContext) -> Scenario + Send + Sync>;

/// Turns a seed into searches.
pub type PlanFactory = Arc<dyn Fn(&mut SeedContext) -> SearchPlan + Send + Sync>;

/// What a test does.
#[derive(Clone)]
pub enum Body {
    /// It simulates one run per seed.
    Simulate(ScenarioFactory),
    /// It searches all runs, within limits.
    Search(PlanFactory),
}

/// A test.
#[derive(Clone)]
pub struct Test {
    about: TestBuilder,
    body: Body,
}

impl Test {
    /// A test of one state machine or one node alone. It runs with one seed, unless
    /// [`over_seeds`](TestBuilder::over_seeds) is called.
    ///
    /// # Panics
    /// When `number` does not look like `2.4`.
    pub fn unit(number: &str, title: &str) -> TestBuilder {
        TestBuilder::new(Kind::Unit, number, title)
    }

    /// A test of whole runs, over several seeds.
    ///
    /// # Panics
    /// As [`Test::unit`].
    pub fn run(number: &str, title: &str) -> TestBuilder {
        TestBuilder { seeds: SeedShare::All, ..TestBuilder::new(Kind::Run, number, title) }
    }

    /// A test of every run, up to a limit. It runs with one seed, unless
    /// [`over_seeds`](TestBuilder::over_seeds) is called.
    ///
    /// # Panics
    /// As [`Test::unit`].
    pub fn search(number: &str, title: &str) -> TestBuilder {
        TestBuilder::new(Kind::Search, number, title)
    }

    /// The number: `2.4`.
    #[must_use]
    pub fn number(&self) -> TestNumber {
        self.about.number
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.about.title
    }

    /// What the test asserts; completes the sentence "it asserts that ...".
    #[must_use]
    pub fn asserts(&self) -> &str {
        &self.about.asserts
    }

    /// What the test is worth.
    #[must_use]
    pub fn points(&self) -> Points {
        self.about.points.unwrap_or(Points::ZERO)
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.about.kind
    }

    /// Whether messages are intentionally lost, duplicated or delayed.
    #[must_use]
    pub fn is_unreliable(&self) -> bool {
        self.about.unreliable
    }

    /// How the points are awarded.
    #[must_use]
    pub fn credit(&self) -> Credit {
        self.about.credit
    }

    /// How many seeds this test runs with, if a test that uses all of them runs with `seeds`.
    #[must_use]
    pub fn seeds(&self, seeds: u64) -> u64 {
        match self.about.seeds {
            SeedShare::One => 1,
            SeedShare::All => seeds,
            SeedShare::Exactly(seeds) => seeds,
        }
    }

    /// The same test, with this many seeds, however many the others run with.
    pub(crate) fn with_seeds(mut self, seeds: u64) -> Self {
        self.about.seeds = SeedShare::Exactly(seeds);
        self
    }

    /// What the test does.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }
}

impl fmt::Debug for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Test({} {})", self.about.number, self.about.title)
    }
}

/// The share of the seeds that a test uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SeedShare {
    One,
    All,
    /// So many, whatever the others use.
    Exactly(u64),
}

/// A test under construction: everything but its body.
#[derive(Clone, Debug)]
#[must_use]
pub struct TestBuilder {
    number: TestNumber,
    title: String,
    asserts: String,
    points: Option<Points>,
    kind: Kind,
    unreliable: bool,
    seeds: SeedShare,
    credit: Credit,
}

impl TestBuilder {
    fn new(kind: Kind, number: &str, title: &str) -> Self {
        let number = match number.parse() {
            Ok(number) => number,
            Err(error) => panic!("{error}"),
        };
        Self {
            number,
            title: title.to_owned(),
            asserts: String::new(),
            points: None,
            kind,
            unreliable: false,
            seeds: SeedShare::One,
            credit: Credit::default(),
        }
    }

    /// Sets what the test asserts; completes the sentence "it asserts that ...".
    pub fn asserts(mut self, what: &str) -> Self {
        what.clone_into(&mut self.asserts);
        self
    }

    /// Sets what the test is worth.
    pub fn points(mut self, points: u32) -> Self {
        self.points = Some(Points::whole(points));
        self
    }

    /// Marks a test whose network intentionally loses, duplicates or delays messages. This is
    /// informational; the scenario decides what the network does.
    pub fn unreliable(mut self) -> Self {
        self.unreliable = true;
        self
    }

    /// Runs a unit or search test with several seeds, because part of it is drawn from them.
    pub fn over_seeds(mut self) -> Self {
        self.seeds = SeedShare::All;
        self
    }

    /// Awards the share of seeds that pass, as a share of the points, instead of all or nothing.
    pub fn by_share_of_seeds(mut self) -> Self {
        self.credit = Credit::ShareOfSeeds;
        self
    }

    /// Finishes the test: it runs this scenario with each seed.
    ///
    /// # Panics
    /// If [`asserts`](Self::asserts) or [`points`](Self::points) was not called.
    #[must_use]
    pub fn scenario(
        self,
        scenario: impl Fn(&mut SeedContext) -> Scenario + Send + Sync + 'static,
    ) -> Test {
        self.with(Body::Simulate(Arc::new(scenario)))
    }

    /// Finishes the test: it runs these searches with each seed.
    ///
    /// # Panics
    /// As [`TestBuilder::scenario`].
    pub fn searches(
        self,
        plan: impl Fn(&mut SeedContext) -> SearchPlan + Send + Sync + 'static,
    ) -> Test {
        self.with(Body::Search(Arc::new(plan)))
    }

    fn with(self, body: Body) -> Test {
        assert!(!self.asserts.is_empty(), "test {} does not say what it asserts", self.number);
        assert!(self.points.is_some(), "test {} does not say what it is worth", self.number);
        Test { about: self, body }
    }
}
