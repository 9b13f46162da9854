//! Workloads: the commands that a client gets, one after another.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::random::Random;
use crate::{Address, Value, codec};

/// The arguments of a template: which command of a workload to create.
pub struct TemplateContext {
    /// The client.
    pub client: Address,
    /// The command's index, from 0.
    pub index: u64,
    /// Randomness for this command only. It depends on the seed, the client and the index, and on
    /// nothing else in the run.
    pub random: Random,
}

/// A client's commands, and their expected results if known. `C` and `R` are the lab's command and
/// result types.
///
/// ```
/// use faultlab::workload::Workload;
/// use std::time::Duration;
///
/// let finite = Workload::<u64, u64>::of([1, 2, 3]).expecting([1, 3, 6]);
/// let template = Workload::<String, String>::template(10, |turn| format!("{}-{}", turn.client, turn.index));
/// let endless = Workload::<u64, u64>::infinite(|turn| turn.random.below(100)).every(Duration::from_millis(10));
/// ```
#[derive(Clone)]
pub struct Workload<C, R> {
    commands: Commands<C>,
    expected: Vec<Vec<u8>>,
    /// The results of some of the commands, if they are known for any selection.
    results: Option<Results>,
    period: Duration,
    result: PhantomData<fn() -> R>,
}

/// Gives the encoded results of the commands at these indices, if no others are executed.
type Results = Arc<dyn Fn(&[u64]) -> Vec<Vec<u8>> + Send + Sync>;

/// Creates a command from its position.
type Template<C> = Arc<dyn Fn(&mut TemplateContext) -> C + Send + Sync>;

/// The source of the commands.
#[derive(Clone)]
struct Commands<C> {
    /// How many there are; `None` if infinite.
    count: Option<u64>,
    template: Template<C>,
}

impl<C: Value, R: Value> Workload<C, R> {
    /// These commands, in this order.
    #[must_use]
    pub fn of(commands: impl IntoIterator<Item = C>) -> Self {
        let commands: Vec<C> = commands.into_iter().collect();
        Self::template(commands.len() as u64, move |turn| commands[turn.index as usize].clone())
    }

    /// These commands, in this order, with the expected results that `results` gives for them. A shrunk run may leave
    /// out any of them, since the results of the others are known.
    ///
    /// ```
    /// use faultlab::workload::Workload;
    ///
    /// let doubled = |numbers: &[u64]| numbers.iter().map(|number| 2 * number).collect();
    /// let work = Workload::<u64, u64>::scripted([1, 2, 3], doubled);
    /// ```
    ///
    /// # Panics
    /// When a result cannot be encoded.
    #[must_use]
    pub fn scripted(
        commands: impl IntoIterator<Item = C>,
        results: impl Fn(&[C]) -> Vec<R> + Send + Sync + 'static,
    ) -> Self {
        let commands: Vec<C> = commands.into_iter().collect();
        let workload = Self::of(commands.clone()).expecting(results(&commands));
        let results_of = move |indices: &[u64]| {
            let at = |&index: &u64| commands.get(usize::try_from(index).ok()?).cloned();
            let chosen: Vec<C> = indices.iter().filter_map(at).collect();
            let encode = |result| codec::encode(&result).expect("a result encodes");
            results(&chosen).into_iter().map(encode).collect()
        };
        Self { results: Some(Arc::new(results_of)), ..workload }
    }

    /// `count` commands, each created by `template`.
    #[must_use]
    pub fn template(
        count: u64,
        template: impl Fn(&mut TemplateContext) -> C + Send + Sync + 'static,
    ) -> Self {
        Self::with_commands(Some(count), Arc::new(template))
    }

    /// Infinitely many commands, each created by `template`.
    #[must_use]
    pub fn infinite(template: impl Fn(&mut TemplateContext) -> C + Send + Sync + 'static) -> Self {
        Self::with_commands(None, Arc::new(template))
    }

    fn with_commands(count: Option<u64>, template: Template<C>) -> Self {
        Self {
            commands: Commands { count, template },
            expected: Vec::new(),
            results: None,
            period: Duration::ZERO,
            result: PhantomData,
        }
    }

    /// Sets the expected results of the first commands, in order.
    ///
    /// # Panics
    /// When a result cannot be encoded.
    #[must_use]
    pub fn expecting(mut self, results: impl IntoIterator<Item = R>) -> Self {
        let encode = |result| codec::encode(&result).expect("a result encodes");
        self.expected = results.into_iter().map(encode).collect();
        self.results = None;
        self
    }

    /// Limits the rate to one command per `period`. Without this, a command follows the previous
    /// result at once.
    #[must_use]
    pub fn every(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }
}

/// A workload without its types, as engines use it.
pub trait ErasedWorkload: Send + Sync {
    /// How many commands there are; `None` if infinite.
    fn count(&self) -> Option<u64>;

    /// The encoded command at `index`.
    fn command(&self, seed: u64, client: Address, index: u64) -> Vec<u8>;

    /// The encoded result that the command at `index` must have, if that is known.
    fn expected(&self, index: u64) -> Option<&[u8]>;

    /// The encoded results that the commands at these indices must have if a client is given no others; `None` if
    /// that is not known.
    fn expected_of(&self, indices: &[u64]) -> Option<Vec<Vec<u8>>>;

    /// The shortest time between two commands.
    fn period(&self) -> Duration;

    /// A command's text and data.
    fn show_command(&self, command: &[u8]) -> Rendered;

    /// The encoded command with this [data](Rendered::value); `None` if it is not a command's.
    fn read_command(&self, value: &serde_json::Value) -> Option<Vec<u8>>;

    /// A result's text and data.
    fn show_result(&self, result: &[u8]) -> Rendered;
}

/// A value as text for people, and as JSON for tools.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Its `Debug` text.
    pub text: String,
    /// The value as JSON.
    pub value: serde_json::Value,
}

impl Rendered {
    /// Renders the `V` that `bytes` encode, if they do.
    fn of<V: Value>(bytes: &[u8]) -> Self {
        match codec::decode::<V>(bytes) {
            Ok(value) => Self {
                text: format!("{value:?}"),
                value: serde_json::to_value(&value).unwrap_or(serde_json::Value::Null),
            },
            Err(error) => {
                Self { text: format!("<not readable: {error}>"), value: serde_json::Value::Null }
            }
        }
    }
}

impl<C: Value, R: Value> ErasedWorkload for Workload<C, R> {
    fn count(&self) -> Option<u64> {
        self.commands.count
    }

    fn command(&self, seed: u64, client: Address, index: u64) -> Vec<u8> {
        let random = Random::for_turn(seed, client, index);
        let command = (self.commands.template)(&mut TemplateContext { client, index, random });
        codec::encode(&command).expect("a command encodes")
    }

    fn expected(&self, index: u64) -> Option<&[u8]> {
        self.expected.get(usize::try_from(index).ok()?).map(Vec::as_slice)
    }

    fn expected_of(&self, indices: &[u64]) -> Option<Vec<Vec<u8>>> {
        self.results.as_ref().map(|results| results(indices))
    }

    fn period(&self) -> Duration {
        self.period
    }

    fn show_command(&self, command: &[u8]) -> Rendered {
        Rendered::of::<C>(command)
    }

    fn read_command(&self, value: &serde_json::Value) -> Option<Vec<u8>> {
        codec::encode(&C::deserialize(value).ok()?).ok()
    }

    fn show_result(&self, result: &[u8]) -> Rendered {
        Rendered::of::<R>(result)
    }
}

impl<C, R> Debug for Workload<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workload").field("count", &self.commands.count).finish_non_exhaustive()
    }
}
