//! The searches of later labs in the suite's language, against small stand-ins for the labs: right ones pass, and wrong
//! ones are explained.

mod lab2;
mod lab3;
mod paxos;
mod primary_backup;

use faultlab::Address;
use faultlab::hosting::Submission;
use faultlab::search::Search;
use faultlab::simulate::{Options, Verdict};
use faultlab::trace::MemoryRecorder;
use faultlab::trace::replay::ReplayStatus;
use faultlab::trace::show::{self, diagram};
use faultlab_suites::{Part, Suite, Test, replay_saved, run};

fn server(number: usize) -> Address {
    Address::numbered("server", number)
}

fn client(number: usize) -> Address {
    Address::numbered("client", number)
}

/// The search without these nodes: nothing reaches or leaves them, and their timers do not fire.
fn without(search: Search, nodes: &[Address]) -> Search {
    nodes.iter().fold(search, |search, &node| {
        search.block_sends(node).block_receives(node).stop_timers(node)
    })
}

/// The search with these nodes only.
fn only(search: Search, nodes: &[Address]) -> Search {
    let all = search.system().nodes().iter().map(|spec| spec.address());
    let others: Vec<Address> = all.filter(|node| !nodes.contains(node)).collect();
    without(search, &others)
}

fn suite(test: Test) -> Suite {
    let part = test.number().part;
    Suite::new("later", "Later labs").part(Part::new(part, "Searches").test(test))
}

fn passes(test: Test, submission: &Submission) {
    let suite = suite(test);
    let test = suite.tests().next().expect("a test");
    let run = run(&suite, test, 0, submission, Options::default());
    for search in &run.searches {
        println!("{}: {:?}, {} states", search.title, search.outcome, search.states);
    }
    assert!(run.outcome.verdict.held(), "{}: {:?}", test.number(), run.outcome.verdict);
}

/// How a test explains what is wrong with a submission: the sentence, and the run. The run can be replayed.
fn explained(test: Test, submission: &Submission) -> String {
    let suite = suite(test);
    let test = suite.tests().next().expect("a test");
    let mut recorder = MemoryRecorder::new();
    let options = Options { recorder: Some(&mut recorder), ..Options::default() };
    let run = run(&suite, test, 0, submission, options);
    let Verdict::Violated(violation) = &run.outcome.verdict else { panic!("{:?}", run.outcome) };
    let trace = recorder.into_trace().expect("a failing search has a run");
    let replayed = replay_saved(&suite, &trace, submission, &mut String::new);
    let status = replayed.expect("the test exists").status;
    assert!(matches!(status, ReplayStatus::Reproduced { same: true, .. }), "{status}");
    let ended =
        run.searches.iter().map(|search| format!("{}: {:?}\n", search.title, search.outcome));
    let ended: String = ended.collect();
    format!("{ended}\n{violation}\n\n{}", diagram(&trace, &show::Options::default()))
}

mod lab_2 {
    use super::primary_backup::{Fault, submission};
    use super::{explained, lab2, passes};

    #[test]
    fn a_right_service_passes() {
        for test in [lab2::test_2_17(), lab2::test_2_18(), lab2::test_2_19()] {
            passes(test, &submission(Fault::None));
        }
    }

    #[test]
    fn a_backup_that_says_nothing_is_explained() {
        insta::assert_snapshot!(explained(lab2::test_2_17(), &submission(Fault::SilentBackup)));
    }

    #[test]
    fn a_primary_that_answers_first_is_explained() {
        insta::assert_snapshot!(explained(lab2::test_2_18(), &submission(Fault::AnswersFirst)));
    }

    #[test]
    fn a_backup_without_state_is_explained() {
        insta::assert_snapshot!(explained(lab2::test_2_19(), &submission(Fault::ForgetsState)));
    }
}

mod lab_3 {
    use super::paxos::{Fault, submission};
    use super::{explained, lab3, passes};

    #[test]
    fn a_right_log_passes() {
        for test in [lab3::test_22(), lab3::test_23()] {
            passes(test, &submission(Fault::None));
        }
    }

    #[test]
    fn a_leader_that_ignores_what_was_accepted_is_explained() {
        insta::assert_snapshot!(explained(lab3::test_22(), &submission(Fault::IgnoresAccepted)));
    }

    #[test]
    fn a_leader_that_waits_for_all_is_explained() {
        insta::assert_snapshot!(explained(lab3::test_22(), &submission(Fault::WaitsForAll)));
    }

    #[test]
    fn a_leader_that_counts_old_accepts_is_explained() {
        insta::assert_snapshot!(explained(lab3::test_23(), &submission(Fault::CountsOldAccepts)));
    }
}
