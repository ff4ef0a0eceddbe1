/** The name under which our own profile is known to the kernel. */
export const DEFAULT_APPARMOR_PROFILE = 'gantry-default';

/**
 * The AppArmor profile of RuntimeDefault, of the shape of upstream's: files, network and capabilities are left to the other means of confinement; what is refused are mounts, writing
 * to the parts of /proc and /sys that belong to the machine, and signals and traces to and from others. `macros` are the files below /etc/apparmor.d that this machine has. Pure.
 */
export function defaultAppArmorProfile(macros: ReadonlySet<string>): string {
  const name = DEFAULT_APPARMOR_PROFILE;
  const signallers = ['unconfined', 'runc', 'crun'].map(peer => `  signal (receive) peer=${peer},`);
  return [
    ...(macros.has('abi/3.0') ? ['abi <abi/3.0>,'] : []),
    macros.has('tunables/global') ? '#include <tunables/global>' : '@{PROC}=/proc/',
    '',
    `profile ${name} flags=(attach_disconnected,mediate_deleted) {`,
    ...(macros.has('abstractions/base') ? ['  #include <abstractions/base>'] : []),
    '  network,',
    '  capability,',
    '  file,',
    '  umount,',
    ...signallers,
    `  signal (send,receive) peer=${name},`,
    '',
    '  # right below /proc, and in its directories that are neither processes nor sys',
    '  deny @{PROC}/* w,',
    '  deny @{PROC}/{[^1-9/],[^1-9/][^0-9/],[^1-9s/][^0-9y/][^0-9s/],[^1-9/][^0-9/][^0-9/][^0-9/]*}/** w,',
    '  # of /proc/sys only kernel/shm*, which belongs to the pod',
    '  deny @{PROC}/sys/[^k]** w,',
    '  deny @{PROC}/sys/kernel/{?,??,[^s][^h][^m]**} w,',
    '  deny @{PROC}/sysrq-trigger rwklx,',
    '  deny @{PROC}/kcore rwklx,',
    '',
    '  deny mount,',
    '',
    '  # of /sys only fs/cgroup',
    '  deny /sys/[^f]*/** wklx,',
    '  deny /sys/f[^s]*/** wklx,',
    '  deny /sys/fs/[^c]*/** wklx,',
    '  deny /sys/fs/c[^g]*/** wklx,',
    '  deny /sys/fs/cg[^r]*/** wklx,',
    '  deny /sys/firmware/** rwklx,',
    '  deny /sys/devices/virtual/powercap/** rwklx,',
    '  deny /sys/kernel/security/** rwklx,',
    '',
    `  ptrace (trace,tracedby,read,readby) peer=${name},`,
    '}',
    '',
  ].join('\n');
}
