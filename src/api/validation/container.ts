import type { Container, ContainerPort, EphemeralContainer, PodSpec, Volume } from '../types/gen/core-v1.ts';
import { validateEnv, validateEnvFrom } from './env.ts';
import {
  addErrors,
  among,
  atMostItems,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notFound,
  oneOf,
  required,
} from './field-error.ts';
import { dns1123Label, portName, portNumber } from './names.ts';
import type { AnyContainer, Kept, PodOptions } from './pod-options.ts';
import { validateLifecycle, validateProbe } from './probe.ts';
import { validateContainerResources } from './resources.ts';
import { validateSecurityContext } from './security-context.ts';
import { validateDevices, validateMounts } from './volume-mounts.ts';

/** What the rules of a container look at in its pod. */
interface Surroundings {
  readonly spec: PodSpec;
  /** The volumes that are valid, by name. */
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claims: ReadonlySet<string>;
  readonly kept: Kept;
}

const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;

/** Containers, init containers and ephemeral containers of a pod. */
export function validateContainers(
  spec: PodSpec,
  volumes: ReadonlyMap<string, Volume>,
  options: PodOptions,
  path: string,
): FieldError[] {
  const claims = new Set((spec.resourceClaims ?? []).map(claim => claim.name).filter(name => name !== ''));
  const around: Surroundings = { spec, volumes, claims, kept: options.kept };
  return [
    ...mainContainers(around, `${path}.containers`),
    ...initContainers(around, `${path}.initContainers`),
    ...ephemeralContainers(around, `${path}.ephemeralContainers`),
  ];
}

function mainContainers(around: Surroundings, path: string): FieldError[] {
  const { containers } = around.spec;
  if (containers.length === 0) return [required(path)];
  const names = new Set<string>();
  return [
    ...containers.flatMap((container, index) => {
      const at = `${path}[${index}]`;
      const errors = common(container, around, at);
      if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
      names.add(container.name);
      return [...errors, ...running(container, around, at), ...restartRules(container, at)];
    }),
    ...hostPortConflicts(containers, path),
  ];
}

