import type { Container, ContainerPort, EphemeralContainer, PodSpec, Volume } from '../types/gen/core-v1.ts';
import { validateEnv, validateEnvFrom } from './env.ts';
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notFound,
  notSupported,
  oneOf,
  required,
} from './field-error.ts';
import { dns1123Label, ipAddress, portName, portNumber } from './names.ts';
import { validateLifecycle, validateProbe } from './probe.ts';
import { validateContainerResources } from './resources.ts';
import { descendingPath, noBacksteps, validateSecurityContext } from './security-context.ts';

/** Containers, init containers and ephemeral containers of a pod. */
export function validateContainers(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const unique = (name: string, at: string): void => {
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    else if (name !== '') names.add(name);
  };
  if (spec.containers.length === 0) errors.push(required(`${path}.containers`));
  for (const [index, container] of spec.containers.entries()) {
    const at = `${path}.containers[${index}]`;
    errors.push(...validateCommon(container, spec, at), ...validateRunning(container, spec, at));
    unique(container.name, at);
    errors.push(...validateRestart(container, ['Always', 'OnFailure', 'Never'], at));
  }
  errors.push(...hostPortConflicts(spec.containers, `${path}.containers`));
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const at = `${path}.initContainers[${index}]`;
    errors.push(...validateCommon(container, spec, at));
    if (container.restartPolicy === 'Always') errors.push(...validateRunning(container, spec, at));
    else
      for (const name of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
        if (container[name] !== undefined)
          errors.push(forbidden(`${at}.${name}`, 'may not be set for init containers without restartPolicy=Always'));
    unique(container.name, at);
    errors.push(...validateRestart(container, ['Always', 'OnFailure', 'Never'], at));
    errors.push(...hostPortConflicts([container], `${path}.initContainers`, index));
  }
  for (const [index, container] of (spec.ephemeralContainers ?? []).entries()) {
    const at = `${path}.ephemeralContainers[${index}]`;
    const target = container.targetContainerName ?? '';
    if (target !== '' && ![...spec.containers, ...(spec.initContainers ?? [])].some(c => c.name === target))
      errors.push(notFound(`${at}.targetContainerName`, target));
    errors.push(...validateCommon(container, spec, at), ...ephemeralOnly(container, at));
    unique(container.name, at);
  }
  return errors;
}

const NOT_IN_EPHEMERAL = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
] as const;

function ephemeralOnly(container: EphemeralContainer, path: string): FieldError[] {
  const detail = 'cannot be set for an Ephemeral Container';
  const errors = NOT_IN_EPHEMERAL.filter(name => container[name] !== undefined).map(name =>
    forbidden(`${path}.${name}`, detail),
  );
  if (container.resources.limits !== undefined || container.resources.requests !== undefined)
    errors.push(forbidden(`${path}.resources`, detail));
  for (const [index, mount] of (container.volumeMounts ?? []).entries())
    for (const name of ['subPath', 'subPathExpr'] as const)
      if ((mount[name] ?? '') !== '') errors.push(forbidden(`${path}.volumeMounts[${index}].${name}`, detail));
  return errors;
}

function validateCommon(container: Container, spec: PodSpec, path: string): FieldError[] {
  const claims = new Set((spec.resourceClaims ?? []).map(claim => claim.name));
  const errors: FieldError[] = [];
  if (container.name === '') errors.push(required(`${path}.name`));
  else errors.push(...invalidFor(`${path}.name`, container.name, dns1123Label(container.name)));
  if ((container.image ?? '') === '') errors.push(required(`${path}.image`));
  errors.push(
    ...oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError']),
    ...validatePorts(container.ports, `${path}.ports`),
    ...validateEnv(container.env, `${path}.env`),
    ...validateEnvFrom(container.envFrom, `${path}.envFrom`),
    ...validateMounts(container, spec.volumes ?? [], `${path}.volumeMounts`),
    ...validateDevices(container, spec.volumes ?? [], `${path}.volumeDevices`),
    ...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ...validateContainerResources(container.resources, claims, `${path}.resources`),
    ...validateSecurityContext(container.securityContext, `${path}.securityContext`),
  );
  return errors;
}

function validateRunning(container: Container, spec: PodSpec, path: string): FieldError[] {
  return [
    ...(container.lifecycle === undefined
      ? []
      : validateLifecycle(container.lifecycle, spec.terminationGracePeriodSeconds, `${path}.lifecycle`)),
    ...validateProbe(container.livenessProbe, 'liveness', `${path}.livenessProbe`),
    ...validateProbe(container.readinessProbe, 'readiness', `${path}.readinessProbe`),
    ...validateProbe(container.startupProbe, 'startup', `${path}.startupProbe`),
  ];
}

