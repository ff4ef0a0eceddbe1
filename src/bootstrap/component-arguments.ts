import { invalidArgument } from '../base/errors.ts';
import { CALLED, upstreamPartFlag } from './configuration/upstream-flags.ts';
import type { Argument, ClusterSettings } from './settings.ts';
import { UNHEEDED_TOGETHER } from './unheeded-part-flags.ts';

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
        ? [`ClusterConfiguration: ${part}.extraArgs[${index}]: ${name} is not heeded: ${UNHEEDED_TOGETHER[part][name]}`]
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
  return Object.hasOwn(UNHEEDED_TOGETHER[part], name);
}
