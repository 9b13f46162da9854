//! Attacks at run time, in each sandbox.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use faultlab_remote::ProcessExit;
use faultlab_sandbox::{ForkServer, Job, Sandbox, SandboxError, Tier};
use libtest_mimic::Trial;

use crate::support::{
    LAUNCHER, Test, assert_nothing_left, attack, in_each_sandbox, mark, mounts, processes, run,
    said,
};

pub fn trials() -> Vec<Trial> {
    let tests: &[Test] = &[
        ("files are closed", Tier::Landlock, files_are_closed),
        ("nothing can be written", Tier::Landlock, nothing_can_be_written),
        ("there is no /proc", Tier::Bubblewrap, there_is_no_proc),
        ("only three descriptors are inherited", Tier::Rlimits, only_three_descriptors),
        ("the environment is empty", Tier::Rlimits, the_environment_is_empty),
        ("there is no network", Tier::Landlock, there_is_no_network),
        ("clocks of others are closed", Tier::Landlock, clocks_of_others_are_closed),
        ("there are no threads or processes", Tier::Landlock, there_are_no_processes),
        ("the parent cannot be killed", Tier::Landlock, the_parent_cannot_be_killed),
        ("memory is limited", Tier::Rlimits, memory_is_limited),
        ("the stack is limited", Tier::Rlimits, the_stack_is_limited),
        ("time is limited", Tier::Rlimits, time_is_limited),
        ("output is kept at both ends", Tier::Rlimits, output_is_kept_at_both_ends),
        ("endless printing is stopped", Tier::Rlimits, endless_printing_is_stopped),
        ("the exit is reported", Tier::Rlimits, the_exit_is_reported),
        ("disks do not fill", Tier::Bubblewrap, disks_do_not_fill),
        ("a hidden child is killed too", Tier::Namespaces, a_hidden_child_is_killed_too),
        ("a killed grader leaves no process", Tier::Rlimits, a_killed_grader_leaves_no_process),
        ("a shared sandbox confines each program", Tier::Landlock, a_shared_sandbox),
        ("a shared sandbox that ended is replaced", Tier::Bubblewrap, an_ended_sandbox_is_replaced),
        ("a missing program is an infrastructure error", Tier::Rlimits, a_missing_program),
    ];
    tests.iter().flat_map(|&test| in_each_sandbox(test)).collect()
}

fn failed(sandbox: &Sandbox, job: &Job) {
    let said = said(sandbox, job);
    assert!(said.starts_with("failed: "), "{}: it {said}", sandbox.tier());
}

/// A folder with a file that any user may read and write.
fn open_to_all() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("grades");
    fs::write(&file, "all grades").expect("a file in it");
    for path in [folder.path(), &file] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("its mode");
    }
    folder
}

fn files_are_closed(sandbox: &Sandbox) {
    let folder = open_to_all();
    let secret = folder.path().join("grades");
    for file in [Path::new("/etc/passwd"), Path::new("/etc/hostname"), &secret] {
        failed(sandbox, &attack("read").argument(file));
    }
    // A file that is given can be read.
    let given = attack("read").argument(&secret).read(&secret);
    assert_eq!(said(sandbox, &given), "succeeded");
    for how in ["write", "append", "remove"] {
        failed(sandbox, &attack(how).argument(&secret).read(&secret));
    }
    assert_eq!(fs::read_to_string(&secret).expect("it is still there"), "all grades");
}

fn nothing_can_be_written(sandbox: &Sandbox) {
    let folder = open_to_all();
    // Neither in a compiler's scratch folder nor next to the program.
    for place in [folder.path(), Path::new("/tmp"), Path::new("/"), Path::new("/dev/shm")] {
        let file = place.join(mark());
        failed(sandbox, &attack("write").argument(&file).write(folder.path()));
        failed(sandbox, &attack("link").argument(&file).write(folder.path()));
        assert!(!file.exists());
    }
}

fn there_is_no_proc(sandbox: &Sandbox) {
    failed(sandbox, &attack("proc"));
    failed(sandbox, &attack("memory-file"));
}

fn only_three_descriptors(sandbox: &Sandbox) {
    let folder = open_to_all();
    let secret = fs::File::open(folder.path().join("grades")).expect("it opens");
    // Makes the descriptor inheritable, as build tools do.
    rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).expect("it can be handed on");
    let said = said(sandbox, &attack("descriptors").read("/proc"));
    let sees_proc = sandbox.tier() == Tier::Rlimits;
    assert!(said == "3 descriptors" || (!sees_proc && said.starts_with("failed: ")), "{said}");
}

