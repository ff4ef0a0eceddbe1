import { describe, expect, it } from 'vitest';
import { orphans, validAttachments } from '../../../../src/cni/bridge/collect.ts';
import type { Link } from '../../../../src/linux/netlink/links.ts';

const link = (name: string, master?: number): Link => ({
  index: 1,
  name,
  up: true,
  operational: true,
  mtu: 1500,
  mac: '',
  kind: '',
  master,
});
const BRIDGE = 7;

describe('what GC finds', () => {
  it.each([
    ['a near end under the bridge', [link('veth0123456789a', BRIDGE)], ['veth0123456789a']],
    ['none under another bridge', [link('veth0123456789a', 8), link('veth0123456789b')], []],
    ['none of another name', [link('veth01234567', BRIDGE), link('vethX123456789a', BRIDGE)], []],
    ['none that a journal names', [link('veth00000000000', BRIDGE), link('ifb00000000000')], []],
    ['a link for what a pod sends that is gone', [link('ifb0123456789a')], ['ifb0123456789a']],
    ['none whose near end is there', [link('ifb0123456789a'), link('veth0123456789a', 8)], []],
    [
      'both of a pair',
      [link('ifb0123456789a'), link('veth0123456789a', BRIDGE)],
      ['veth0123456789a', 'ifb0123456789a'],
    ],
    ['none of another maker', [link('ifb0'), link('ifb0123456789abc')], []],
  ])('%s', (_what, links, names) => {
    expect(orphans(links, BRIDGE, new Set(['veth00000000000', 'ifb00000000000']))).toEqual(names);
  });

  it('no near end where there is no bridge', () => {
    expect(orphans([link('veth0123456789a')], undefined, new Set())).toEqual([]);
  });
});

describe('valid attachments', () => {
  const list = [{ containerID: 'a', ifname: 'eth0' }];

  it('are read under the name of the specification and under libcni’s older one', () => {
    expect([...validAttachments({ 'cni.dev/valid-attachments': list })]).toEqual(['a eth0']);
    expect([...validAttachments({ 'cni.dev/attachments': list })]).toEqual(['a eth0']);
    expect([...validAttachments({ 'cni.dev/valid-attachments': [] })]).toEqual([]);
  });

  it.each([
    [{}, 'field cni.dev/valid-attachments is missing'],
    [{ 'cni.dev/valid-attachments': ['a'] }, 'field cni.dev/valid-attachments[0] must be an object'],
    [{ 'cni.dev/valid-attachments': [{ containerID: 1 }] }, 'field cni.dev/valid-attachments[0].containerID must be'],
  ])('of %j are refused', (config, message) => {
    expect(() => validAttachments(config)).toThrow(message);
  });
});
