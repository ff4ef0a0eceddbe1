import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { chosenContainer } from '../../../../src/apiserver/handlers/pod-log.ts';
import { kubeletAddress } from '../../../../src/apiserver/kubelets.ts';

const pod = (containers: readonly string[], inits: readonly string[] = []): Pod =>
  ({
    metadata: { name: 'web' },
    spec: { containers: containers.map(name => ({ name })), initContainers: inits.map(name => ({ name })) },
  }) as unknown as Pod;

describe('the container of a log', () => {
  it.each([
    [pod(['a']), '', 'a'],
    [pod(['a'], ['i']), '', 'a'],
    [pod(['a', 'b'], ['i']), 'b', 'b'],
    [pod(['a', 'b'], ['i']), 'i', 'i'],
  ])('of %j for %j is %s', (each, asked, chosen) => expect(chosenContainer(each, asked)).toBe(chosen));

  it.each([
    [pod(['a', 'b'], ['i']), '', 'a container name must be specified for pod web, choose one of: [i a b]'],
    [pod(['a']), 'x', 'container x is not valid for pod web'],
  ])('of %j for %j is refused: %s', (each, asked, message) =>
    expect(() => chosenContainer(each, asked)).toThrow(message),
  );
});

describe('the address of a kubelet', () => {
  const node = {
    status: {
      addresses: [
        { type: 'Hostname', address: 'n1' },
        { type: 'InternalIP', address: '192.0.2.1' },
        { type: 'InternalIP', address: '2001:db8::1' },
      ],
    },
  } as unknown as Node;

  it.each([
    [['Hostname', 'InternalIP'], 'n1'],
    [['ExternalIP', 'InternalIP'], '192.0.2.1'],
  ])('for %j is %s', (types, address) => expect(kubeletAddress(node, types)).toBe(address));

  it('is refused where the node has none of the kinds', () => {
    expect(() => kubeletAddress(node, ['ExternalDNS'])).toThrow(
      'no preferred addresses found; known addresses: [{Hostname n1} {InternalIP 192.0.2.1} {InternalIP 2001:db8::1}]',
    );
  });
});
