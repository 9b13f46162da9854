//! seccomp filters: the system calls that each kind of program needs.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::policy::SystemCalls;

/// Installs the filter for this process and the program that it becomes. `pid` is this process's own
/// id, the only one that a node process may signal.
pub(crate) fn apply(system_calls: SystemCalls, pid: u32) -> Result<(), Error> {
    let program = match system_calls {
        SystemCalls::Nodes => nodes(pid)?,
        SystemCalls::Compiler => compiler()?,
    };
    Ok(seccompiler::apply_filter(&program)?)
}

/// Why the filter could not be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The filter does not compile.
    #[error("the seccomp filter is wrong: {0}")]
    Wrong(#[from] seccompiler::BackendError),
    /// The kernel refuses the filter, or does not support filters.
    #[error("no seccomp: {0}")]
    Refused(#[from] seccompiler::Error),
    /// There is no list of system calls for this processor.
    #[error("no seccomp filter is known for this processor")]
    NoSuchProcessor,
}

fn processor() -> Result<TargetArch, Error> {
    std::env::consts::ARCH.try_into().map_err(|_| Error::NoSuchProcessor)
}

/// Denied calls fail with this error, which the program can report, unlike a signal.
const DENIED: SeccompAction = SeccompAction::Errno(libc::EPERM as u32);

/// The allow-list for a program that computes and communicates over open descriptors.
fn nodes(pid: u32) -> Result<BpfProgram, Error> {
    let mut rules: BTreeMap<c_long, Vec<SeccompRule>> =
        NODES.iter().map(|&call| (call, Vec::new())).collect();
    // Files can be opened for reading only; mounts and Landlock decide which files.
    let writing = u64::from(
        (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | libc::O_TMPFILE)
            .unsigned_abs()
            & !libc::O_DIRECTORY.unsigned_abs(),
    );
    let read_only = |argument| when(argument, SeccompCmpOp::MaskedEq(writing), 0);
    rules.insert(libc::SYS_openat, vec![read_only(2)?]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, vec![read_only(1)?]);
    // `abort` signals its own process.
    rules.insert(libc::SYS_tgkill, vec![when(0, SeccompCmpOp::Eq, pid.into())?]);
    // Numbers above the clocks of the system and of the process itself are clocks of other processes, which
    // would say how much these computed.
    let own_clock = || when(0, SeccompCmpOp::Le, libc::CLOCK_TAI.unsigned_abs().into());
    for call in [libc::SYS_clock_getres, libc::SYS_clock_gettime, libc::SYS_clock_nanosleep] {
        rules.insert(call, vec![own_clock()?]);
    }
    // Limits may be read but not changed.
    rules.insert(libc::SYS_prlimit64, vec![when(2, SeccompCmpOp::Eq, 0)?]);
    let commands = [libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL];
    let commands = commands.map(|command| when(1, SeccompCmpOp::Eq, command.unsigned_abs().into()));
    rules.insert(libc::SYS_fcntl, commands.into_iter().collect::<Result<_, _>>()?);
    let filter = SeccompFilter::new(rules, DENIED, SeccompAction::Allow, processor()?)?;
    Ok(filter.try_into()?)
}

/// The deny-list for a compiler and its linker, which run no code of the submission.
fn compiler() -> Result<BpfProgram, Error> {
    let rules = COMPILER_DENIED.iter().map(|&call| (call, Vec::new())).collect();
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, DENIED, processor()?)?.try_into()?)
}

/// A rule about one argument.
fn when(argument: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompRule, Error> {
    // Pointers are 64 bits wide; flags, commands and process numbers are ints.
    let width = if argument == 2 && value == 0 && is == SeccompCmpOp::Eq {
        SeccompCmpArgLen::Qword
    } else {
        SeccompCmpArgLen::Dword
    };
    Ok(SeccompRule::new(vec![SeccompCondition::new(argument, width, is, value)?])?)
}

/// The calls for starting a program, computing, printing and communicating.
const NODES: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_close,
    libc::SYS_dup3,
    libc::SYS_execve,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_faccessat,
    libc::SYS_fstat,
    libc::SYS_futex,
    libc::SYS_getcwd,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sendto,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_uname,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_arch_prctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_dup2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];

/// The calls that no compiler needs: the network, other processes' memory, and system settings.
const COMPILER_DENIED: &[c_long] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bind,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_connect,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_listen,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_socket,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];
