import { parseQuantity } from '../quantity.ts';
import type { EnvFromSource, EnvVar, ObjectFieldSelector, ResourceFieldSelector } from '../types/gen/core-v1.ts';
import { type FieldError, invalid, invalidFor, notSupported, required } from './field-error.ts';
import { configMapKey, dns1123Subdomain, envVarName, qualifiedName } from './names.ts';

const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const VOLUME_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
const RESOURCE_FIELDS = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const DIVISORS = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

export function validateEnv(env: readonly EnvVar[] | undefined, path: string): FieldError[] {
  return (env ?? []).flatMap((variable, index) => {
    const at = `${path}[${index}]`;
    return [
      ...(variable.name === ''
        ? [required(`${at}.name`)]
        : invalidFor(`${at}.name`, variable.name, envVarName(variable.name))),
      ...validateValueFrom(variable, `${at}.valueFrom`),
    ];
  });
}

function validateValueFrom(variable: EnvVar, path: string): FieldError[] {
  const from = variable.valueFrom;
  if (from === undefined) return [];
  const errors: FieldError[] = [];
  if (from.fieldRef !== undefined) errors.push(...validateFieldRef(from.fieldRef, 'env', `${path}.fieldRef`));
  if (from.resourceFieldRef !== undefined)
    errors.push(...validateResourceFieldRef(from.resourceFieldRef, 'env', `${path}.resourceFieldRef`));
  for (const name of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const selector = from[name];
    if (selector === undefined) continue;
    errors.push(...invalidFor(`${path}.${name}.name`, selector.name ?? '', dns1123Subdomain(selector.name ?? '')));
    errors.push(
      ...(selector.key === ''
        ? [required(`${path}.${name}.key`)]
        : invalidFor(`${path}.${name}.key`, selector.key, configMapKey(selector.key))),
    );
  }
  if (from.fileKeyRef !== undefined)
    for (const name of ['volumeName', 'path', 'key'] as const)
      if (from.fileKeyRef[name] === '') errors.push(required(`${path}.fileKeyRef.${name}`));
  const sources = Object.values(from).filter(source => source !== undefined).length;
  if (sources === 0)
    errors.push(
      invalid(
        path,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    );
  else if ((variable.value ?? '') !== '')
    errors.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  else if (sources > 1) errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
  return errors;
}

/** A field of the pod, for a variable or for a file. */
export function validateFieldRef(ref: ObjectFieldSelector, use: 'env' | 'volume', path: string): FieldError[] {
  if ((ref.apiVersion ?? '') === '') return [required(`${path}.apiVersion`)];
  if (ref.fieldPath === '') return [required(`${path}.fieldPath`)];
  const subscript = /^(.+)\['([^']*)'\]$/.exec(ref.fieldPath);
  if (subscript !== null) {
    const [, base = '', key = ''] = subscript;
    if (base === 'metadata.annotations') return invalidFor(path, key, qualifiedName(key.toLowerCase()));
    if (base === 'metadata.labels') return invalidFor(path, key, qualifiedName(key));
    return [invalid(path, base, 'does not support subscript')];
  }
  const fields = use === 'env' ? ENV_FIELDS : VOLUME_FIELDS;
  return fields.includes(ref.fieldPath) ? [] : [notSupported(`${path}.fieldPath`, ref.fieldPath, fields)];
}

/** A limit or request of a container, for a variable or for a file. */
export function validateResourceFieldRef(
  ref: ResourceFieldSelector,
  use: 'env' | 'volume',
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const huge = /^(?:requests|limits)\.hugepages-/.test(ref.resource);
  if (use === 'volume' && (ref.containerName ?? '') === '') errors.push(required(`${path}.containerName`));
  else if (ref.resource === '') errors.push(required(`${path}.resource`));
  else if (!RESOURCE_FIELDS.includes(ref.resource) && !huge)
    errors.push(notSupported(`${path}.resource`, ref.resource, RESOURCE_FIELDS));
  const cpu = ref.resource.endsWith('.cpu');
  const allowed = cpu ? ['1m', '1'] : DIVISORS;
  if (parseQuantity(ref.divisor).nano !== 0n && !allowed.includes(ref.divisor)) {
    const values = cpu ? '1m and 1' : DIVISORS.join(', ');
    const resource = cpu ? 'cpu' : huge ? 'hugepages' : ref.resource.replace(/^[^.]*\./, '');
    errors.push(
      invalid(
        `${path}.divisor`,
        ref.resource,
        `only divisor's values ${values} are supported with the ${resource} resource`,
      ),
    );
  }
  return errors;
}

export function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, path: string): FieldError[] {
  return (sources ?? []).flatMap((source, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    const prefix = source.prefix ?? '';
    if (prefix !== '') errors.push(...invalidFor(`${at}.prefix`, prefix, envVarName(prefix)));
    let given = 0;
    for (const name of ['configMapRef', 'secretRef'] as const) {
      const ref = source[name];
      if (ref === undefined) continue;
      given++;
      const target = ref.name ?? '';
      errors.push(
        ...(target === ''
          ? [required(`${at}.${name}.name`)]
          : invalidFor(`${at}.${name}.name`, target, dns1123Subdomain(target))),
      );
    }
    if (given === 0) errors.push(invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (given > 1) errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
    return errors;
  });
}
