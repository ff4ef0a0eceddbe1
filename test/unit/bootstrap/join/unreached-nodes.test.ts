import { describe, expect, it } from 'vitest';
import type { Node } from '../../../../src/api/types/gen/core-v1.ts';
import { unreachedNodes, type WayTo } from '../../../../src/bootstrap/join/unreached-nodes.ts';

const nodeOf = (name: string, address?: string): Node =>
  ({
    metadata: { name },
    status: { addresses: address === undefined ? [] : [{ type: 'InternalIP', address }] },
  }) as unknown as Node;
/** 10.0.0.0/24 is a link of this machine, 10.0.1.0/24 behind a router, others nowhere. */
const wayTo: WayTo = address => {
  if (address.startsWith('10.0.0.')) return { gateway: undefined };
  return address.startsWith('10.0.1.') ? { gateway: '10.0.0.1' } : undefined;
};

describe('a node that has joined', () => {
  it.each([
    ['alone', [nodeOf('own', '10.0.1.9')]],
    ['neighbours', [nodeOf('own', '10.0.0.9'), nodeOf('a', '10.0.0.2')]],
    ['one that has no address yet', [nodeOf('a')]],
  ])('has no reason to warn: %s', (_, nodes) => {
    expect(unreachedNodes(nodes, 'own', wayTo)).toBeUndefined();
  });

  it('is told of nodes behind a router, and of those that are nowhere', () => {
    expect(unreachedNodes([nodeOf('a', '10.0.1.2'), nodeOf('b', '192.0.2.2')], 'own', wayTo)).toMatch(
      /^\t\[WARNING PodNetwork\]: pods here and on a \(10\.0\.1\.2, behind the router 10\.0\.0\.1\), b \(192\.0\.2\.2, no route leads to it\) will not reach each other: .*Put the nodes on one link/,
    );
  });

  it('has many of them counted', () => {
    const nodes = ['a', 'b', 'c', 'd', 'e'].map((name, i) => nodeOf(name, `10.0.1.${i}`));
    expect(unreachedNodes(nodes, 'own', wayTo)).toMatch(/ a \(.* c \([^)]*\) and 2 more will not/);
  });
});
