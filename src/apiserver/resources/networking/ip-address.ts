import { isIP } from 'node:net';
import { equalAs } from '../../../api/semantic-equal.ts';
import type { IPAddress, ParentReference } from '../../../api/types/gen/networking-v1.ts';
import { type FieldError, invalid, invalidFor, required } from '../../../api/validation/field-error.ts';
import { dns1123Subdomain, ipAddress, pathSegmentName } from '../../../api/validation/names.ts';
import { canonicalIp } from '../../../base/cidr.ts';
import { column, NAME } from '../cells.ts';
import { defineStrategy } from '../define.ts';

/** An address that is taken: its name says which, its parent by whom. */
export const ipAddressStrategy = defineStrategy<IPAddress>(
  { group: 'networking.k8s.io', version: 'v1', plural: 'ipaddresses' },
  {
    names: addressName,
    validate: ({ spec }) => validateParent(spec.parentRef),
    validateUpdate: ({ spec }, old) => [
      ...validateParent(spec.parentRef),
      ...(equalAs('networking/v1.ParentReference', spec.parentRef, old.spec.parentRef)
        ? []
        : [invalid('spec.parentRef', spec.parentRef ?? null, 'field is immutable')]),
    ],
    columns: {
      // Upstream shows no age here.
      definitions: [NAME, column('ParentRef', { description: 'The object that has the address.' })],
      cells: address => [address.metadata.name ?? '', parentCell(address.spec.parentRef)],
    },
  },
);

function addressName(name: string): string[] {
  if (isIP(name) === 0) return ipAddress(name);
  const canonical = canonicalIp(name);
  if (/^::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}$/.test(canonical)) return ['must not be an IPv4-mapped IPv6 address'];
  return name === canonical ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`];
}

function validateParent(parent: ParentReference | undefined): FieldError[] {
  if (parent === undefined) return [required('spec.parentRef')];
  const { group = '', resource = '', namespace = '', name = '' } = parent;
  const segment = (field: string, value: string): FieldError[] =>
    value === '' ? [required(field)] : invalidFor(field, value, pathSegmentName(value));
  return [
    ...(group === '' ? [] : invalidFor('spec.parentRef.group', group, dns1123Subdomain(group))),
    ...segment('spec.parentRef.resource', resource),
    ...segment('spec.parentRef.name', name),
    ...(namespace === '' ? [] : segment('spec.parentRef.namespace', namespace)),
  ];
}

function parentCell(parent: ParentReference | undefined): string {
  if (parent === undefined) return '<none>';
  const { group = '', resource = '', namespace = '', name = '' } = parent;
  const kind = (group === '' ? resource : `${resource}.${group}`).toLowerCase();
  return namespace === '' ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}
