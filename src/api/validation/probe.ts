import type { HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from '../types/gen/core-v1.ts';
import type { IntOrString } from '../types/scalars.ts';
import { among, type FieldError, forbidden, invalid, invalidFor, required } from './field-error.ts';
import { httpHeaderName, portName, portNumber } from './names.ts';

/** A probe of a container. A liveness or startup probe succeeds at the first success; a readiness probe never kills. */
export function validateProbe(
  probe: Probe | undefined,
  kind: 'liveness' | 'readiness' | 'startup',
  path: string,
): FieldError[] {
  if (probe === undefined) return [];
  const errors = validateHandler(probe, undefined, path);
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const)
    if ((probe[name] ?? 0) < 0)
      errors.push(invalid(`${path}.${name}`, probe[name], 'must be greater than or equal to 0'));
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0)
    errors.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  if (kind === 'readiness') {
    if (grace !== undefined)
      errors.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'));
  } else if (probe.successThreshold !== 1)
    errors.push(invalid(`${path}.successThreshold`, probe.successThreshold ?? 0, 'must be 1'));
  return errors;
}

/** Hooks after start and before stop. A sleep may not be longer than the pod's grace period. */
export function validateLifecycle(
  lifecycle: Lifecycle | undefined,
  gracePeriod: number | undefined,
  path: string,
): FieldError[] {
  const { postStart, preStop } = lifecycle ?? {};
  return [
    ...(postStart === undefined ? [] : validateHandler(postStart, gracePeriod, `${path}.postStart`)),
    ...(preStop === undefined ? [] : validateHandler(preStop, gracePeriod, `${path}.preStop`)),
  ];
}

type Handler = Pick<LifecycleHandler, 'exec' | 'httpGet' | 'tcpSocket' | 'sleep'> & Pick<Probe, 'grpc'>;

function validateHandler(handler: Handler, gracePeriod: number | undefined, path: string): FieldError[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  const found: (readonly [string, FieldError[]])[] = [];
  if (exec !== undefined)
    found.push(['exec', (exec.command ?? []).length === 0 ? [required(`${path}.exec.command`)] : []]);
  if (httpGet !== undefined) found.push(['httpGet', validateHttpGet(httpGet, `${path}.httpGet`)]);
  if (tcpSocket !== undefined) found.push(['tcpSocket', validatePort(tcpSocket.port, `${path}.tcpSocket.port`)]);
  if (grpc !== undefined) found.push(['grpc', validatePort(grpc.port, `${path}.grpc.port`)]);
  if (sleep !== undefined) {
    const tooLong = gracePeriod !== undefined && (sleep.seconds < 0 || sleep.seconds > gracePeriod);
    const detail = `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriod})`;
    found.push(['sleep', tooLong ? [invalid(`${path}.sleep`, sleep.seconds, detail)] : []]);
  }
  const [first, ...others] = found;
  if (first === undefined) return [required(path, 'must specify a handler type')];
  return [
    ...first[1],
    ...others.map(([name]) => forbidden(`${path}.${name}`, 'may not specify more than 1 handler type')),
  ];
}

function validateHttpGet(action: HTTPGetAction, path: string): FieldError[] {
  return [
    ...((action.path ?? '') === '' ? [required(`${path}.path`)] : []),
    ...validatePort(action.port, `${path}.port`),
    ...among(`${path}.scheme`, action.scheme, ['HTTP', 'HTTPS']),
    ...(action.httpHeaders ?? []).flatMap(header =>
      invalidFor(`${path}.httpHeaders`, header.name, httpHeaderName(header.name)),
    ),
  ];
}

function validatePort(port: IntOrString, path: string): FieldError[] {
  return invalidFor(path, port, typeof port === 'number' ? portNumber(port) : portName(port));
}
