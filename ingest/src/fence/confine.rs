//! What a program of others is left with. Each part stands for itself: a kernel without one of them still has
//! the others.

use rustix::process::{Resource, Rlimit, setrlimit};

use super::Errand;

/// LibreOffice has some hundred open.
const MAX_OPEN_FILES: u64 = 1024;

/// Takes away from this process, and from the program that it becomes, what the errand does not name.
pub(super) fn confine(errand: &Errand) {
    let limit = |resource, soft: u64, hard: u64| {
        let _ = setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) });
    };
    limit(Resource::As, errand.max_memory_bytes, errand.max_memory_bytes);
    limit(Resource::Cpu, errand.max_cpu_seconds, errand.max_cpu_seconds + 1);
    limit(Resource::Fsize, errand.max_file_bytes, errand.max_file_bytes);
    limit(Resource::Core, 0, 0);
    limit(Resource::Nofile, MAX_OPEN_FILES, MAX_OPEN_FILES);
    #[cfg(target_os = "linux")]
    linux::deny(errand);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
        path_beneath_rules,
    };
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
        TargetArch,
    };

    use super::super::Errand;

    /// Programs, libraries, fonts and what describes them. No home, no data, no configuration of services.
    const SYSTEM: &[&str] = &[
        "/usr",
        "/lib",
        "/lib32",
        "/lib64",
        "/bin",
        "/etc/alternatives",
        "/etc/fonts",
        "/etc/ld.so.cache",
        "/etc/libreoffice",
        "/etc/localtime",
        "/var/cache/fontconfig",
        "/var/lib/libreoffice",
        "/var/spool/libreoffice",
        "/dev/urandom",
    ];
    const DEVICES: &[&str] = &["/dev/null"];

    /// Calls that reach beyond the process: other processes, other namespaces, the kernel. A process that leaves
    /// the group would outlive the errand.
    const DENIED: &[libc::c_long] = &[
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_setsid,
        libc::SYS_setpgid,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl,
        libc::SYS_open_by_handle_at,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_kexec_load,
    ];

    pub(super) fn deny(errand: &Errand) {
        let _ = deny_files_and_network(errand);
        if let Some(filter) = filter() {
            let _ = seccompiler::apply_filter(&filter);
        }
    }

    /// The kernel enforces as much of it as it knows.
    fn deny_files_and_network(errand: &Errand) -> Result<(), RulesetError> {
        let abi = ABI::V6;
        let read = AccessFs::from_read(abi);
        // Links could point out of the folder, to what whoever looks for the result may read.
        let special = AccessFs::MakeSym | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::Execute;
        let own = AccessFs::from_all(abi) & !special;
        let device = AccessFs::ReadFile | AccessFs::WriteFile;
        Ruleset::default()
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(SYSTEM, read))?
            .add_rules(path_beneath_rules(installation(&errand.program), read))?
            .add_rules(path_beneath_rules(DEVICES, device))?
            .add_rules(path_beneath_rules(&errand.folder, own))?
            .restrict_self()?;
        Ok(())
    }

    /// A program outside of the system's folders brings its own: `…/bin/program` with `…/lib` and `…/share`.
    fn installation(program: &Path) -> Option<PathBuf> {
        let program = program.canonicalize().ok()?;
        let folder = program.parent()?;
        let whole = folder.parent().filter(|whole| whole.components().count() > 2 && folder.ends_with("bin"));
        let whole = whole.or_else(|| folder.parent().filter(|_| folder.ends_with("program")));
        Some(whole.unwrap_or(&program).to_owned())
    }

    /// Where `access` has its mode.
    #[cfg(target_arch = "x86_64")]
    const ACCESS: (libc::c_long, u8) = (libc::SYS_access, 1);
    #[cfg(not(target_arch = "x86_64"))]
    const ACCESS: (libc::c_long, u8) = (libc::SYS_faccessat, 2);

    /// All calls but those that are denied; sockets only between processes of this machine, which landlock keeps
    /// inside the fence. A denied call fails with `EPERM`: a program that tries one can still go on without.
    fn filter() -> Option<BpfProgram> {
        let architecture = TargetArch::try_from(std::env::consts::ARCH).ok()?;
        let family = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, libc::AF_UNIX as u64).ok()?;
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = DENIED.iter().map(|call| (*call, Vec::new())).collect();
        // It knows nothing of landlock, and says that /tmp can be written to: LibreOffice would insist on doing so.
        let (access, mode) = ACCESS;
        let writing = u64::from(libc::W_OK.cast_unsigned());
        let writes =
            SeccompCondition::new(mode, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(writing), writing).ok()?;
        rules.insert(access, vec![SeccompRule::new(vec![writes]).ok()?]);
        rules.insert(libc::SYS_socket, vec![SeccompRule::new(vec![family]).ok()?]);
        let filter =
            SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32), architecture)
                .ok()?;
        filter.try_into().ok()
    }
}
