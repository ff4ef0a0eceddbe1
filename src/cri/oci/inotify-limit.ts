import { ensureSysctl, readSysctl } from '../../linux/sysctl.ts';

const SETTING = 'fs/inotify/max_user_instances';
/** What distributions made for containers set; the kernel's own default is 128. */
const WANTED = 8192;

/**
 * On cgroup v2 each conmon holds an inotify instance of its user's, so that the kernel's default is used up by about a hundred containers and the next ones lose
 * their OOM reports. Raises the limit where it is lower, never lowers it. Returns the sentence for the log; undefined when nothing was to do.
 */
export function raiseInotifyLimit(cgroupVersion: 1 | 2): string | undefined {
  if (cgroupVersion === 1) return undefined;
  const current = Number(readSysctl(SETTING));
  if (current >= WANTED) return undefined;
  try {
    ensureSysctl(SETTING, String(WANTED));
  } catch (error) {
    return `fs.inotify.max_user_instances is ${current} and cannot be raised (${String(error)}): over ${current} containers lose their OOM reports`;
  }
  return `fs.inotify.max_user_instances raised from ${current} to ${WANTED}: conmon takes one per container`;
}
