import { invalidArgument } from '../../base/errors.ts';

/** Contexts of the machine's policy for containers: `user:role:type:level`. */
export interface SelinuxContexts {
  readonly process: string;
  readonly file: string;
  /** Of files that all containers may read and run. */
  readonly readOnlyFile: string;
}

/** What processes of a pod or container run as, and what their files are. */
export interface SelinuxLabels {
  readonly process: string;
  readonly mount: string;
}

/** runtime.v1 SELinuxOption. */
export interface CriSelinuxOption {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly level: string;
}

/** Categories of multi-category security: two of them, the smaller first, keep pods apart. */
const CATEGORIES = 1024;
/** Upstream's form of a level. */
const LEVEL = /^s\d(-s\d)??(:c\d{1,4}(\.c\d{1,4})?(,c\d{1,4}(\.c\d{1,4})?)*)?$/;

/**
 * Labels of a pod: the policy's contexts with what the request says, and with a level of its own unless the request names one. The level follows from the id; one that another pod has, by
 * `taken`, is passed over. Throws `invalid-argument` for a level that is none.
 */
export function sandboxLabels(
  contexts: SelinuxContexts,
  options: CriSelinuxOption | undefined,
  own: { readonly id: string; readonly taken: ReadonlySet<string> },
): SelinuxLabels {
  return labels(contexts, options, options?.level || freeLevel(own.id, own.taken));
}

/**
 * Labels of a container: its pod's, unless it says something itself; then the policy's with that, on the pod's level unless it names one. The processes of a privileged one are not confined.
 */
export function containerLabels(
  contexts: SelinuxContexts,
  options: CriSelinuxOption | undefined,
  pod: SelinuxLabels,
  privileged: boolean,
): SelinuxLabels {
  const says = options !== undefined && Object.values(options).some(value => value !== '');
  const own = says ? labels(contexts, options, options.level || levelOf(pod.process)) : pod;
  return privileged ? { ...own, process: '' } : own;
}

/** The part of a specification that tells what the processes run as. */
export function processLabel(own: SelinuxLabels | undefined): { readonly selinuxLabel?: string } {
  return own === undefined || own.process === '' ? {} : { selinuxLabel: own.process };
}

/** The part that tells what the files are. */
export function mountLabel(own: SelinuxLabels | undefined): { readonly mountLabel?: string } {
  return own === undefined ? {} : { mountLabel: own.mount };
}

/** The level of a label, its categories among it. */
export function levelOf(label: string): string {
  return label.split(':').slice(3).join(':');
}

function labels(contexts: SelinuxContexts, options: CriSelinuxOption | undefined, level: string): SelinuxLabels {
  if (!LEVEL.test(level))
    throw invalidArgument(`selinux_options.level "${level}": the format of 'level' is not correct`);
  const [user = '', role = '', type = ''] = splitLabel(contexts.process);
  const [fileUser = '', fileRole = '', fileType = ''] = splitLabel(contexts.file);
  return {
    process: [options?.user || user, options?.role || role, options?.type || type, level].join(':'),
    // as upstream: the type of files is the policy's whatever the processes run as
    mount: [options?.user || fileUser, fileRole, fileType, level].join(':'),
  };
}

function freeLevel(id: string, taken: ReadonlySet<string>): string {
  const start = Number.parseInt(id.slice(0, 8), 16);
  const pairs = (CATEGORIES * (CATEGORIES - 1)) / 2;
  for (let step = 0; step < pairs; step += 1) {
    const level = levelOfPair((start + step) % pairs);
    if (!taken.has(level)) return level;
  }
  return levelOfPair(start % pairs);
}

/** The pairs in their order: (0,1), (0,2), (1,2), (0,3), … */
function levelOfPair(index: number): string {
  const larger = Math.floor((1 + Math.sqrt(1 + 8 * index)) / 2);
  return `s0:c${index - (larger * (larger - 1)) / 2},c${larger}`;
}

function splitLabel(label: string): string[] {
  return label.split(':');
}
