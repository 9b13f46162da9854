//! Snapshots of reports.

use std::time::Duration;

use faultlab::simulate::Scenario;
use faultlab_harness::report::terminal::Extent;
use faultlab_harness::report::{
    AlsoBroken, HandlerCost, PartReport, Report, SCHEMA, Shrinking, ShrunkRun, Status, TestReport,
    Timing, terminal, to_json, to_junit,
};
use faultlab_suites::{Part, Points, Suite, Test};

fn suite() -> Suite {
    let nothing = |_: &mut faultlab_suites::SeedContext| Scenario::new();
    Suite::new("lab9", "Counting")
        .part(
            Part::new(1, "A counter")
                .test(
                    Test::unit("1.1", "It counts")
                        .asserts("each command adds one")
                        .points(5)
                        .scenario(nothing),
                )
                .test(
                    Test::unit("1.2", "It forgets")
                        .asserts("nothing is kept of what was taken back")
                        .points(5)
                        .scenario(nothing),
                ),
        )
        .part(
            Part::new(2, "Counting over a network")
                .test(
                    Test::run("2.1", "Messages get lost")
                        .asserts("every command is counted once")
                        .points(10)
                        .unreliable()
                        .by_share_of_seeds()
                        .scenario(nothing),
                )
                .test(
                    Test::run("2.2", "The server is slow")
                        .asserts("no client gives up")
                        .points(3)
                        .scenario(nothing),
                ),
        )
}

fn report() -> Report {
    let suite = suite();
    let about = |number: &str| {
        let number = number.parse().expect("it is the number of a test");
        let test = suite.test(number).expect("it is in the suite");
        TestReport {
            number,
            title: test.title().to_owned(),
            asserts: test.asserts().to_owned(),
            kind: test.kind(),
            unreliable: test.is_unreliable(),
            credit: test.credit(),
            status: Status::Passed,
            points_earned: test.points(),
            points_possible: test.points(),
            seeds_planned: test.seeds(20),
            seeds_run: test.seeds(20),
            seeds_passed: test.seeds(20),
            failing_seeds: Vec::new(),
            property: None,
            reason: None,
            book: None,
            also_broken: Vec::new(),
            shown_seed: None,
            excerpt: None,
            shrinking: None,
            searches: Vec::new(),
            reproduce: format!("./scripts/run-tests.sh lab9 -n {number}"),
        }
    };
    let mut report = Report {
        schema: SCHEMA.to_owned(),
        lab: suite.lab().to_owned(),
        title: suite.title().to_owned(),
        seed: 1,
        seeds: 20,
        complete: true,
        base_labs: Vec::new(),
        compile_error: None,
        points_earned: Points::ZERO,
        points_possible: Points::ZERO,
        parts: suite
            .parts()
            .iter()
            .map(|part| PartReport {
                number: part.number(),
                title: part.title().to_owned(),
                points_earned: Points::ZERO,
                points_possible: Points::ZERO,
            })
            .collect(),
        tests: vec![
            about("1.1"),
            TestReport {
                status: Status::NotImplemented,
                points_earned: Points::ZERO,
                seeds_passed: 0,
                failing_seeds: vec![7],
                reason: Some("not implemented yet: part 1: forget (src/counter.rs:8:9)".to_owned()),
                shown_seed: Some(7),
                ..about("1.2")
            },
            TestReport {
                status: Status::Partial,
                points_earned: Points::hundredths(650),
                seeds_passed: 13,
                failing_seeds: (1..=7).collect(),
                property: Some("results are right".to_owned()),
                reason: Some(
                    "expected client1's command 3 to return 3, but it returned 4".to_owned(),
                ),
                shown_seed: Some(2),
                excerpt: Some("client1   server\n  ├────────▶●   Add <1> & \"2\"\n".to_owned()),
                reproduce: "./scripts/run-tests.sh lab9 -n 2.1 --only-seed 2".to_owned(),
                ..about("2.1")
            },
            TestReport {
                status: Status::TimedOut,
                points_earned: Points::ZERO,
                seeds_run: 1,
                seeds_passed: 0,
                failing_seeds: vec![9],
                property: Some("every handler returns".to_owned()),
                book: Some("faq.html#may-i-use-threads-sleep-or-the-clock".to_owned()),
                reason: Some(
                    "server's on_message, given Add from client1, did not return".to_owned(),
                ),
                shown_seed: Some(9),
                ..about("2.2")
            },
        ],
        timing: Timing {
            compile_ms: 400,
            run_ms: 600,
            handlers: vec![HandlerCost {
                handler: "server on_message Add".to_owned(),
                calls: 12_345,
                total_ns: 24_690_000,
                processor_ns: 24_000_000,
                longest_ns: 310_400,
            }],
        },
    };
    report.add_up();
    report
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn the_terminal_report_has_tests_failures_and_points() {
    let (suite, report) = (suite(), report());
    let tests: Vec<&Test> = suite.tests().collect();
    let mut text = terminal::start(&suite, &tests, "20 seeds per run test, suite seed 1");
    for (index, test) in report.tests.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| &report.tests[before]);
        text.push_str(&terminal::test_line(&suite, test, before, false));
    }
    text.push_str(&terminal::failures(
        &report,
        &|_, _| None,
        Extent::Screen(terminal::SCREEN_LINES),
    ));
    let changes = ["better than your last run: 1.1".to_owned()];
    text.push_str(&terminal::summary(&report, &changes, Duration::from_millis(1_034), false));
    insta::assert_snapshot!(plain(&text));
}

