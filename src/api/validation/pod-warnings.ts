import { goQuote } from '../go-quote.ts';
import { canonicalQuantity, parseQuantity } from '../quantity.ts';
import { equalValues } from '../semantic-equal.ts';
import type { Affinity, ContainerPort, PodSpec, ResourceList, Volume } from '../types/gen/core-v1.ts';
import type { ObjectMeta } from '../types/gen/meta-v1.ts';
import { labelDeprecation, termWarnings } from './deprecated-labels.ts';
import { ipWarnings } from './ip.ts';
import { overlapWarnings } from './overlapping-paths.ts';
import { type AnyContainer, containersOf } from './pod-options.ts';
import { APPARMOR_CONTAINER, appArmorOfAnnotation, SECCOMP_CONTAINER, SECCOMP_POD } from './security-profiles.ts';

const NANO = 10n ** 9n;
const USE_SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead';

const OLD_ANNOTATIONS = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
] as const;

/** Plugins that are on their way out, by the field that names them, with the name in the path where that is another. */
const OLD_PLUGINS: readonly (readonly [keyof Volume, string, string?])[] = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+', 'storageOS'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
];

/**
 * What a client is told about a pod, or about the template of one, that is allowed but hardly meant. `path` is where the
 * template stands (`spec.template`); empty for a pod itself.
 */
