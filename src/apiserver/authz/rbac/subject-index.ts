import { serviceAccountUserName, type UserInfo } from '../../authn/user.ts';
import type { RoleBinding, Subject } from './policy-rule.ts';

/** A binding together with the subject by which it applies. */
export interface AppliedBinding {
  readonly binding: RoleBinding;
  readonly subject: Subject;
}

/** Bindings by who they name, so that a question costs what the user has and not what the cluster has. */
export class SubjectIndex {
  readonly #bindings: readonly RoleBinding[];
  readonly #bySubject = new Map<string, number[]>();
  readonly #namespace: string;

  /** `namespace` is that of the bindings, empty for those of the cluster. */
  constructor(bindings: readonly RoleBinding[], namespace: string) {
    this.#bindings = bindings;
    for (const [i, binding] of bindings.entries())
      for (const subject of binding.subjects ?? []) {
        const key = subjectKey(subject, namespace);
        if (key === undefined) continue;
        const places = this.#bySubject.get(key);
        if (places === undefined) this.#bySubject.set(key, [i]);
        else if (places.at(-1) !== i) places.push(i);
      }
    this.#namespace = namespace;
  }

  /** The bindings that name the user or one of its groups, each once, in their order. */
  appliedTo(user: UserInfo): readonly AppliedBinding[] {
    const keys = [`User:${user.name}`, ...user.groups.map(group => `Group:${group}`)];
    const places = new Set<number>();
    for (const key of keys) for (const place of this.#bySubject.get(key) ?? []) places.add(place);
    return [...places].toSorted((a, b) => a - b).flatMap(place => this.#applied(place, keys) ?? []);
  }

  #applied(place: number, keys: readonly string[]): AppliedBinding | undefined {
    const binding = this.#bindings[place];
    const subject = binding?.subjects?.find(each => keys.includes(subjectKey(each, this.#namespace) ?? ''));
    return binding === undefined || subject === undefined ? undefined : { binding, subject };
  }
}

/** A service account is the user that it authenticates as; one without a namespace is of the binding's. */
function subjectKey(subject: Subject, namespace: string): string | undefined {
  switch (subject.kind) {
    case 'User':
    case 'Group':
      return `${subject.kind}:${subject.name}`;
    case 'ServiceAccount': {
      const own = subject.namespace === undefined || subject.namespace === '' ? namespace : subject.namespace;
      return own === '' ? undefined : `User:${serviceAccountUserName(own, subject.name)}`;
    }
    default:
      return undefined;
  }
}

const INDEXES = new WeakMap<readonly RoleBinding[], SubjectIndex>();

/** The index of a list, made once while the list stands. */
export function subjectIndex(bindings: readonly RoleBinding[], namespace: string): SubjectIndex {
  const known = INDEXES.get(bindings);
  if (known !== undefined) return known;
  const index = new SubjectIndex(bindings, namespace);
  INDEXES.set(bindings, index);
  return index;
}
