import { isIP } from 'node:net';
import { equalValues } from '../../../api/semantic-equal.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressRule,
} from '../../../api/types/gen/networking-v1.ts';
import {
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
  tooLong,
} from '../../../api/validation/field-error.ts';
import {
  dns1035Label,
  dns1123Subdomain,
  ipAddress,
  pathSegmentName,
  portName,
  portNumber,
  wildcardSubdomain,
} from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, column, firstOf, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

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
        ...validateSpec(ingress),
        ...(annotation !== undefined && name !== undefined && annotation !== name
          ? [
              invalid(
                `metadata.annotations[${CLASS_ANNOTATION}]`,
                annotation,
                'must match `ingressClassName` when both are specified',
              ),
            ]
          : []),
      ];
    },
    validateUpdate: ingress => validateSpec(ingress),
    validateStatus: ({ status }) =>
      (status.loadBalancer.ingress ?? []).flatMap(({ ip = '', hostname = '' }, index) => {
        const at = `status.loadBalancer.ingress[${index}]`;
        return [
          ...(ip === '' ? [] : invalidFor(`${at}.ip`, ip, ipAddress(ip))),
          ...(hostname === '' ? [] : invalidFor(`${at}.hostname`, hostname, dns1123Subdomain(hostname))),
          ...(isIP(hostname) === 0
            ? []
            : [invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address')]),
        ];
      }),
    columns: {
      definitions: [NAME, ...['Class', 'Hosts', 'Address', 'Ports'].map(name => column(name)), AGE],
      cells: (ingress, now) => {
        const hosts = (ingress.spec.rules ?? []).flatMap(({ host = '' }) => (host === '' ? [] : [host]));
        const addresses = (ingress.status.loadBalancer.ingress ?? []).map(entry => entry.ip ?? entry.hostname ?? '');
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

function validateSpec({ spec }: Ingress): FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  const errors: FieldError[] = [];
  if (rules.length === 0 && defaultBackend === undefined)
    errors.push(invalid('spec', rules, 'either `defaultBackend` or `rules` must be specified'));
  if (defaultBackend !== undefined) errors.push(...backendErrors(defaultBackend, 'spec.defaultBackend'));
  for (const [index, rule] of rules.entries()) errors.push(...ruleErrors(rule, `spec.rules[${index}]`));
  for (const [index, { hosts = [], secretName = '' }] of tls.entries()) {
    const at = `spec.tls[${index}]`;
    for (const [i, host] of hosts.entries()) errors.push(...hostErrors(host, `${at}.hosts[${i}]`));
    if (secretName !== '') errors.push(...invalidFor(`${at}.secretName`, secretName, dns1123Subdomain(secretName)));
  }
  if (ingressClassName !== undefined)
    errors.push(...invalidFor('spec.ingressClassName', ingressClassName, dns1123Subdomain(ingressClassName)));
  return errors;
}

function hostErrors(host: string, path: string): FieldError[] {
  return invalidFor(path, host, host.includes('*') ? wildcardSubdomain(host) : dns1123Subdomain(host));
}

function ruleErrors({ host = '', http }: IngressRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (host !== '') {
    if (isIP(host) !== 0) errors.push(invalid(`${path}.host`, host, 'must be a DNS name, not an IP address'));
    errors.push(...hostErrors(host, `${path}.host`));
  }
  if (http === undefined) return errors;
  if (http.paths.length === 0) errors.push(required(`${path}.http.paths`));
  return [...errors, ...http.paths.flatMap((entry, i) => pathErrors(entry, `${path}.http.paths[${i}]`))];
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
  if (resource !== undefined)
    return [
      ...(resource.kind === '' ? [required(`${path}.resource.kind`)] : []),
      ...(resource.name === '' ? [required(`${path}.resource.name`)] : []),
    ];
  if (service === undefined) return [invalid(path, '', 'resource or service backend is required')];
  const { name = '', number = 0 } = service.port;
  const errors =
    service.name === ''
      ? [required(`${path}.service.name`)]
      : invalidFor(`${path}.service.name`, service.name, dns1035Label(service.name));
  if (name !== '' && number !== 0) errors.push(invalid(path, '', 'cannot set both port name & port number'));
  else if (name !== '') errors.push(...invalidFor(`${path}.service.port.name`, name, portName(name)));
  else if (number !== 0) errors.push(...invalidFor(`${path}.service.port.number`, number, portNumber(number)));
  else errors.push(required(path, 'port name or number is required'));
  return errors;
}

export const ingressClassStrategy = defineStrategy<IngressClass>(
  { group: 'networking.k8s.io', version: 'v1', plural: 'ingressclasses' },
  {
    generation: ['spec'],
    validate: validateClass,
    validateUpdate: (ingressClass, old) =>
      equalValues(ingressClass.spec, old.spec)
        ? []
        : [
            ...immutable('spec.controller', ingressClass.spec.controller, old.spec.controller),
            ...validateClass(ingressClass),
          ],
    columns: {
      definitions: [NAME, column('Controller'), column('Parameters'), AGE],
      cells: (ingressClass, now) => {
        const { parameters, controller = '' } = ingressClass.spec;
        const isDefault = ingressClass.metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true';
        const group = parameters?.apiGroup === undefined ? '' : `.${parameters.apiGroup}`;
        return [
          `${ingressClass.metadata.name ?? ''}${isDefault ? ' (default)' : ''}`,
          controller,
          parameters === undefined ? '<none>' : `${parameters.kind}${group}/${parameters.name}`,
          ageCell(ingressClass, now),
        ];
      },
    },
  },
);

function validateClass({ spec }: IngressClass): FieldError[] {
  const { controller = '', parameters } = spec;
  const at = 'spec.parameters';
  const errors: FieldError[] = [];
  if (controller.length > 250) errors.push(tooLong('spec.controller', 250));
  if (!/^[^/]+\/.+$/.test(controller))
    errors.push(invalid('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")'));
  if (parameters === undefined) return errors;
  const { kind, name, scope, namespace = '' } = parameters;
  for (const [field, value] of [
    ['kind', kind],
    ['name', name],
  ] as const)
    errors.push(
      ...(value === '' ? [required(`${at}.${field}`)] : invalidFor(`${at}.${field}`, value, pathSegmentName(value))),
    );
  if (scope === undefined) errors.push(required(`${at}.scope`));
  else if (scope === 'Namespace') {
    if (namespace === '') errors.push(required(`${at}.namespace`, "`parameters.scope` is set to 'Namespace'"));
  } else if (scope === 'Cluster') {
    if (namespace !== '') errors.push(forbidden(`${at}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  } else errors.push(notSupported(`${at}.scope`, scope, ['Cluster', 'Namespace']));
  return errors;
}
