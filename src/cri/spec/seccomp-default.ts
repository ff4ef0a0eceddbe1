import type { OciSeccomp, OciSeccompRule } from './oci-spec.ts';

/**
 * The profile of RuntimeDefault, of the shape that upstream runtimes use: what programs need is allowed, what the kernel gives to root alone follows the
 * container's capabilities, the rest is refused. Refused is EPERM for calls that are known here and ENOSYS for all others, so that programs fall back where a C
 * library tries a call that is younger than this list. Pure.
 */
export function defaultSeccomp(architecture: string, granted: readonly string[]): OciSeccomp {
  const withheld = BY_CAPABILITY.filter(({ capability }) => !granted.includes(capability));
  const given = BY_CAPABILITY.filter(({ capability }) => granted.includes(capability));
  const allowed = new Set([...ALWAYS, ...given.flatMap(({ calls }) => calls)]);
  const refused = new Set(
    [...NEVER, ...withheld.flatMap(({ calls }) => calls)].filter(call => !allowed.has(call) && !CLONES.includes(call)),
  );
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    ...(ARCHITECTURES[architecture] === undefined ? {} : { architectures: ARCHITECTURES[architecture] }),
    syscalls: [
      { names: [...allowed].sort(), action: 'SCMP_ACT_ALLOW' },
      { names: [...refused].sort(), action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
      ...SOCKETS,
      ...PERSONALITIES,
      ...(granted.includes('CAP_SYS_ADMIN') ? [] : CLONE_WITHOUT_NAMESPACES),
    ],
  };
}

const EPERM = 1;
const ENOSYS = 38;

/**
 * By Node's names. Programs of the smaller sibling run in the same container. Those of x32 do not: kernels of distributions do not run them, and the filter is compiled
 * anew for every architecture at every start of a container (16 ms each, seen with crun 1.8).
 */
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** Names that an architecture does not have are passed over by the runtimes. */
const ALWAYS: readonly string[] = words(`
  accept accept4 access adjtimex alarm arch_prctl arm_fadvise64_64 arm_sync_file_range bind breakpoint brk cacheflush cachestat capget capset chdir chmod chown
  chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range
  connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
  eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32
  fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate
  ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64
  getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom
  getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr
  inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl
  ioprio_get ioprio_set ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listxattr
  llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod
  mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
  mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat _newselect
  open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2
  prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead readlink readlinkat
  readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction
  rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max
  sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
  sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile
  sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address set_tls setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
  setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid
  setsockopt setuid setuid32 setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice
  stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range sync_file_range2 syncfs sysinfo tee tgkill time timer_create timer_delete
  timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime
  timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat utime utimensat utimensat_time64 utimes vfork vmsplice wait4
  waitid waitpid write writev
`);

/** No capability opens these: keys of the machine, other kernels, NUMA placement of others, io_uring (a way around this filter), what the kernel has left behind. */
const NEVER: readonly string[] = words(`
  _sysctl add_key afs_syscall bdflush create_module get_kernel_syms io_uring_enter io_uring_register io_uring_setup kexec_file_load kexec_load keyctl
  migrate_pages move_pages nfsservctl pivot_root query_module request_key swapoff swapon sysfs uselib userfaultfd ustat vm86 vm86old
`);

const BY_CAPABILITY: readonly { readonly capability: string; readonly calls: readonly string[] }[] = [
  { capability: 'CAP_DAC_READ_SEARCH', calls: words('open_by_handle_at') },
  {
    capability: 'CAP_SYS_ADMIN',
    calls: words(`
      bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree perf_event_open quotactl
      quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare
    `),
  },
  { capability: 'CAP_SYS_BOOT', calls: words('reboot') },
  { capability: 'CAP_SYS_CHROOT', calls: words('chroot') },
  { capability: 'CAP_SYS_MODULE', calls: words('delete_module finit_module init_module') },
  { capability: 'CAP_SYS_NICE', calls: words('get_mempolicy mbind set_mempolicy set_mempolicy_home_node') },
  { capability: 'CAP_SYS_PACCT', calls: words('acct') },
  { capability: 'CAP_SYS_PTRACE', calls: words('kcmp pidfd_getfd process_madvise') },
  { capability: 'CAP_SYS_RAWIO', calls: words('ioperm iopl') },
  { capability: 'CAP_SYS_TIME', calls: words('clock_settime clock_settime64 settimeofday stime') },
  { capability: 'CAP_SYS_TTY_CONFIG', calls: words('vhangup') },
  { capability: 'CAP_SYSLOG', calls: words('syslog') },
  { capability: 'CAP_BPF', calls: words('bpf') },
  { capability: 'CAP_PERFMON', calls: words('perf_event_open') },
];

/** AF_VSOCK leads out of a virtual machine, and no network namespace holds it. */
const AF_VSOCK = 40;
const SOCKETS: readonly OciSeccompRule[] = [
  { names: ['socket'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_NE' }] },
  {
    names: ['socket'],
    action: 'SCMP_ACT_ERRNO',
    errnoRet: EPERM,
    args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_EQ' }],
  },
];

/** Linux, BSD's, the uname of 2.6, both, and "which is it": the others switch off what protects memory. */
const PERSONALITIES: readonly OciSeccompRule[] = [0, 0x8, 0x20000, 0x20008, 0xffffffff].map(value => ({
  names: ['personality'],
  action: 'SCMP_ACT_ALLOW',
  args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
}));

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const NAMESPACE_FLAGS = [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000];

/** Refused by their flags. Those of clone3 are in memory, where no filter sees them: programs are told that it is not there, and use clone. */
const CLONES: readonly string[] = ['clone', 'clone3'];

const CLONE_WITHOUT_NAMESPACES: readonly OciSeccompRule[] = [
  {
    names: ['clone'],
    action: 'SCMP_ACT_ALLOW',
    args: [
      { index: 0, value: NAMESPACE_FLAGS.reduce((all, flag) => all + flag, 0), valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' },
    ],
  },
  ...NAMESPACE_FLAGS.map(
    (flag): OciSeccompRule => ({
      names: ['clone'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: EPERM,
      args: [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }],
    }),
  ),
];

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
