import { type FieldError, invalid } from '../../../api/validation/field-error.ts';

export const LEVELS = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof LEVELS)[number];
export type Mode = 'enforce' | 'audit' | 'warn';

/** What is asked of pods: a level, as one version of Kubernetes had it. */
export interface Standard {
  readonly level: Level;
  readonly version: string;
}

export interface Policy extends Readonly<Record<Mode, Standard>> {
  /** Labels that cannot be read, as upstream's field errors. */
  readonly errors: readonly FieldError[];
}

type Labels = Readonly<Record<string, string>> | undefined;

const PREFIX = 'pod-security.kubernetes.io/';

/**
 * What the labels of a namespace ask for. A level that cannot be read counts as restricted where it enforces, and as privileged where it warns
 * or audits. Whoever enforces a level, and says nothing of warnings, is warned by it as well: about the templates of workloads.
 */
export function policyOf(labels: Labels): Policy {
  const errors: FieldError[] = [];
  const read = (mode: Mode): Standard => {
    const [level, version] = [labels?.[PREFIX + mode], labels?.[`${PREFIX}${mode}-version`]];
    const known = LEVELS.find(each => each === level);
    if (level !== undefined && known === undefined)
      errors.push(invalid(labelPath(mode), level, `must be one of ${LEVELS.join(', ')}`));
    const isVersion = version === undefined || /^(latest|v1\.(0|[1-9]\d*))$/.test(version);
    if (!isVersion) errors.push(invalid(labelPath(`${mode}-version`), version, 'must be "latest" or "v1.x"'));
    const unread = mode === 'enforce' ? 'restricted' : 'privileged';
    return {
      level: level === undefined ? 'privileged' : (known ?? unread),
      version: isVersion && version !== undefined ? version : 'latest',
    };
  };
  const [enforce, audit, warn] = [read('enforce'), read('audit'), read('warn')];
  const isEnforced = LEVELS.some(each => each === labels?.[`${PREFIX}enforce`]);
  const saysNothing = labels?.[`${PREFIX}warn`] === undefined;
  if (!saysNothing || !isEnforced || enforce.level === 'privileged') return { enforce, audit, warn, errors };
  const version = labels?.[`${PREFIX}warn-version`] === undefined ? enforce.version : warn.version;
  return { enforce, audit, warn: { level: enforce.level, version }, errors };
}

function labelPath(name: string): string {
  return `metadata.labels[${PREFIX}${name}]`;
}

/** True where `next` asks for more than `before`, or for another version of it. */
export function isStricter(next: Standard, before: Standard): boolean {
  if (next.level === 'privileged') return false;
  return next.version !== before.version || LEVELS.indexOf(next.level) > LEVELS.indexOf(before.level);
}

/** `baseline:latest`, as messages and audit have it. */
export function standardText({ level, version }: Standard): string {
  return `${level}:${version}`;
}
