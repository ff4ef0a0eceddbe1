import { canonicalQuantity, parseQuantity } from '../quantity.ts';
import type {
  EnvFromSource,
  EnvVar,
  FileKeySelector,
  ObjectFieldSelector,
  PodSpec,
  ResourceFieldSelector,
} from '../types/gen/core-v1.ts';
import { addErrors, type FieldError, invalid, invalidFor, notFound, notSupported, required } from './field-error.ts';
import { asPrefix, configMapKey, dns1123Label, dns1123Subdomain, envVarName, qualifiedName } from './names.ts';
import { noBacksteps } from './paths.ts';
import { containersOf } from './pod-options.ts';

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
/** What may be named at all; what is of use where is narrower. */
const KNOWN_FIELDS = [
  ...new Set([...ENV_FIELDS, ...VOLUME_FIELDS]),
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
  'spec.host',
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

/** The variables of a container. */
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
    addErrors(
      errors,
      selector.key === ''
        ? [required(`${path}.${name}.key`)]
        : invalidFor(`${path}.${name}.key`, selector.key, configMapKey(selector.key)),
    );
  }
  if (from.fileKeyRef !== undefined) errors.push(...fileKeyErrors(from.fileKeyRef, `${path}.fileKeyRef`));
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

function fileKeyErrors({ key, volumeName, path: file }: FileKeySelector, path: string): FieldError[] {
  return [
    ...(key === '' ? [required(`${path}.key`)] : invalidFor(`${path}.key`, key, envVarName(key))),
    ...(volumeName === ''
      ? [required(`${path}.volumeName`)]
      : invalidFor(`${path}.volumeName`, volumeName, dns1123Label(volumeName))),
    ...(file === '' ? [required(`${path}.path`)] : noBacksteps(file, `${path}.path`)),
  ];
}

/** Variables that come out of a file: the file lies in an emptyDir of the pod. */
export function validateFileKeyVolumes(spec: PodSpec, path: string): FieldError[] {
  const volumes = new Map((spec.volumes ?? []).map(volume => [volume.name, volume]));
  return containersOf(spec, path).flatMap(([container, at]) =>
    (container.env ?? []).flatMap((variable, index) => {
      const ref = variable.valueFrom?.fileKeyRef;
      if (ref === undefined) return [];
      const field = `${at}.env[${index}].valueFrom.fileKeyRef.volumeName`;
      const volume = volumes.get(ref.volumeName);
      if (volume === undefined) return [notFound(field, ref.volumeName)];
      return volume.emptyDir === undefined
        ? [invalid(field, ref.volumeName, 'referenced volume must be of type emptyDir')]
        : [];
    }),
  );
}

/** A field of the pod, for a variable or for a file. */
export function validateFieldRef(ref: ObjectFieldSelector, use: 'env' | 'volume', path: string): FieldError[] {
  const { apiVersion = '', fieldPath } = ref;
  if (apiVersion === '') return [required(`${path}.apiVersion`)];
  if (fieldPath === '') return [required(`${path}.fieldPath`)];
  const unknown = (why: string): FieldError[] => [
    invalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`),
  ];
  if (apiVersion !== 'v1') return unknown(`unsupported pod version: ${apiVersion}`);
  const [base, key] = splitSubscript(fieldPath);
  if (key !== undefined) {
    if (base === 'metadata.annotations') return invalidFor(path, key.toLowerCase(), qualifiedName(key.toLowerCase()));
    if (base === 'metadata.labels') return invalidFor(path, key, qualifiedName(key));
    return unknown(`field label does not support subscript: ${fieldPath}`);
  }
  if (!KNOWN_FIELDS.includes(fieldPath)) return unknown(`field label not supported: ${fieldPath}`);
  // The name that clients of the first days use.
  const name = fieldPath === 'spec.host' ? 'spec.nodeName' : fieldPath;
  const fields = use === 'env' ? ENV_FIELDS : VOLUME_FIELDS;
  return fields.includes(name) ? [] : [notSupported(`${path}.fieldPath`, name, fields)];
}

/** `metadata.labels['a']` as its two parts. */
function splitSubscript(fieldPath: string): readonly [string, string | undefined] {
  const at = fieldPath.indexOf("['");
  return at <= 0 || !fieldPath.endsWith("']") || at + 2 > fieldPath.length - 2
    ? [fieldPath, undefined]
    : [fieldPath.slice(0, at), fieldPath.slice(at + 2, -2)];
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
  return [...errors, ...divisorErrors(ref, huge, `${path}.divisor`)];
}

function divisorErrors({ resource, divisor }: ResourceFieldSelector, huge: boolean, path: string): FieldError[] {
  if (parseQuantity(divisor).nano === 0n || (!RESOURCE_FIELDS.includes(resource) && !huge)) return [];
  const cpu = resource.endsWith('.cpu');
  if ((cpu ? ['1m', '1'] : DIVISORS).includes(canonicalQuantity(divisor))) return [];
  const values = cpu ? '1m and 1' : DIVISORS.join(', ');
  const what = huge
    ? 'hugepages'
    : resource.endsWith('.ephemeral-storage')
      ? 'local ephemeral storage'
      : resource.slice(resource.indexOf('.') + 1);
  return [invalid(path, resource, `only divisor's values ${values} are supported with the ${what} resource`)];
}

/** Config maps and secrets whose keys become variables. */
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
      addErrors(
        errors,
        target === ''
          ? [required(`${at}.${name}.name`)]
          : // Upstream lets these end in a dash, as if something were to follow.
            invalidFor(`${at}.${name}.name`, target, dns1123Subdomain(asPrefix(target))),
      );
    }
    // Upstream names the list, not the place in it.
    if (given === 0) errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (given > 1) errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
    return errors;
  });
}
