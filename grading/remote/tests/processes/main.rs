//! Out-of-process nodes: the runs are the same as in process, byte for byte, and processes that exit, loop
//! or send wrong bytes do no harm.
//!
//! This program is also the node process that its tests start: with `--serve-nodes NAME` it serves the
//! nodes of the submission of that name.

#[path = "../../../../framework/tests/fixtures/at_most_once.rs"]
mod at_most_once;
mod batched_runs;
#[path = "../../../../framework/tests/common/mod.rs"]
mod common;
mod hosts;
#[path = "../../../../framework/tests/fixtures/durable_notebook.rs"]
mod notebook;
mod process_failures;
mod protocol;
mod restarts;
mod run_logs;
mod search_steps;
mod support;

use std::process::ExitCode;

use faultlab_remote::SERVE_NODES;
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [SERVE_NODES, "adder"] => faultlab_remote::main(&common::submission()),
        [SERVE_NODES, "notebook"] => faultlab_remote::main(&notebook::submission()),
        [SERVE_NODES, "at-most-once"] => faultlab_remote::main(&at_most_once::submission()),
        _ => libtest_mimic::run(&Arguments::from_args(), trials()).exit_code(),
    }
}

/// The tests, by subject.
macro_rules! trials {
    ($($subject:ident: $($test:ident),*;)*) => {
        vec![$($(Trial::test(concat!(stringify!($subject), "::", stringify!($test)), || {
            $subject::$test();
            Ok(())
        })),*),*]
    };
}

fn trials() -> Vec<Trial> {
    trials! {
        batched_runs:
            batched_runs_match_in_process_runs,
            batched_runs_match_in_process_runs_under_interventions,
            out_of_process_failures_match_in_process_failures;
        hosts:
            all_hosts_give_the_same_answers,
            durable_nodes_find_the_same_in_all_hosts,
            a_recorded_run_has_the_same_trace,
            the_stateless_host_detects_hidden_state;
        restarts:
            runs_with_restarts_are_the_same_in_all_hosts,
            batched_runs_with_restarts_match_in_process_runs,
            logs_of_runs_with_restarts_are_recorded_and_repeated;
        run_logs:
            a_trace_recorded_from_a_log_is_the_same,
            rerunning_a_log_detects_hidden_state,
            reruns_fail_when_no_process_starts;
        process_failures:
            a_process_exit_affects_only_its_own_run,
            an_infinite_loop_costs_one_run_and_bounded_time,
            failing_to_start_a_process_is_an_infra_error,
            an_unknown_exit_is_an_infra_error,
            exchange_finished_is_called_after_the_last_answer;
        protocol:
            protocol_errors_end_the_process,
            slow_answers_time_out,
            a_closed_stream_is_the_end_of_the_process;
        search_steps:
            out_of_process_search_matches_in_process,
            the_step_that_ends_its_process_is_known,
            an_endless_step_costs_bounded_time,
            two_processes_that_disagree_are_not_deterministic,
            trees_out_of_process_match_in_process;
    }
}
