import { invalidArgument } from '../base/errors.ts';
import { becauseOf, type FlagReasons } from './configuration/flag-reasons.ts';
import { CALLED, upstreamPartFlag } from './configuration/upstream-flags.ts';
import type { Argument, ClusterSettings } from './settings.ts';

/** What may be said of the three parts of the control plane (extraArgs of ClusterConfiguration), which are separate processes with kubeadm and one here. */

export type ControlPlanePart = 'apiServer' | 'controllerManager' | 'scheduler';

/** Flags that each part has here. */
export type PartFlags = Readonly<Record<ControlPlanePart, readonly string[]>>;

/** What runs each alone. */
const COMMANDS: Readonly<Record<ControlPlanePart, string>> = {
  apiServer: 'apiserver',
  controllerManager: 'controller-manager',
  scheduler: 'scheduler',
};

/** Flags of upstream's that mean nothing here: of all three. */
const IN_COMMON: FlagReasons = {
  ...becauseOf('nothing here serves profiles', 'profiling', 'contention-profiling'),
  ...becauseOf(
    'the three parts of the control plane are one process, with one log',
    ...['v', 'vmodule', 'logging-format', 'log-flush-frequency', 'log-json-info-buffer-size', 'log-json-split-stream'],
    ...['log-text-info-buffer-size', 'log-text-split-stream'],
  ),
};

/** Of controller manager and scheduler. */
const OF_CLIENTS: FlagReasons = {
  ...IN_COMMON,
  ...becauseOf(
    'it is in the process of the API server, and has but /healthz and /metrics of its own, on 127.0.0.1 (healthz-port)',
    ...['bind-address', 'secure-port', 'cert-dir', 'tls-cert-file', 'tls-private-key-file', 'tls-sni-cert-key'],
    ...['tls-cipher-suites', 'tls-curve-preferences', 'tls-min-version', 'http2-max-streams-per-connection'],
    ...['disable-http2-serving', 'permit-address-sharing', 'permit-port-sharing'],
  ),
  ...becauseOf(
    'it is in the process of the API server, and nobody logs in to it',
    ...['client-ca-file', 'authentication-kubeconfig', 'authentication-skip-lookup'],
    ...['authentication-token-webhook-cache-ttl', 'authentication-tolerate-lookup-failure'],
    ...['authorization-kubeconfig', 'authorization-always-allow-paths'],
    ...['authorization-webhook-cache-authorized-ttl', 'authorization-webhook-cache-unauthorized-ttl'],
    ...['requestheader-allowed-names', 'requestheader-client-ca-file', 'requestheader-extra-headers-prefix'],
    ...['requestheader-group-headers', 'requestheader-uid-headers', 'requestheader-username-headers'],
  ),
  ...becauseOf(
    'it logs in to the API server of its own process by the kubeconfig that init makes',
    'kubeconfig',
    'master',
  ),
  ...becauseOf(
    'how it asks the API server of its own process is settled',
    ...['kube-api-burst', 'kube-api-content-type', 'kube-api-qps'],
  ),
  ...becauseOf(
    'a cluster has one control plane, of one process, which settles its leases itself',
    ...['leader-elect', 'leader-elect-lease-duration', 'leader-elect-renew-deadline', 'leader-elect-retry-period'],
    ...['leader-elect-resource-lock', 'leader-elect-resource-name', 'leader-elect-resource-namespace'],
  ),
};

const NOT_HEEDED: Readonly<Record<ControlPlanePart, FlagReasons>> = {
  apiServer: IN_COMMON,
  controllerManager: {
    ...OF_CLIENTS,
    ...becauseOf(
      'the API server of its process signs tokens (service-account-signing-key-file in apiServer.extraArgs)',
      'service-account-private-key-file',
    ),
    ...becauseOf('it is networking.serviceSubnet', 'service-cluster-ip-range'),
    ...becauseOf(
      'all controllers are in one process, and none leads without the others',
      ...['enable-leader-migration', 'leader-migration-config'],
    ),
  },
  scheduler: OF_CLIENTS,
};