/** A container's own restart policy and rules (ContainerRestartRules, on since 1.35). */
function validateRestart(container: Container, supported: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { restartPolicy, restartPolicyRules = [] } = container;
  if (restartPolicy !== undefined && !supported.includes(restartPolicy))
    errors.push(notSupported(`${path}.restartPolicy`, restartPolicy, supported));
  if (restartPolicyRules.length > 0 && restartPolicy === undefined)
    errors.push(required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used'));
  if (restartPolicyRules.length > 20)
    errors.push({
      type: 'FieldValueTooMany',
      field: `${path}.restartPolicyRules`,
      badValue: restartPolicyRules.length,
      detail: 'must have at most 20 items',
    });
  for (const [index, rule] of restartPolicyRules.entries()) {
    const at = `${path}.restartPolicyRules[${index}]`;
    errors.push(...oneOf(`${at}.action`, rule.action, ['Restart', 'RestartAllContainers']));
    if (rule.exitCodes === undefined) errors.push(required(`${at}.exitCodes`, 'must be specified'));
    else errors.push(...oneOf(`${at}.exitCodes.operator`, rule.exitCodes.operator, ['In', 'NotIn']));
  }
  return errors;
}

function validatePorts(ports: readonly ContainerPort[] | undefined, path: string): FieldError[] {
  const names = new Set<string>();
  return (ports ?? []).flatMap((port, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    const name = port.name ?? '';
    if (name !== '') {
      const reasons = portName(name);
      errors.push(...invalidFor(`${at}.name`, name, reasons));
      if (reasons.length === 0 && names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    if (port.containerPort === 0) errors.push(required(`${at}.containerPort`));
    else errors.push(...invalidFor(`${at}.containerPort`, port.containerPort, portNumber(port.containerPort)));
    const hostPort = port.hostPort ?? 0;
    if (hostPort !== 0) errors.push(...invalidFor(`${at}.hostPort`, hostPort, portNumber(hostPort)));
    if ((port.hostIP ?? '') !== '')
      errors.push(...invalidFor(`${at}.hostIP`, port.hostIP, ipAddress(port.hostIP ?? '')));
    errors.push(...oneOf(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']));
    return errors;
  });
}

function hostPortConflicts(containers: readonly Container[], path: string, first = 0): FieldError[] {
  const seen = new Set<string>();
  return containers.flatMap((container, index) =>
    (container.ports ?? []).flatMap((port, portIndex) => {
      if ((port.hostPort ?? 0) === 0) return [];
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (seen.has(key)) return [duplicate(`${path}[${first + index}].ports[${portIndex}].hostPort`, key)];
      seen.add(key);
      return [];
    }),
  );
}

function validateMounts(container: Container, volumes: readonly Volume[], path: string): FieldError[] {
  const points = new Set<string>();
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const at = `${path}[${index}]`;
    const volume = volumes.find(v => v.name === mount.name);
    const errors: FieldError[] = [];
    if (mount.name === '') errors.push(required(`${at}.name`));
    if (volume === undefined) errors.push(notFound(`${at}.name`, mount.name));
    if (mount.mountPath === '') errors.push(required(`${at}.mountPath`));
    if (points.has(mount.mountPath)) errors.push(invalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    points.add(mount.mountPath);
    for (const name of ['subPath', 'subPathExpr'] as const) {
      const value = mount[name] ?? '';
      if (value === '') continue;
      if (volume?.image !== undefined)
        errors.push(invalid(`${at}.${name}`, value, 'not allowed in image volume sources'));
      errors.push(...descendingPath(value, `${at}.${name}`));
    }
    if ((mount.subPath ?? '') !== '' && (mount.subPathExpr ?? '') !== '')
      errors.push(invalid(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    errors.push(...mountOptions(container, mount, at));
    return errors;
  });
}

function mountOptions(
  container: Container,
  mount: NonNullable<Container['volumeMounts']>[number],
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const { mountPropagation, recursiveReadOnly } = mount;
  if (mountPropagation !== undefined) {
    errors.push(...oneOf(`${path}.mountPropagation`, mountPropagation, ['Bidirectional', 'HostToContainer', 'None']));
    if (mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true)
      errors.push(
        forbidden(
          `${path}.mountPropagation`,
          'Bidirectional mount propagation is available only to privileged containers',
        ),
      );
  }
  if (recursiveReadOnly !== undefined) {
    errors.push(...oneOf(`${path}.recursiveReadOnly`, recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible']));
    if (recursiveReadOnly !== 'Disabled' && mount.readOnly !== true)
      errors.push(forbidden(`${path}.recursiveReadOnly`, 'may only be specified when readOnly is true'));
    if (recursiveReadOnly !== 'Disabled' && mountPropagation !== undefined && mountPropagation !== 'None')
      errors.push(
        forbidden(`${path}.recursiveReadOnly`, 'may only be specified when mountPropagation is None or not specified'),
      );
  }
  return errors;
}

function validateDevices(container: Container, volumes: readonly Volume[], path: string): FieldError[] {
  const names = new Set<string>();
  const paths = new Set<string>();
  return (container.volumeDevices ?? []).flatMap((device, index) => {
    const at = `${path}[${index}]`;
    const volume = volumes.find(v => v.name === device.name);
    const errors: FieldError[] = [];
    if (device.name === '') errors.push(required(`${at}.name`));
    if (names.has(device.name)) errors.push(invalid(`${at}.name`, device.name, 'must be unique'));
    names.add(device.name);
    if (volume === undefined) errors.push(notFound(`${at}.name`, device.name));
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined)
      errors.push(
        invalid(
          `${at}.name`,
          device.name,
          'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        ),
      );
    if (device.devicePath === '') errors.push(required(`${at}.devicePath`));
    if (paths.has(device.devicePath)) errors.push(invalid(`${at}.devicePath`, device.devicePath, 'must be unique'));
    paths.add(device.devicePath);
    errors.push(...noBacksteps(device.devicePath, `${at}.devicePath`));
    for (const mount of container.volumeMounts ?? []) {
      if (mount.name === device.name)
        errors.push(invalid(`${at}.name`, device.name, 'must not already exist in volumeMounts'));
      if (mount.mountPath === device.devicePath)
        errors.push(invalid(`${at}.devicePath`, device.devicePath, 'must not already exist as a path in volumeMounts'));
    }
    return errors;
  });
}