function initContainers(around: Surroundings, path: string): FieldError[] {
  const names = new Set(around.spec.containers.map(container => container.name));
  return (around.spec.initContainers ?? []).flatMap((container, index) => {
    const at = `${path}[${index}]`;
    const sidecar = container.restartPolicy === 'Always';
    const errors = [...common(container, around, at), ...initRestartRules(container, at)];
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    else if (container.name !== '') names.add(container.name);
    // They run one after another, so each is looked at alone, and upstream counts its place anew.
    addErrors(errors, hostPortConflicts([container], path));
    if (sidecar) addErrors(errors, running(container, around, at));
    else
      for (const name of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
        if (container[name] !== undefined)
          errors.push(forbidden(`${at}.${name}`, 'may not be set for init containers without restartPolicy=Always'));
    if (!sidecar && !around.kept.initRestartOnResize)
      for (const [place, policy] of (container.resizePolicy ?? []).entries())
        if (policy.restartPolicy === 'RestartContainer')
          errors.push(
            invalid(
              `${at}.resizePolicy[${place}].restartPolicy`,
              policy.restartPolicy,
              "must not be set to 'RestartContainer' for non-sidecar initContainers",
            ),
          );
    return errors;
  });
}

function ephemeralContainers(around: Surroundings, path: string): FieldError[] {
  const { spec } = around;
  const others = new Set([...spec.containers, ...(spec.initContainers ?? [])].map(container => container.name));
  const names = new Set(others);
  return (spec.ephemeralContainers ?? []).flatMap((container, index) => {
    const at = `${path}[${index}]`;
    const target = container.targetContainerName ?? '';
    const errors = [...common(container, around, at), ...validateImageSpaces(container, at)];
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    if (target !== '' && !others.has(target)) errors.push(notFound(`${at}.targetContainerName`, target));
    return [...errors, ...ephemeralOnly(container, at)];
  });
}

const NOT_IN_EPHEMERAL = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const;

function ephemeralOnly(container: EphemeralContainer, path: string): FieldError[] {
  const detail = 'cannot be set for an Ephemeral Container';
  const isSet = (name: (typeof NOT_IN_EPHEMERAL)[number]): boolean =>
    name === 'resources'
      ? Object.values(container.resources).some(value => value !== undefined)
      : container[name] !== undefined;
  return [
    ...NOT_IN_EPHEMERAL.filter(isSet).map(name => forbidden(`${path}.${name}`, detail)),
    ...(container.volumeMounts ?? []).flatMap((mount, index) =>
      (['subPath', 'subPathExpr'] as const)
        .filter(name => (mount[name] ?? '') !== '')
        .map(name => forbidden(`${path}.volumeMounts[${index}].${name}`, detail)),
    ),
  ];
}

/** What holds for every container. */
function common(container: AnyContainer, around: Surroundings, path: string): FieldError[] {
  const { name, image = '', securityContext } = container;
  return [
    ...(name === '' ? [required(`${path}.name`)] : invalidFor(`${path}.name`, name, dns1123Label(name))),
    ...(image === '' ? [required(`${path}.image`)] : []),
    ...oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError']),
    ...validatePorts(container.ports, `${path}.ports`),
    ...validateEnv(container.env, `${path}.env`),
    ...validateEnvFrom(container.envFrom, `${path}.envFrom`),
    ...validateMounts(container, around.volumes, `${path}.volumeMounts`),
    ...validateDevices(container, around.volumes, `${path}.volumeDevices`),
    ...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ...validateContainerResources(container.resources, around.claims, around.kept, `${path}.resources`),
    ...resizeErrors(container, around.spec.restartPolicy, `${path}.resizePolicy`),
    ...validateSecurityContext(securityContext, around.spec.hostUsers !== false, `${path}.securityContext`),
  ];
}

/** An image's name stands without space around it. Templates may have one, which upstream's makers use as a placeholder. */
export function validateImageSpaces({ image = '' }: AnyContainer, path: string): FieldError[] {
  return image.trim() === image
    ? []
    : [invalid(`${path}.image`, image, 'must not have leading or trailing whitespace')];
}

function running(container: Container, { spec }: Surroundings, path: string): FieldError[] {
  return [
    ...validateLifecycle(container.lifecycle, spec.terminationGracePeriodSeconds, `${path}.lifecycle`),
    ...validateProbe(container.livenessProbe, 'liveness', `${path}.livenessProbe`),
    ...validateProbe(container.readinessProbe, 'readiness', `${path}.readinessProbe`),
    ...validateProbe(container.startupProbe, 'startup', `${path}.startupProbe`),
  ];
}

/** What is restarted when resources change. Upstream's paths name the list, not the place in it. */
function resizeErrors({ resizePolicy }: AnyContainer, podPolicy: string | undefined, path: string): FieldError[] {
  const seen = new Set<string>();
  return (resizePolicy ?? []).flatMap(({ resourceName, restartPolicy }, index) => {
    const errors = [
      ...(seen.has(resourceName) ? [duplicate(`${path}[${index}]`, resourceName)] : []),
      ...oneOf(path, resourceName, ['cpu', 'memory']),
      ...oneOf(path, restartPolicy, ['NotRequired', 'RestartContainer']),
    ];
    seen.add(resourceName);
    if (podPolicy === 'Never' && restartPolicy !== 'NotRequired')
      errors.push(invalid(path, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"));
    return errors;
  });
}

function initRestartRules(container: Container, path: string): FieldError[] {
  if (container.restartPolicy !== undefined) return restartRules(container, path);
  return (container.restartPolicyRules ?? []).length > 0 ? [policyForRules(path)] : [];
}

function policyForRules(path: string): FieldError {
  return required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used');
}

/** A container's own restart policy, and what it does at which exit codes. */
function restartRules(container: Container, path: string): FieldError[] {
  const { restartPolicy, restartPolicyRules = [] } = container;
  const errors: FieldError[] = [];
  if (restartPolicy === undefined) {
    if (restartPolicyRules.length === 0) return [];
    errors.push(policyForRules(path));
  } else errors.push(...among(`${path}.restartPolicy`, restartPolicy, ['Always', 'Never', 'OnFailure']));
  errors.push(...atMostItems(`${path}.restartPolicyRules`, restartPolicyRules.length, MAX_RULES));
  for (const [index, { action, exitCodes }] of restartPolicyRules.entries()) {
    const at = `${path}.restartPolicyRules[${index}]`;
    errors.push(...among(`${at}.action`, action, ['Restart', 'RestartAllContainers']));
    if (exitCodes === undefined) {
      errors.push(required(`${at}.exitCodes`, 'must be specified'));
      continue;
    }
    const count = exitCodes.values?.length ?? 0;
    errors.push(...among(`${at}.exitCodes.operator`, exitCodes.operator, ['In', 'NotIn']));
    errors.push(...atMostItems(`${at}.exitCodes.values`, count, MAX_EXIT_CODES));
  }
  return errors;
}

function validatePorts(ports: readonly ContainerPort[] | undefined, path: string): FieldError[] {
  const names = new Set<string>();
  return (ports ?? []).flatMap((port, index) => {
    const at = `${path}[${index}]`;
    const { name = '', containerPort, hostPort = 0, protocol = '' } = port;
    const errors: FieldError[] = [];
    if (name !== '') {
      const reasons = portName(name);
      errors.push(...invalidFor(`${at}.name`, name, reasons));
      if (reasons.length === 0 && names.has(name)) errors.push(duplicate(`${at}.name`, name));
      if (reasons.length === 0) names.add(name);
    }
    if (containerPort === 0) errors.push(required(`${at}.containerPort`));
    else errors.push(...invalidFor(`${at}.containerPort`, containerPort, portNumber(containerPort)));
    if (hostPort !== 0) errors.push(...invalidFor(`${at}.hostPort`, hostPort, portNumber(hostPort)));
    errors.push(...oneOf(`${at}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']));
    return errors;
  });
}

function hostPortConflicts(containers: readonly Container[], path: string): FieldError[] {
  const seen = new Set<string>();
  return containers.flatMap((container, index) =>
    (container.ports ?? []).flatMap((port, portIndex) => {
      if ((port.hostPort ?? 0) === 0) return [];
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (seen.has(key)) return [duplicate(`${path}[${index}].ports[${portIndex}].hostPort`, key)];
      seen.add(key);
      return [];
    }),
  );
}

/** On the host's network a port of a container is one of the host, and no other. A template may leave it open. */
export function validateHostPorts(spec: PodSpec, ofPod: boolean, path: string): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  return spec.containers.flatMap((container, index) =>
    (container.ports ?? []).flatMap(({ hostPort = 0, containerPort }, portIndex) =>
      (!ofPod && hostPort === 0) || hostPort === containerPort
        ? []
        : [
            invalid(
              `${path}.containers[${index}].ports[${portIndex}].hostPort`,
              hostPort,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ],
    ),
  );
}
