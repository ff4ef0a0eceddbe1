import { describe, expect, it } from 'vitest';
import { formatMappings, freeRange, parseMappings } from '../../../../src/kubelet/runtime/user-namespace-ids.ts';

describe('ranges of ids for user namespaces', () => {
  it.each([
    ['the first after the machine’s own', [], 65_536],
    ['the lowest that is free', [65_536, 196_608], 131_072],
    ['none that is taken', [65_536, 131_072], 196_608],
  ])('are given out: %s', (_which, used, expected) => {
    expect(freeRange(new Set(used))).toBe(expected);
  });

  it('come to an end', () => {
    const used = new Set(Array.from({ length: 65_534 }, (_, i) => (i + 1) * 65_536));
    expect(() => freeRange(used)).toThrow('could not find an empty slot to allocate a user namespace');
  });

  it('are kept in upstream’s form, and read again', () => {
    expect(formatMappings(131_072)).toBe(
      '{"uidMappings":[{"hostId":131072,"containerId":0,"length":65536}],"gidMappings":[{"hostId":131072,"containerId":0,"length":65536}]}',
    );
    expect(parseMappings(formatMappings(131_072))).toBe(131_072);
  });

  const line = { hostId: 65_536, containerId: 0, length: 65_536 };
  const file = (uids: object[], gids = uids): string => JSON.stringify({ uidMappings: uids, gidMappings: gids });
  it.each([
    ['what is no JSON', 'x', 'invalid user namespace mappings file'],
    ['nothing', '{}', 'no more than one mapping allowed'],
    ['two lines', file([line, line]), 'no more than one mapping allowed'],
    [
      'groups that are not as users',
      file([line], [{ ...line, hostId: 131_072 }]),
      'GID and UID mappings should be identical',
    ],
    ['no root', file([{ ...line, containerId: 1 }]), 'UID 0 must be mapped'],
    ['another length', file([{ ...line, length: 1000 }]), 'wrong user namespace length 1000'],
    ['another beginning', file([{ ...line, hostId: 65_537 }]), 'wrong user namespace offset specified 65537'],
    ['the machine’s own', file([{ ...line, hostId: 0 }]), 'wrong user namespace offset specified 0'],
  ])('are not read from a file with %s', (_what, text, message) => {
    expect(() => parseMappings(text)).toThrow(message);
  });
});