#[test]
fn the_list_shows_points_kind_and_credit() {
    let suite = suite();
    let tests: Vec<&Test> = suite.tests().collect();
    insta::assert_snapshot!(plain(&terminal::list(&suite, &tests, 20)));
}

#[test]
fn junit_has_one_suite_per_part_and_is_escaped() {
    insta::assert_snapshot!(to_junit(&report()));
}

#[test]
fn json_round_trips_and_has_plain_numbers() {
    let text = to_json(&report());
    assert_eq!(serde_json::from_str::<Report>(&text).expect("it is a report"), report());
    insta::assert_snapshot!(text);
}

#[test]
fn a_shrunk_run_is_shown_instead_of_the_original() {
    let mut report = report();
    let before = to_json(&report);
    let failed = &mut report.tests[2];
    failed.shrinking = Some(Shrinking::Shrunk(ShrunkRun {
        events: 9,
        original_events: 1_240,
        reason: "expected client1's command 1 to return 1, but it returned 2".to_owned(),
        also_broken: Vec::new(),
        excerpt: "client1   server\n  ├────────▶●   Add 1\n".to_owned(),
        steps: 4_321,
        is_cut_short: false,
    }));
    insta::assert_snapshot!(plain(&terminal::failure(failed, None)));
    let shown = |failed: &TestReport| plain(&terminal::failure(failed, None));
    if let Some(Shrinking::Shrunk(run)) = &mut failed.shrinking {
        run.is_cut_short = true;
    }
    assert!(shown(failed).contains("to 9 events, where the limit of"), "{}", shown(failed));
    let junit = to_junit(&report);
    assert!(junit.contains("command 1 to return 1") && !junit.contains("command 3"), "{junit}");
    let json = to_json(&report);
    assert_eq!(serde_json::from_str::<Report>(&json).expect("it is a report"), report);
    assert!(json.contains("shrinking") && !before.contains("shrinking"));

    let failed = &mut report.tests[2];
    failed.shrinking = Some(Shrinking::NotShrunk("it is too long".to_owned()));
    let shown = shown(failed);
    assert!(shown.contains("the run seed 2, not shrunk: it is too long"), "{shown}");
    assert!(shown.contains("command 3 to return 3"), "{shown}");
}

#[test]
fn only_terminals_get_colours() {
    let report = report();
    let text = terminal::summary(&report, &[], Duration::ZERO, false);
    assert!(text.contains('\u{1b}'));
    assert!(!to_json(&report).contains("\\u001b"));
    assert!(!to_junit(&report).contains('\u{1b}'));
}

#[test]
fn other_violations_follow_the_first() {
    let mut report = report();
    let before = to_json(&report);
    let failed = &mut report.tests[2];
    failed.also_broken = vec![AlsoBroken {
        property: "messages are <small>".to_owned(),
        reason: "expected messages of at most 9 bytes, but one had 12".to_owned(),
    }];
    let shown = plain(&terminal::failure(failed, None));
    let places =
        ["results are right", "it returned 4", "messages are <small>", "one had 12", "seeds 7"]
            .map(|text| shown.find(text).unwrap_or_else(|| panic!("{text} is not in\n{shown}")));
    assert!(places.is_sorted(), "{shown}");
    let junit = to_junit(&report);
    assert!(
        junit.contains("also broken: messages are &lt;small&gt;: expected messages"),
        "{junit}"
    );
    let json = to_json(&report);
    assert_eq!(serde_json::from_str::<Report>(&json).expect("it is a report"), report);
    assert!(json.contains("also_broken") && !before.contains("also_broken"));
    // Reports without the newer field can still be read.
    serde_json::from_str::<Report>(&before).expect("it is a report");
}
