//! What a cell gives up before it looks at a file: memory and CPU time without bound, and on Linux files,
//! network and other programs.

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::limits::Limits;

/// Takes away from this process, and the threads it starts from now on, what a parser does not need. What
/// the system refuses to take away stays: the parent still watches the clock.
pub(super) fn confine(limits: &Limits) {
    let limit = |resource, soft: u64, hard: u64| {
        let _ = setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) });
    };
    limit(Resource::As, limits.max_memory_bytes, limits.max_memory_bytes);
    limit(Resource::Cpu, limits.max_cpu_seconds, limits.max_cpu_seconds + 1);
    limit(Resource::Core, 0, 0);
    limit(Resource::Fsize, 0, 0);
    #[cfg(target_os = "linux")]
    system_calls::deny();
    // Last, because the steps before open files: from here on only the pipes that are open.
    limit(Resource::Nofile, 0, 0);
}

#[cfg(target_os = "linux")]
mod system_calls {
    use std::collections::BTreeMap;

    use landlock::{ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError};
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

    /// All that a program needs which reads a pipe, computes on several threads and writes a pipe.
    const ALLOWED: &[libc::c_long] = &[
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_ppoll,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_prctl,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_restart_syscall,
        libc::SYS_setrlimit,
        libc::SYS_prlimit64,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// Denies files, network and every system call that is not in the list. Each fence stands for itself:
    /// a kernel without one of them still has the other.
    pub(super) fn deny() {
        let _ = deny_files_and_network();
        if let Some(filter) = filter() {
            let _ = seccompiler::apply_filter(&filter);
        }
    }

    /// An empty set of rules allows nothing; the kernel enforces as much of it as it knows.
    fn deny_files_and_network() -> Result<(), RulesetError> {
        Ruleset::default()
            .handle_access(AccessFs::from_all(ABI::V5))?
            .handle_access(AccessNet::from_all(ABI::V5))?
            .create()?
            .restrict_self()?;
        Ok(())
    }

    /// A denied call fails with `EPERM`: a library that tries one can still go on without.
    fn filter() -> Option<BpfProgram> {
        let architecture = TargetArch::try_from(std::env::consts::ARCH).ok()?;
        let rules: BTreeMap<i64, _> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        let filter =
            SeccompFilter::new(rules, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow, architecture)
                .ok()?;
        filter.try_into().ok()
    }
}