/** Where a flag of a part has another name on the common command line, because two parts have one of that name. */
const NAMES_IN_COMMON: Readonly<Record<ControlPlanePart, Readonly<Record<string, string>>>> = {
  apiServer: {},
  controllerManager: {},
  scheduler: { 'healthz-port': 'scheduler-healthz-port' },
};

/** Throws `invalid-argument` that names the first argument that the part has neither here nor upstream, and where it belongs. Pure. */
export function checkPartArguments(part: ControlPlanePart, args: readonly Argument[], known: PartFlags): void {
  const [problem] = partProblems(part, args, known);
  if (problem !== undefined) throw invalidArgument(problem);
}

function partProblems(part: ControlPlanePart, args: readonly Argument[], known: PartFlags): readonly string[] {
  return args.flatMap(({ name }, index) => {
    if (isNotHeeded(part, name) || known[part].includes(name)) return [];
    const called = CALLED[part];
    const owner = (Object.keys(COMMANDS) as ControlPlanePart[]).find(each => known[each].includes(name));
    return owner === undefined
      ? `${part}.extraArgs[${index}].name: "${name}" is ${upstreamPartFlag(part, name) ?? `no flag here: "gantry run ${COMMANDS[part]} --help" lists those of the ${called}`}`
      : `${part}.extraArgs[${index}].name: "${name}" is no flag of the ${called}, but of the ${CALLED[owner]}: it belongs to ${owner}.extraArgs`;
  });
}

/**
 * The flags, and with them those of other parts that the parts of a cluster which stands were given: a version that did not tell parts apart has taken them, and they are at work. What is a flag of
 * none is not added. Pure.
 */
export function withStandingArguments<K extends PartFlags>(known: K, cluster: ArgumentsOfParts): K {
  const isFlag = (name: string): boolean =>
    (Object.keys(COMMANDS) as ControlPlanePart[]).some(each => known[each].includes(name));
  const standing = ofParts(cluster).map(([part, args]) => [
    part,
    [...known[part], ...args.map(({ name }) => name).filter(isFlag)],
  ]);
  return { ...known, ...Object.fromEntries(standing) };
}

/** A line for each argument of a cluster which stands that would be refused of a new one; it works as it did. Pure. */
export function misplacedArguments(cluster: ArgumentsOfParts, known: PartFlags): readonly string[] {
  return ofParts(cluster).flatMap(([part, args]) =>
    partProblems(part, args, known).map(problem => `ClusterConfiguration, as it stands: ${problem}`),
  );
}

/** A line for each argument that stays without effect, and why. Pure. */
export function unheededArguments(cluster: ArgumentsOfParts): readonly string[] {
  return ofParts(cluster).flatMap(([part, args]) =>
    args.flatMap(({ name }, index) =>
      isNotHeeded(part, name)
        ? [`ClusterConfiguration: ${part}.extraArgs[${index}]: ${name} is not heeded: ${NOT_HEEDED[part][name]}`]
        : [],
    ),
  );
}

/** The arguments of all parts as the one command line has them. Pure. */
export function controlPlaneArguments(cluster: ArgumentsOfParts): readonly Argument[] {
  return ofParts(cluster).flatMap(([part, args]) =>
    args
      .filter(({ name }) => !isNotHeeded(part, name))
      .map(({ name, value }) => ({ name: NAMES_IN_COMMON[part][name] ?? name, value })),
  );
}

type ArgumentsOfParts = Pick<ClusterSettings, 'apiServerArgs' | 'controllerManagerArgs' | 'schedulerArgs'>;

function ofParts(cluster: ArgumentsOfParts): readonly (readonly [ControlPlanePart, readonly Argument[]])[] {
  return [
    ['apiServer', cluster.apiServerArgs],
    ['controllerManager', cluster.controllerManagerArgs],
    ['scheduler', cluster.schedulerArgs],
  ];
}

function isNotHeeded(part: ControlPlanePart, name: string): boolean {
  return Object.hasOwn(NOT_HEEDED[part], name);
}
