import { KUBEADM_API_VERSION } from '../configuration/kinds.ts';
import { merged } from '../merge.ts';

export type Written = Readonly<Record<string, unknown>>;

/** What `init` goes by, a document of each kind, with the fields that were written and no others. */
export interface Documents {
  readonly init?: Written | undefined;
  readonly cluster?: Written | undefined;
  readonly kubelet?: Written | undefined;
  readonly proxy?: Written | undefined;
}

/** Which are of which kind. */
export const KINDS = {
  init: 'InitConfiguration',
  cluster: 'ClusterConfiguration',
  kubelet: 'KubeletConfiguration',
  proxy: 'KubeProxyConfiguration',
} as const satisfies Record<keyof Documents, string>;

const API_VERSIONS: Readonly<Record<keyof Documents, string>> = {
  init: KUBEADM_API_VERSION,
  cluster: KUBEADM_API_VERSION,
  kubelet: 'kubelet.config.k8s.io/v1beta1',
  proxy: 'kubeproxy.config.k8s.io/v1alpha1',
};

/** Those that there are, each with the fields that say what it is. Pure. */
export function wholeDocuments(documents: Documents): readonly Written[] {
  return (Object.keys(KINDS) as (keyof Documents)[]).flatMap(kind => {
    const document = documents[kind];
    return document === undefined ? [] : [{ ...document, apiVersion: API_VERSIONS[kind], kind: KINDS[kind] }];
  });
}

/** What a command is given. */
export interface Given {
  /** Flags say single fields. A file says all that can be changed of the kinds that are in it, as with kubeadm. */
  readonly by: 'flags' | 'file';
  readonly documents: Documents;
}

/** Where a field is, in which document. */
export interface FieldPlace {
  readonly kind: keyof Documents;
  readonly path: readonly [string, ...string[]];
  /** It means something only beside what it is in, which may have been written as something else: the directory of an etcd of this machine. */
  readonly isPartOfChoice?: true;
}

/**
 * What a command goes by where another has made something here before. Flags change what they name and nothing else: names for the certificate are added, and arguments of the
 * node's daemon go by their names. A document of a file takes the place of the one before, but for `kept`: what it does not say of these fields stays. Kinds that a file has not stay
 * whole. Pure.
 */
export function onStanding(standing: Documents, given: Given, kept: readonly FieldPlace[]): Documents {
  return given.by === 'flags' ? changed(standing, given.documents) : replaced(standing, given.documents, kept);
}

function changed(standing: Documents, given: Documents): Documents {
  return {
    init: withArguments(both(standing.init, given.init), standing.init, given.init),
    cluster: withNames(both(standing.cluster, given.cluster), standing.cluster, given.cluster),
    kubelet: both(standing.kubelet, given.kubelet),
    proxy: both(standing.proxy, given.proxy),
  };
}

function both(below: Written | undefined, above: Written | undefined): Written | undefined {
  return below === undefined || above === undefined ? (above ?? below) : merged(below, above);
}

const ARGUMENTS = ['nodeRegistration', 'kubeletExtraArgs'] as const;
const NAMES = ['apiServer', 'certSANs'] as const;

function withArguments(
  document: Written | undefined,
  standing: Written = {},
  given: Written = {},
): Written | undefined {
  const [before, now] = [listAt<{ readonly name: string }>(standing, ARGUMENTS), listAt(given, ARGUMENTS)];
  const kept = before.filter(({ name }) => !now.some(each => (each as { readonly name: string }).name === name));
  return document === undefined || now.length === 0 ? document : withField(document, ARGUMENTS, [...kept, ...now]);
}

function withNames(document: Written | undefined, standing: Written = {}, given: Written = {}): Written | undefined {
  const [before, now] = [listAt(standing, NAMES), listAt(given, NAMES)];
  return document === undefined || now.length === 0
    ? document
    : withField(document, NAMES, [...new Set([...before, ...now])]);
}

function listAt<T>(document: Written, path: readonly string[]): readonly T[] {
  return (fieldAt(document, path) ?? []) as readonly T[];
}

function replaced(standing: Documents, given: Documents, kept: readonly FieldPlace[]): Documents {
  const of = (kind: keyof Documents): Written | undefined => {
    const before = standing[kind];
    const now = given[kind];
    if (now === undefined || before === undefined) return now ?? before;
    return kept
      .filter(
        ({ kind: of, path, isPartOfChoice }) =>
          of === kind &&
          isUnsaid(fieldAt(now, path)) &&
          (isPartOfChoice !== true || !isUnsaid(fieldAt(now, path.slice(0, -1)))),
      )
      .map(({ path }) => ({ path, value: fieldAt(before, path) }))
      .filter(({ value }) => !isUnsaid(value))
      .reduce((document, { path, value }) => withField(document, path, value), now);
  };
  return { init: of('init'), cluster: of('cluster'), kubelet: of('kubelet'), proxy: of('proxy') };
}

/** Empty counts, as kubeadm's defaults take it, but for an empty list. Pure. */
export function isUnsaid(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/** The value of a field; undefined where it, or what it is in, is not written. Pure. */
export function fieldAt(document: Written, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (typeof value === 'object' && value !== null ? (value as Written)[name] : undefined),
    document,
  );
}

/** The document with another value of one field; undefined takes it away. Pure. */
export function withField(document: Written, [name, ...rest]: readonly [string, ...string[]], value: unknown): Written {
  const [next, ...further] = rest;
  if (next === undefined) return { ...document, [name]: value };
  return { ...document, [name]: withField((document[name] ?? {}) as Written, [next, ...further], value) };
}

/** The fields in which `full` is more or other than `base`, objects field by field. What is missing in it is not told. Pure. */
export function fieldsBeyond(full: Written, base: Written): Written {
  return Object.fromEntries(
    Object.entries(full).flatMap(([name, value]) => {
      const below = base[name];
      if (isFields(value) && isFields(below)) {
        const fields = fieldsBeyond(value, below);
        return Object.keys(fields).length === 0 ? [] : [[name, fields]];
      }
      return JSON.stringify(value) === JSON.stringify(below) ? [] : [[name, value]];
    }),
  );
}

function isFields(value: unknown): value is Written {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
