//! The systems of lab 5: peers, and what people do in front of them.

use faultlab::random::Random;
use faultlab::simulate::Scenario;
use faultlab::workload::Workload;
use faultlab::{Address, NodeSpec, System};
use lab5_api::{Answer, Command};

/// The commands of a peer.
pub(super) type Work = Workload<Command, Answer>;

/// A peer, counted from 1.
pub(super) fn peer(number: usize) -> Address {
    Address::numbered("peer", number)
}

/// The peers from 1 to `count`.
pub(super) fn peers(count: usize) -> Vec<Address> {
    (1..=count).map(peer).collect()
}

/// Posts this text.
pub(super) fn post(text: &str) -> Command {
    Command::Post(text.to_owned())
}

/// Waits for this text.
pub(super) fn wait(text: &str) -> Command {
    Command::Await(text.to_owned())
}

/// These commands, with the answers that there are to them.
pub(super) fn work(commands: impl IntoIterator<Item = Command>) -> Work {
    Workload::scripted(commands, |commands| {
        let answer = |command: &Command| match command {
            Command::Post(_) => Answer::Posted,
            Command::Await(_) => Answer::Seen,
        };
        commands.iter().map(answer).collect()
    })
}

/// Peers that get these commands: as many peers as lists.
pub(super) fn system(commands: impl IntoIterator<Item = Work>) -> System {
    let work: Vec<Work> = commands.into_iter().collect();
    let all = peers(work.len());
    work.into_iter().zip(&all).fold(System::new(), |system, (work, &address)| {
        system.with(NodeSpec::client("peer", address, &all, work))
    })
}

/// A scenario of peers that get these commands.
pub(super) fn scenario<const N: usize>(commands: [Vec<Command>; N]) -> Scenario {
    Scenario::new().system(system(commands.map(work)))
}

/// A conversation of so many peers and posts: who posts what, and after reading which posts. Each peer waits in the end
/// until it has seen everything.
pub(super) fn conversation(random: &mut Random, peers: usize, posts: usize) -> Vec<Vec<Command>> {
    let mut commands = vec![Vec::new(); peers];
    let mut posted: Vec<(usize, String)> = Vec::new();
    for number in 1..=posts {
        let author = random.below(peers as u64) as usize;
        if !posted.is_empty() && random.below(3) > 0 {
            let (_, text) = random.pick(&posted);
            commands[author].push(wait(text));
        }
        let text = format!("post {number}");
        commands[author].push(post(&text));
        posted.push((author, text));
    }
    for (reader, commands) in commands.iter_mut().enumerate() {
        let of_others = posted.iter().filter(|(author, _)| *author != reader);
        commands.extend(of_others.map(|(_, text)| wait(text)));
    }
    commands
}
