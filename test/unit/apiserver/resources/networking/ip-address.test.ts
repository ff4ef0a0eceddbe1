import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const parentRef = { resource: 'services', namespace: 'default', name: 'web' };
const addresses = new Judge('networking.k8s.io', 'ipaddresses', { spec: { parentRef } });
const of = (name: string, changes: Changes = {}): Changes => ({ 'metadata.name': name, ...changes });

describe('an address that is taken', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly unknown[]][] = [
    ['is named after itself', of('10.0.0.1'), []],
    ['may be one of IPv6', of('2001:db8::1'), []],
    [
      'has no other name',
      of('web'),
      ['metadata.name: Invalid value: "web": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
    [
      'has one spelling',
      of('2001:DB8::1'),
      ['metadata.name: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")'],
    ],
    ['belongs to somebody', of('10.0.0.1', { 'spec.parentRef': undefined }), ['spec.parentRef: Required value']],
    [
      'belongs to something that can be named',
      of('10.0.0.1', { 'spec.parentRef': { group: 'A', resource: 'a/b', namespace: '..' } }),
      [
        expect.stringContaining('spec.parentRef.group: Invalid value: "A": a lowercase RFC 1123 subdomain'),
        `spec.parentRef.resource: Invalid value: "a/b": may not contain '/'`,
        'spec.parentRef.name: Required value',
        `spec.parentRef.namespace: Invalid value: "..": may not be '..'`,
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(addresses.created(changes)).toEqual(errors);
  });

  it('stays with whom it belongs to, however its empty group is written', () => {
    const named = of('10.0.0.1');
    expect(addresses.changed({ 'spec.parentRef.group': '' }, named)).toEqual([]);
    expect(addresses.changed({ 'spec.parentRef.name': 'api' }, named)).toEqual([
      'spec.parentRef: Invalid value: {"resource":"services","namespace":"default","name":"api"}: field is immutable',
    ]);
  });

  it('shows whom it belongs to', () => {
    expect(addresses.row()).toEqual({ Name: 'web', ParentRef: 'services/default/web' });
  });
});
