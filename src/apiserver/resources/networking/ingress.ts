import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule } from '../../../api/types/gen/networking-v1.ts';
import {
  addErrors,
  type FieldError,
  invalid,
  invalidFor,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { familyOf, ipWarnings, validateLegacyIp } from '../../../api/validation/ip.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  portName,
  portNumber,
  wildcardSubdomain,
} from '../../../api/validation/names.ts';
import { AGE, columns, firstOf, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { validateTypedReference } from './typed-reference.ts';

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

export const ingressStrategy = defineStrategy<Ingress>(
  { group: 'networking.k8s.io', version: 'v1', plural: 'ingresses' },
  {
    generation: ['spec'],
    initialStatus: () => ({ loadBalancer: {} }),
    validate: ingress => {
      const annotation = ingress.metadata.annotations?.[CLASS_ANNOTATION];
      const name = ingress.spec.ingressClassName;
      return [
        ...validateSpec(ingress, undefined),
        ...(annotation !== undefined && name !== undefined && annotation !== name
          ? [
              invalid(
                `annotations.${CLASS_ANNOTATION}`,
                annotation,
                'must match `ingressClassName` when both are specified',
              ),
            ]
          : []),
      ];
    },
    validateUpdate: validateSpec,
    warnings: ({ metadata, spec }) =>
      metadata.annotations?.[CLASS_ANNOTATION] !== undefined && spec.ingressClassName === undefined
        ? [`annotation "${CLASS_ANNOTATION}" is deprecated, please use 'spec.ingressClassName' instead`]
        : [],
    warningsOnUpdate: () => [],
    validateStatus: ({ status }, old) => {
      const kept = new Set((old.status.loadBalancer.ingress ?? []).map(({ ip = '' }) => ip));
      return (status.loadBalancer.ingress ?? []).flatMap(({ ip = '', hostname = '' }, index) => {
        const at = `status.loadBalancer.ingress[${index}]`;
        return [
          ...(ip === '' ? [] : validateLegacyIp(`${at}.ip`, ip, kept)),
          ...(hostname === '' ? [] : invalidFor(`${at}.hostname`, hostname, dns1123Subdomain(hostname))),
          ...nameErrors(hostname, `${at}.hostname`),
        ];
      });
    },
    warningsOnStatus: ({ status }) =>
      (status.loadBalancer.ingress ?? []).flatMap(({ ip = '' }, index) =>
        ip === '' ? [] : ipWarnings(`status.loadBalancer.ingress[${index}]`, ip),
      ),
    columns: {
      definitions: [
        NAME,
        ...columns({
          Class: 'The class of the ingress: which controller serves it.',
          Hosts: 'The host names that it has rules for.',
          Address: 'Where the controller takes requests for it.',
          Ports: 'The ports that it takes requests on.',
        }),
        AGE,
      ],
      cells: (ingress, now) => {
        const hosts = (ingress.spec.rules ?? []).flatMap(({ host = '' }) => (host === '' ? [] : [host]));
        const addresses = (ingress.status.loadBalancer.ingress ?? []).map(
          ({ ip = '', hostname = '' }) => ip || hostname,
        );
        return [
          ingress.metadata.name ?? '',
          ingress.spec.ingressClassName ?? '<none>',
          hosts.length === 0 ? '*' : firstOf(hosts, 3),
          [...new Set(addresses)]
            .filter(text => text !== '')
            .toSorted()
            .join(','),
          (ingress.spec.tls ?? []).length > 0 ? '80, 443' : '80',
          ageCell(ingress, now),
        ];
      },
    },
  },
);

function validateSpec({ spec }: Ingress, old: Ingress | undefined): FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  const errors: FieldError[] = [];
  if (rules.length === 0 && defaultBackend === undefined)
    errors.push(invalid('spec', spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified'));
  if (defaultBackend !== undefined) errors.push(...backendErrors(defaultBackend, 'spec.defaultBackend'));
  // What was stored by looser rules may stay.
  const anyWildcardRule = (old?.spec.rules ?? []).some(rule => isWildcard(rule) && valueErrors(rule, '').length > 0);
  const anySecret = (old?.spec.tls ?? []).some(({ secretName = '' }) => secretErrors(secretName, '').length > 0);
  for (const [index, rule] of rules.entries()) {
    const at = `spec.rules[${index}]`;
    errors.push(...ruleHostErrors(rule, at));
    if (!isWildcard(rule) || !anyWildcardRule) addErrors(errors, valueErrors(rule, at));
  }
  for (const [index, { hosts = [], secretName = '' }] of tls.entries()) {
    const at = `spec.tls[${index}]`;
    for (const [i, host] of hosts.entries()) errors.push(...hostErrors(host, `${at}.hosts[${i}]`));
    if (!anySecret) errors.push(...secretErrors(secretName, `${at}.secretName`));
  }
  if (ingressClassName !== undefined)
    errors.push(...invalidFor('spec.ingressClassName', ingressClassName, dns1123Subdomain(ingressClassName)));
  return errors;
}

function isWildcard({ host = '' }: IngressRule): boolean {
  return host.includes('*');
}

function secretErrors(name: string, path: string): FieldError[] {
  return name === '' ? [] : invalidFor(path, name, dns1123Subdomain(name));
}

function hostErrors(host: string, path: string): FieldError[] {
  return invalidFor(path, host, host.includes('*') ? wildcardSubdomain(host) : dns1123Subdomain(host));
}

function nameErrors(host: string, path: string): FieldError[] {
  return familyOf(host) === undefined ? [] : [invalid(path, host, 'must be a DNS name, not an IP address')];
}

function ruleHostErrors({ host = '' }: IngressRule, path: string): FieldError[] {
  if (host === '') return [];
  return [...nameErrors(host, `${path}.host`), ...hostErrors(host, `${path}.host`)];
}

function valueErrors({ http }: IngressRule, path: string): FieldError[] {
  if (http === undefined) return [];
  return [
    ...(http.paths.length === 0 ? [required(`${path}.http.paths`)] : []),
    ...http.paths.flatMap((entry, i) => pathErrors(entry, `${path}.http.paths[${i}]`)),
  ];
}

function pathErrors({ path = '', pathType, backend }: HTTPIngressPath, at: string): FieldError[] {
  if (pathType === undefined) return [required(`${at}.pathType`, 'pathType must be specified')];
  const errors: FieldError[] = [];
  const wrong = (detail: string): void => {
    errors.push(invalid(`${at}.path`, path, detail));
  };
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!path.startsWith('/')) wrong('must be an absolute path');
    if (path !== '') {
      for (const part of ['//', '/./', '/../', '%2f', '%2F'])
        if (path.includes(part)) wrong(`must not contain '${part}'`);
      for (const end of ['/..', '/.']) if (path.endsWith(end)) wrong(`cannot end with '${end}'`);
    }
  } else if (pathType === 'ImplementationSpecific') {
    if (path !== '' && !path.startsWith('/')) wrong('must be an absolute path');
  } else errors.push(notSupported(`${at}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix']));
  return [...errors, ...backendErrors(backend, `${at}.backend`)];
}

function backendErrors({ service, resource }: IngressBackend, path: string): FieldError[] {
  if (service !== undefined && resource !== undefined)
    return [invalid(path, '', 'cannot set both resource and service backends')];
  if (resource !== undefined) return validateTypedReference(resource, `${path}.resource`);
  if (service === undefined) return [invalid(path, '', 'resource or service backend is required')];
  const { name = '', number = 0 } = service.port;
  const errors =
    service.name === ''
      ? [required(`${path}.service.name`)]
      : invalidFor(`${path}.service.name`, service.name, dns1123Label(service.name));
  if (name !== '' && number !== 0) errors.push(invalid(path, '', 'cannot set both port name & port number'));
  else if (name !== '') errors.push(...invalidFor(`${path}.service.port.name`, name, portName(name)));
  else if (number !== 0) errors.push(...invalidFor(`${path}.service.port.number`, number, portNumber(number)));
  else errors.push(required(path, 'port name or number is required'));
  return errors;
}