export function podSpecWarnings(spec: PodSpec, metadata: ObjectMeta, path: string): string[] {
  const at = path === '' ? 'spec' : `${path}.spec`;
  const annotationsAt = path === '' ? 'metadata.annotations' : `${path}.metadata.annotations`;
  const { annotations = {} } = metadata;
  const grace = spec.terminationGracePeriodSeconds;
  return [
    ...placementWarnings(spec, at),
    ...OLD_ANNOTATIONS.filter(([key]) => Object.hasOwn(annotations, key)).map(
      ([key, text]) => `${annotationsAt}[${key}]: ${text}`,
    ),
    ...volumeWarnings(spec, at),
    ...overlapWarnings(spec.volumes),
    ...repeated(spec.hostAliases, 'ip', `${at}.hostAliases`),
    ...repeated(spec.imagePullSecrets, 'name', `${at}.imagePullSecrets`),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name = '' }, index) =>
      name === '' ? [`${at}.imagePullSecrets[${index}].name: invalid empty name ""`] : [],
    ),
    ...fractions(spec.overhead, `${at}.overhead`),
    ...(spec.securityContext?.seccompProfile === undefined && Object.hasOwn(annotations, SECCOMP_POD)
      ? [`${annotationsAt}[${SECCOMP_POD}]: ${USE_SECCOMP}`]
      : []),
    ...containersOf(spec, at).flatMap(([container, place]) => [
      ...profileWarnings(container, spec, annotations, annotationsAt, path !== ''),
      ...fractions({ ...container.resources.limits }, `${place}.resources.limits`, ['memory']),
      ...fractions({ ...container.resources.requests }, `${place}.resources.requests`, ['memory']),
      ...fractions({ ...container.resources.limits }, `${place}.resources.limits`, ['ephemeral-storage']),
      ...fractions({ ...container.resources.requests }, `${place}.resources.requests`, ['ephemeral-storage']),
      ...hiddenVariables(container, place),
    ]),
    ...portWarnings(spec, at),
    ...(grace !== undefined && grace < 0
      ? [`${at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
    ...blindSelectors(spec.affinity, `${at}.affinity`),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((server, index) =>
      ipWarnings(`${at}.dnsConfig.nameservers[${index}]`, server),
    ),
    ...(spec.hostAliases ?? []).flatMap(({ ip }, index) => ipWarnings(`${at}.hostAliases[${index}].ip`, ip)),
  ];
}

function placementWarnings(spec: PodSpec, path: string): string[] {
  const nodes = spec.affinity?.nodeAffinity;
  const at = `${path}.affinity.nodeAffinity`;
  return [
    ...Object.keys(spec.nodeSelector ?? {}).flatMap(key => {
      const said = labelDeprecation(key);
      return said === undefined ? [] : [`${path}.nodeSelector[${key}]: ${said}`];
    }),
    ...(nodes?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []).flatMap((term, index) =>
      termWarnings(term, false, `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`),
    ),
    ...(nodes?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ preference }, index) =>
      termWarnings(preference, true, `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`),
    ),
    ...(spec.topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }, index) => {
      const place = `${path}.topologySpreadConstraints[${index}]`;
      const said = labelDeprecation(topologyKey);
      return [
        ...(said === undefined ? [] : [`${place}.topologyKey: ${topologyKey} is ${said}`]),
        ...(labelSelector === undefined ? [noSelector(`${place}.labelSelector`)] : []),
      ];
    }),
  ];
}

function noSelector(path: string): string {
  return `${path}: a null labelSelector results in matching no pod`;
}

function blindSelectors(affinity: Affinity | undefined, path: string): string[] {
  return (['podAffinity', 'podAntiAffinity'] as const).flatMap(side => {
    const given = affinity?.[side];
    return [
      ...(given?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ labelSelector }, index) =>
        labelSelector === undefined
          ? [noSelector(`${path}.${side}.requiredDuringSchedulingIgnoredDuringExecution[${index}].labelSelector`)]
          : [],
      ),
      ...(given?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ podAffinityTerm }, index) =>
        podAffinityTerm.labelSelector === undefined
          ? [
              noSelector(
                `${path}.${side}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm.labelSelector`,
              ),
            ]
          : [],
      ),
    ];
  });
}

function volumeWarnings(spec: PodSpec, path: string): string[] {
  return (spec.volumes ?? []).flatMap((volume, index) => {
    const at = `${path}.volumes[${index}]`;
    const claim = volume.ephemeral?.volumeClaimTemplate?.spec.resources;
    const template = `${at}.ephemeral.volumeClaimTemplate.spec.resources`;
    return [
      ...OLD_PLUGINS.filter(([field]) => volume[field] !== undefined).map(
        ([field, text, shown]) => `${at}.${shown ?? field}: ${text}`,
      ),
      ...fractions(claim?.requests, `${template}.requests`, ['storage']),
      ...fractions(claim?.limits, `${template}.limits`, ['storage']),
    ];
  });
}

/** Parts of a byte. */
export function fractions(
  list: ResourceList | undefined,
  path: string,
  names: readonly string[] = ['memory', 'ephemeral-storage'],
): string[] {
  return names.flatMap(name => {
    const quantity = list?.[name];
    if (quantity === undefined || parseQuantity(quantity).nano % NANO === 0n) return [];
    return [
      `${path}[${name}]: fractional byte value ${goQuote(canonicalQuantity(quantity))} is invalid, must be an integer`,
    ];
  });
}

function repeated<K extends string>(
  list: readonly { readonly [key in K]?: string | undefined }[] | undefined,
  field: K,
  path: string,
): string[] {
  const seen = new Set<string>();
  return (list ?? []).flatMap((item, index) => {
    const value = item[field] ?? '';
    if (seen.has(value)) return [`${path}[${index}].${field}: duplicate ${field} ${goQuote(value)}`];
    seen.add(value);
    return [];
  });
}

/** A pod's AppArmor annotations become fields, which says so itself; those of a template stay what they are. */
function profileWarnings(
  container: AnyContainer,
  spec: PodSpec,
  annotations: Readonly<Record<string, string>>,
  path: string,
  ofTemplate: boolean,
): string[] {
  const seccomp = `${SECCOMP_CONTAINER}${container.name}`;
  const appArmor = `${APPARMOR_CONTAINER}${container.name}`;
  const text = annotations[appArmor];
  const podProfile = spec.securityContext?.appArmorProfile;
  const told =
    ofTemplate &&
    text !== undefined &&
    container.securityContext?.appArmorProfile === undefined &&
    (podProfile === undefined || !equalValues(podProfile, appArmorOfAnnotation(text)));
  return [
    ...(container.securityContext?.seccompProfile === undefined && Object.hasOwn(annotations, seccomp)
      ? [`${path}[${seccomp}]: ${USE_SECCOMP}`]
      : []),
    ...(told ? [`${path}[${appArmor}]: deprecated since v1.30; use the "appArmorProfile" field instead`] : []),
  ];
}

/** A variable that is defined again may be meant to add to the first, and says so by a reference to it. */
function hiddenVariables({ env = [] }: AnyContainer, path: string): string[] {
  const seen = new Set<string>();
  return env.flatMap(({ name, value = '', valueFrom }, index) => {
    const again = seen.has(name);
    seen.add(name);
    const reference = `$(${name})`;
    if (!again || (valueFrom === undefined && value !== reference && value.includes(reference))) return [];
    return [
      `${path}.env[${index}]: hides previous definition of ${goQuote(name)}, which may be dropped when using apply`,
    ];
  });
}

/** Ports of one number that are compared: more than the warnings of one answer have room for. A body holds a hundred thousand, each with each a clash. */
const MOST_PAIRS = 10_000;

function portWarnings(spec: PodSpec, path: string): string[] {
  const ports = containersOf(spec, path).flatMap(([container, at]) =>
    (container.ports ?? []).map((port, index) => ({ port, at: `${at}.ports[${index}]` })),
  );
  const names = new Map<string, string>();
  const byNumber = new Map<string, typeof ports>();
  let left = MOST_PAIRS;
  const pairs = ports.flatMap(({ port, at }) => {
    const number = `${port.containerPort}/${port.protocol}`;
    const before = byNumber.get(number) ?? [];
    const compared = before.slice(0, left);
    left -= compared.length;
    before.push({ port, at });
    byNumber.set(number, before);
    return [
      ...((port.hostIP ?? '') !== '' && (port.hostPort ?? 0) === 0
        ? [`${at}: hostIP set without hostPort: ${portText(port)}`]
        : []),
      ...compared.flatMap(other => {
        const text = clash(port, other.port);
        return text === undefined ? [] : [`${at}: ${text} port definition with ${other.at}`];
      }),
    ];
  });
  const repeats = ports.flatMap(({ port: { name = '' }, at }) => {
    const first = names.get(name);
    if (name !== '' && first === undefined) names.set(name, at);
    return name === '' || first === undefined
      ? []
      : [
          `${at}: duplicate port name ${goQuote(name)} with ${first}, services and probes that select ports by name will use ${first}`,
        ];
  });
  return [...pairs, ...repeats];
}

/** How two ports of one number and protocol are in each other's way. */
function clash(port: ContainerPort, other: ContainerPort): string | undefined {
  if (port.containerPort !== other.containerPort || port.protocol !== other.protocol) return undefined;
  const [ip, otherIp] = [port.hostIP ?? '', other.hostIP ?? ''];
  const [host, otherHost] = [port.hostPort ?? 0, other.hostPort ?? 0];
  if (ip === otherIp && host === otherHost) return 'duplicate';
  if (host === 0 || otherHost === 0) return 'overlapping';
  return host === otherHost && (ip === '') !== (otherIp === '') ? 'dangerously ambiguous' : undefined;
}

/** As Go prints the struct. */
function portText({ name = '', hostPort = 0, containerPort, protocol, hostIP = '' }: ContainerPort): string {
  return `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol ?? ''} HostIP:${hostIP}}`;
}
