//! Attempts to escape. Each attack reports whether it succeeded.

use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getppid, kill_process};
use rustix::time::{DynamicClockId, clock_gettime_dynamic};

/// Runs the attack of this name.
pub fn run(name: &str, arguments: &[&str]) -> ExitCode {
    let argument = || *arguments.first().expect("an argument");
    match name {
        "read" => say(fs::read_to_string(argument())),
        "write" => say(File::create(argument())),
        "append" => say(OpenOptions::new().append(true).open(argument())),
        "remove" => say(fs::remove_file(argument())),
        "link" => say(std::os::unix::fs::symlink("/etc/passwd", argument())),
        "proc" => say(fs::read_to_string("/proc/self/environ")),
        "memory-file" => say(OpenOptions::new().write(true).open("/proc/self/mem")),
        "descriptors" => descriptors(),
        "environment" => println!("{:?}", std::env::vars().collect::<Vec<_>>()),
        "listen" => say(TcpListener::bind("127.0.0.1:0")),
        "connect" => say(TcpStream::connect("127.0.0.1:1")),
        "udp" => say(UdpSocket::bind("127.0.0.1:0")),
        "unix-socket" => say(UnixListener::bind("socket")),
        "thread" => say(thread::Builder::new().spawn(|| {})),
        "fork" => say(Command::new(std::env::current_exe().unwrap_or("x".into())).spawn()),
        "shell" => say(Command::new("/bin/sh").arg("-c").arg("echo out").spawn()),
        "kill-parent" => say(kill_parent()),
        "other-clock" => say(other_clock()),
        "memory" => memory(),
        "stack" => println!("{}", depth(1)),
        "loop" => loop {
            std::hint::spin_loop();
        },
        "sleep" => thread::sleep(Duration::from_secs(1_000)),
        "print" => print(1 << 9),
        "flood" => print(1 << 13),
        "fill" => fill(argument()),
        "silent" => {}
        "panic" => panic!("on purpose"),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// Prints whether an attack succeeded, or the kind of its error.
fn say<V>(result: io::Result<V>) {
    match result {
        Ok(_) => println!("succeeded"),
        Err(error) => println!("failed: {:?}", error.kind()),
    }
}

/// Counts the open descriptors, if there is a /proc.
fn descriptors() {
    let entries = fs::read_dir("/proc/self/fd").and_then(Iterator::collect::<io::Result<Vec<_>>>);
    match entries {
        // One of them is open to read the folder.
        Ok(entries) => println!("{} descriptors", entries.len() - 1),
        Err(error) => println!("failed: {:?}", error.kind()),
    }
}

fn kill_parent() -> io::Result<()> {
    let parent = getppid().ok_or(io::ErrorKind::NotFound)?;
    Ok(kill_process(parent, Signal::KILL)?)
}

/// Reads a clock whose number is made from a descriptor. Those made from process ids, which say how much a
/// process computed, are in the same range.
fn other_clock() -> io::Result<()> {
    clock_gettime_dynamic(DynamicClockId::Dynamic(io::stdin().as_fd()))?;
    Ok(())
}

/// Allocates one MiB after another.
fn memory() {
    let mut taken = Vec::new();
    loop {
        taken.push(black_box(vec![1_u8; 1 << 20]));
        if taken.len() % 64 == 0 {
            println!("{} MiB", taken.len());
        }
    }
}

#[allow(unconditional_recursion, clippy::only_used_in_recursion)]
fn depth(number: u64) -> u64 {
    black_box(depth(number + 1)) + 1
}

/// Prints `lines` lines of 64 KiB between two short ones.
fn print(lines: usize) {
    let line = [b'x'; 1 << 16];
    println!("the beginning");
    for _ in 0..lines {
        io::stdout().write_all(&line).expect("the output is open");
    }
    println!("the end");
}

/// Fills a folder until there is an error, and prints how many MiB were written.
fn fill(folder: &str) {
    let block = vec![7_u8; 1 << 20];
    let mut written = 0_u64;
    'files: for number in 0..10_000 {
        let Ok(mut file) = File::create(format!("{folder}/{number}")) else { break };
        for _ in 0..4 {
            if file.write_all(&block).is_err() {
                break 'files;
            }
            written += 1;
        }
    }
    println!("{written}");
}
