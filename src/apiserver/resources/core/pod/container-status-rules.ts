import type { Container, ContainerStatus, Pod, PodSpec } from '../../../../api/types/gen/core-v1.ts';
import {
  among,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  required,
  tooLong,
} from '../../../../api/validation/field-error.ts';
import { numericId } from '../../../../api/validation/names.ts';

const LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;
/** Characters that a device's health may be explained in. */
const MAX_HEALTH_MESSAGE = 1024;

/** What is wrong with what is said of containers: their users, and the health of the devices that they have. Pure. */
export function containerStatusErrors({ status, spec }: Pod): FieldError[] {
  return [
    ...LISTS.flatMap(list => userErrors(status[list] ?? [], spec, `status.${list}`)),
    ...healthErrors(status.containerStatuses, spec.containers, 'status.containerStatuses'),
    ...healthErrors(status.initContainerStatuses, spec.initContainers ?? [], 'status.initContainerStatuses'),
    ...(status.ephemeralContainerStatuses ?? []).flatMap(({ allocatedResourcesStatus }, index) =>
      (allocatedResourcesStatus ?? []).length === 0
        ? []
        : [
            forbidden(
              `status.ephemeralContainerStatuses[${index}].allocatedResourcesStatus`,
              'must not be specified in container status',
            ),
          ],
    ),
  ];
}

/** A container that has ended for good does not run again. Pure. */
export function resurrected(pod: Pod, old: Pod): FieldError[] {
  const all = [...(old.spec.initContainers ?? []), ...old.spec.containers];
  const anyRestartsAll = all.some(container =>
    (container.restartPolicyRules ?? []).some(rule => rule.action === 'RestartAllContainers'),
  );
  const errors = (list: (typeof LISTS)[number], containers: readonly Container[]): FieldError[] => {
    const alive = new Set((pod.status[list] ?? []).flatMap(s => (s.state.terminated === undefined ? [s.name] : [])));
    const named = firstByName(containers);
    return (old.status[list] ?? []).flatMap(({ name, state }, index) => {
      const code = state.terminated?.exitCode;
      if (code === undefined || !alive.has(name)) return [];
      const container = named.get(name);
      return container !== undefined && mayRestart(container, old.spec, code)
        ? []
        : [forbidden(`status.${list}[${index}].state`, 'may not be transitioned to non-terminated state')];
    });
  };
  return [
    ...(anyRestartsAll ? [] : errors('containerStatuses', old.spec.containers)),
    ...(anyRestartsAll ? [] : errors('initContainerStatuses', old.spec.initContainers ?? [])),
    ...errors('ephemeralContainerStatuses', []),
  ];
}

/** Of several with one name the first counts. */
function firstByName(containers: readonly Container[]): ReadonlyMap<string, Container> {
  return new Map(containers.toReversed().map(container => [container.name, container]));
}

/** Whether a container that ended with this code is started again: by a rule of its own, its own policy, or the pod's. */
function mayRestart(container: Container, spec: PodSpec, code: number): boolean {
  const matched = (container.restartPolicyRules ?? []).some(({ action, exitCodes }) => {
    const listed = exitCodes?.values?.includes(code) === true;
    const fits =
      exitCodes !== undefined && (exitCodes.operator === 'In' ? listed : exitCodes.operator === 'NotIn' && !listed);
    return fits && (action === 'Restart' || action === 'RestartAllContainers');
  });
  if (container.restartPolicy !== undefined && matched) return true;
  switch (container.restartPolicy ?? spec.restartPolicy) {
    case 'OnFailure':
      return code !== 0;
    case 'Never':
      return false;
    default:
      return true;
  }
}

function userErrors(statuses: readonly ContainerStatus[], spec: PodSpec, path: string): FieldError[] {
  return statuses.flatMap(({ user }, index) => {
    const linux = user?.linux;
    if (linux === undefined) return [];
    const at = `${path}[${index}].user.linux`;
    if (spec.os?.name === 'windows') return [forbidden(at, 'cannot be set for a windows pod')];
    if ((spec.os?.name ?? 'linux') !== 'linux') return [];
    return [
      ...invalidFor(`${at}.uid`, linux.uid, numericId(linux.uid)),
      ...invalidFor(`${at}.gid`, linux.gid, numericId(linux.gid)),
      ...(linux.supplementalGroups ?? []).flatMap((group, place) =>
        invalidFor(`${at}.supplementalGroups[${place}]`, group, numericId(group)),
      ),
    ];
  });
}

/** The health of devices that containers have. */
function healthErrors(
  statuses: readonly ContainerStatus[] | undefined,
  containers: readonly Container[],
  path: string,
): FieldError[] {
  const named = firstByName(containers);
  return (statuses ?? []).flatMap(({ name, allocatedResourcesStatus = [] }, index) => {
    const container = named.get(name);
    const known = allocatedResourcesStatus.length === 0 ? undefined : container && claimedBy(container);
    return allocatedResourcesStatus.flatMap((resource, place) => {
      const at = `${path}[${index}].allocatedResourcesStatus[${place}]`;
      const ids = new Set<string>();
      return [
        ...(container === undefined || known === undefined
          ? []
          : ownershipErrors(resource.name, container, known, `${at}.name`)),
        ...(resource.resources ?? []).flatMap(({ health, message, resourceID }, entry) => {
          const errors = [
            ...among(`${at}.resources[${entry}].health`, health, ['Healthy', 'Unhealthy', 'Unknown']),
            ...messageErrors(message, `${at}.resources[${entry}].message`),
          ];
          if (ids.has(resourceID)) errors.push(duplicate(`${at}.resources[${entry}].resourceID`, resourceID));
          ids.add(resourceID);
          return errors;
        }),
      ];
    });
  });
}

/** The claims of a container as the names of allocated resources. */
function claimedBy({ resources: { claims = [] } }: Container): ReadonlySet<string> {
  return new Set(
    claims.map(({ name, request = '' }) => (request === '' ? `claim:${name}` : `claim:${name}/${request}`)),
  );
}

function ownershipErrors(
  name: string,
  { resources: { requests = {} } }: Container,
  claimed: ReadonlySet<string>,
  path: string,
): FieldError[] {
  if (!name.startsWith('claim:'))
    return Object.hasOwn(requests, name)
      ? []
      : [invalid(path, name, "must match one of the container's resource requests")];
  return claimed.has(name)
    ? []
    : [
        invalid(
          path,
          name,
          "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty",
        ),
      ];
}

function messageErrors(message: string | undefined, path: string): FieldError[] {
  if (message === undefined) return [];
  if (message === '') return [required(path, 'must be non-empty if specified')];
  return Buffer.byteLength(message) > MAX_HEALTH_MESSAGE ? [tooLong(path, MAX_HEALTH_MESSAGE)] : [];
}