fn the_environment_is_empty(sandbox: &Sandbox) {
    let said = said(sandbox, &attack("environment").variable("GIVEN", "1"));
    let without_bubblewrap_s = said.replace(r#", ("PWD", "/")"#, "");
    assert_eq!(without_bubblewrap_s, r#"[("GIVEN", "1")]"#);
}

fn there_is_no_network(sandbox: &Sandbox) {
    for how in ["listen", "connect", "udp", "unix-socket"] {
        assert_eq!(said(sandbox, &attack(how)), "failed: PermissionDenied", "{how}");
    }
}

fn clocks_of_others_are_closed(sandbox: &Sandbox) {
    assert_eq!(said(sandbox, &attack("other-clock")), "failed: PermissionDenied");
}

fn there_are_no_processes(sandbox: &Sandbox) {
    for how in ["thread", "fork", "shell"] {
        failed(sandbox, &attack(how));
    }
}

fn the_parent_cannot_be_killed(sandbox: &Sandbox) {
    failed(sandbox, &attack("kill-parent"));
}

fn memory_is_limited(sandbox: &Sandbox) {
    let job = attack("memory").limits(|limits| limits.memory_bytes = 256 << 20);
    let finished = run(sandbox, &job);
    assert_eq!(finished.exit, ProcessExit::Signalled(6), "{}", finished.printed);
    let printed = finished.printed.to_string();
    assert!(printed.contains("memory allocation of 1048576 bytes failed"), "{printed}");
    assert!(!printed.contains("256 MiB"), "{printed}");
}

fn the_stack_is_limited(sandbox: &Sandbox) {
    let finished = run(sandbox, &attack("stack"));
    // Without /proc, Rust cannot distinguish a full stack from an invalid address.
    let is_reported = finished.printed.to_string().contains("has overflowed its stack");
    assert_eq!(finished.exit, ProcessExit::Signalled(if is_reported { 6 } else { 11 }));
}

fn time_is_limited(sandbox: &Sandbox) {
    let (started, mark) = (Instant::now(), mark());
    let waiting = attack("sleep").argument(&mark).wall_max(Duration::from_millis(300));
    assert_eq!(run(sandbox, &waiting).exit, ProcessExit::Killed);
    assert_nothing_left(&mark);
    let busy = attack("loop").limits(|limits| limits.cpu_s = 1);
    // SIGXCPU: SIGKILL alone comes from outside.
    assert_eq!(run(sandbox, &busy).exit, ProcessExit::Signalled(24));
    assert!(started.elapsed() < Duration::from_secs(15));
}

fn output_is_kept_at_both_ends(sandbox: &Sandbox) {
    let finished = run(sandbox, &attack("print").output_bytes_max(4_096));
    let printed = finished.printed;
    assert_eq!((printed.head.len(), printed.tail.len()), (2_048, 2_048));
    assert_eq!(printed.left_out, (1 << 25) + 22 - 4_096);
    assert!(printed.head.starts_with(b"the beginning\n"));
    assert!(printed.tail.ends_with(b"the end\n"));
}

fn endless_printing_is_stopped(sandbox: &Sandbox) {
    let finished = run(sandbox, &attack("flood").output_bytes_max(4_096));
    assert_eq!(finished.exit, ProcessExit::OutputLimit);
    let printed = finished.printed;
    assert!(printed.head.starts_with(b"the beginning\n"));
    let in_all = printed.left_out + 4_096;
    assert!((64 << 20..65 << 20).contains(&in_all), "{in_all} bytes were taken");
}

fn the_exit_is_reported(sandbox: &Sandbox) {
    let finished = run(sandbox, &attack("silent"));
    assert_eq!((finished.exit, finished.printed.head.len()), (ProcessExit::Exited(0), 0));
    let finished = run(sandbox, &attack("panic"));
    assert_eq!(finished.exit, ProcessExit::Exited(101));
    assert!(finished.printed.to_string().contains("on purpose"));
}

fn disks_do_not_fill(sandbox: &Sandbox) {
    let program = std::env::current_exe().expect("this program has a file");
    let job = Job::compiler(program).arguments(["--attack", "fill", "/tmp"]).scratch(16 << 20);
    let written: u64 = said(sandbox, &job).parse().expect("a number");
    assert!((8..=16).contains(&written), "{written} MiB");
    // The root folder is in memory and must not fill that either.
    let program = std::env::current_exe().expect("this program has a file");
    let job = Job::compiler(program).arguments(["--attack", "fill", "/"]);
    assert_eq!(said(sandbox, &job), "0");
}

fn a_hidden_child_is_killed_too(sandbox: &Sandbox) {
    let mark = mark();
    // The compiler's job may start processes. Only the hidden child has the mark with the `x`.
    let script = format!("M={mark}; setsid sh -c \"sleep 1000; : x$M\" & sleep 1; echo up");
    let job = Job::compiler("/bin/sh").arguments(["-c", &script]).variable("PATH", "/usr/bin");
    let job = ["/bin", "/usr/bin", "/lib", "/lib64", "/usr/lib"].iter().fold(job, Job::read);
    let confined = sandbox.start(&job).expect("the sandbox works");
    let hidden = format!("x{mark}");
    wait_for(|| !processes(&hidden).is_empty(), "the child never started");
    let finished = confined.wait();
    assert_eq!(finished.printed.to_string(), "up\n");
    assert_nothing_left(&hidden);
}

fn wait_for(done: impl Fn() -> bool, otherwise: &str) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(10), "{otherwise}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Starts a grader process that starts a program, kills the grader, and checks that no process is left.
fn a_killed_grader_leaves_no_process(sandbox: &Sandbox) {
    let mark = mark();
    let mut grader = Command::new(std::env::current_exe().expect("this program has a file"))
        .args(["--grade", sandbox.mechanisms(), &mark])
        .stdin(Stdio::null())
        .spawn()
        .expect("the grader starts");
    // The grader itself, and the confined program.
    wait_for(|| processes(&mark).len() >= 2, "the program never started");
    grader.kill().expect("it can be killed");
    grader.wait().expect("it ends");
    assert_nothing_left(&mark);
}

/// The grader of the previous test.
pub fn grade(mechanisms: &str, mark: &str) {
    let sandbox = Sandbox::probe_only(Path::new(LAUNCHER), mechanisms).expect("it works");
    run(&sandbox, &attack("sleep").argument(mark).wall_max(Duration::from_secs(60)));
}

/// A fork server confines programs and reports their exits like a sandbox of their own.
fn a_shared_sandbox(sandbox: &Sandbox) {
    let started = |job: Job, times: usize| {
        let mut server = ForkServer::new(sandbox.clone(), job);
        let run = |_| server.run().expect("the sandbox works");
        (0..times).map(run).last().expect("it was run")
    };
    for how in ["kill-parent", "thread", "fork", "listen", "memory-file"] {
        let finished = started(attack(how), 3);
        assert_eq!(finished.exit, ProcessExit::Exited(0));
        let printed = finished.printed.to_string();
        assert!(printed.starts_with("failed: "), "{how}: {printed}");
    }
    assert_eq!(started(attack("panic"), 2).exit, ProcessExit::Exited(101));
    assert!(matches!(started(attack("stack"), 2).exit, ProcessExit::Signalled(6 | 11)));
    let mark = mark();
    let waiting = attack("sleep").argument(&mark).wall_max(Duration::from_millis(300));
    assert_eq!(started(waiting, 2).exit, ProcessExit::Killed);
    assert_nothing_left(&mark);
}

/// Kills everything in a shared sandbox: the program's exit is reported as unknown, and the next program is
/// started in another sandbox.
fn an_ended_sandbox_is_replaced(sandbox: &Sandbox) {
    let mark = mark();
    let waiting = attack("sleep").argument(&mark).wall_max(Duration::from_secs(5));
    let mut server = ForkServer::new(sandbox.clone(), waiting);
    let killer = {
        let mark = mark.clone();
        thread::spawn(move || {
            // bubblewrap's two processes, the fork server, and the program itself.
            wait_for(|| processes(&mark).len() >= 4, "the program never started");
            for process in processes(&mark) {
                let number = process.file_name().expect("it has a number");
                // All are killed with the first.
                let _ = Command::new("kill").arg("-9").arg(number).stderr(Stdio::null()).status();
            }
        })
    };
    let error = server.run().expect_err("its exit is unknown");
    assert!(matches!(error, SandboxError::Ended), "{error}");
    killer.join().expect("it kills");
    assert_eq!(server.run().expect("another sandbox").exit, ProcessExit::Killed);
    drop(server);
    assert_nothing_left(&mark);
}

fn a_missing_program(sandbox: &Sandbox) {
    let before = mounts();
    let error = sandbox.run(&Job::computing("/no/such/program")).expect_err("there is none");
    assert!(matches!(error, SandboxError::NotStarted(_)), "{error}");
    assert_eq!(mounts(), before);
}
