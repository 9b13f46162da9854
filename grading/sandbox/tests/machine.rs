//! Tests what each combination of mechanisms of this machine prevents. The attacker is this program, started again with the
//! name of an attack.

#[path = "machine/attacks.rs"]
mod attacks;
#[path = "machine/compiler.rs"]
mod compiler;
#[path = "machine/running.rs"]
mod running;
#[path = "machine/support.rs"]
mod support;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [support::ATTACK, name, rest @ ..] => return attacks::run(name, rest),
        ["--grade", mechanisms, mark] => {
            running::grade(mechanisms, mark);
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let mut trials = vec![support::the_required_tier()];
    trials.extend(running::trials());
    trials.extend(compiler::trials());
    let before = support::mounts();
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    assert_eq!(support::mounts(), before, "mounts were left behind");
    conclusion.exit_code()
}
