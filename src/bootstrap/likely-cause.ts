/** Words in the log of a daemon that does not come up -> what they most often mean, and what to do. The first that is found counts: from the particular to the general. */
const CAUSES: readonly (readonly [pattern: RegExp, cause: string])[] = [
  [/address already in use|EADDRINUSE/i, 'somebody else has its port: "ss -ltnp" shows who'],
  [/no space left|ENOSPC|disk quota exceeded/i, 'its disk is full: "df -h /var/lib" shows how full'],
  [/swap is on/i, 'swap is on: swapoff -a'],
  [
    /(certificate|cert)\b.{0,40}(has expired|not yet valid)|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/i,
    'a certificate is over, or the clock of this machine is wrong: "gantry certs check-expiration" and "date" tell',
  ],
  [
    /unknown authority|self[- ]signed certificate|unable to verify|bad certificate|certificate verify failed|x509:/i,
    'certificates of another cluster are in the way: "gantry reset" takes the old ones away',
  ],
  [
    /cluster ID mismatch|member .{0,60}(already|removed)|request cluster ID|failed to (recover|load) .{0,20}(wal|snap)/i,
    'the data directory is that of another or a broken etcd: "gantry reset", or move it away',
  ],
  [/out of memory|oom[- ]kill|cannot allocate memory|ENOMEM/i, 'there is not enough memory: "free -m" shows how much'],
  [/too many open files|EMFILE/i, 'the limit of open files or of inotify instances is reached'],
  // not every line with the word: kubelets warn of cgroup v1 at each start, and name groups on a usual day
  [
    /(failed|cannot|unable|invalid|not permitted|permission denied|read-only|no such|missing|lacks?|not (found|mounted|enabled|available)).{0,120}cgroup|cgroup.{0,120}(failed|cannot|invalid|not permitted|permission denied|read-only|no such|missing|lacks?|not (found|mounted|enabled|available))/i,
    'the cgroups of this machine: "gantry init phase preflight" tells what they lack',
  ],
  [
    /operation not permitted|permission denied|EACCES|EPERM/i,
    'it may not do what it has to: a security module or a mount option forbids it',
  ],
  [/ECONNREFUSED|connection refused/i, 'what it needs itself does not answer: look at the log of the daemon before it'],
  [/ENOENT|no such file|executable file not found/i, 'a file or a program is missing'],
];

/** What most likely keeps a daemon from coming up, by the end of its log; undefined where that says nothing. Pure. */
export function likelyCause(log: string): string | undefined {
  return CAUSES.find(([pattern]) => pattern.test(log))?.[1];
}
