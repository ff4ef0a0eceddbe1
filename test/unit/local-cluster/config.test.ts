import { describe, expect, it } from 'vitest';
import { clusterOfNodes, parseClusterConfig } from '../../../src/local-cluster/config.ts';
import { nodeNames } from '../../../src/local-cluster/create.ts';

const HEAD = 'kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n';
const parse = (text: string) => parseClusterConfig(HEAD + text, 'c.yaml');

describe("kind's Cluster", () => {
  it('is one control plane where it says nothing', () => {
    expect(parse('')).toEqual({ ...clusterOfNodes(1), name: undefined });
  });

  it('says name, roles, labels and networks; the control plane comes first', () => {
    const config = parse(`name: demo
nodes:
- role: worker
  labels: {tier: front, rank: 1}
- role: control-plane
networking:
  podSubnet: 10.20.0.5/16
  serviceSubnet: 10.30.0.0/16
  apiServerPort: 7443
`);
    expect(config).toEqual({
      name: 'demo',
      nodes: [
        { role: 'control-plane', labels: {} },
        { role: 'worker', labels: { tier: 'front', rank: '1' } },
      ],
      podSubnet: '10.20.0.0/16',
      serviceSubnet: '10.30.0.0/16',
      apiServerPort: 7443,
    });
  });

  it.each([
    ['another kind', 'kind: Pod\n', 'c.yaml:1: it is no "kind: Cluster"'],
    ['no object', '- a\n', 'c.yaml:1: the document is no object'],
    ['no YAML', 'a: [', 'c.yaml: '],
    ['a field that is not known', `${HEAD}nodez: []\n`, 'c.yaml:3: the field nodez is not supported here'],
    ['an image', `${HEAD}nodes:\n- image: x\n`, 'c.yaml:4: the field nodes[0].image is not supported here'],
    ['a role that there is not', `${HEAD}nodes:\n- role: master\n`, 'c.yaml:4: nodes[0].role "master" is neither'],
    ['workers alone', `${HEAD}nodes:\n- role: worker\n`, 'nodes has no control-plane'],
    ['two control planes', `${HEAD}nodes:\n- {}\n- {}\n`, 'c.yaml:5: a second control-plane node is not supported'],
    ['IPv6', `${HEAD}networking:\n  ipFamily: dual\n`, 'c.yaml:4: networking.ipFamily dual is not supported'],
    [
      'a subnet that is none',
      `${HEAD}networking:\n  podSubnet: x\n`,
      'c.yaml:4: networking.podSubnet: "x" is not a CIDR',
    ],
    ['a port that is none', `${HEAD}networking:\n  apiServerPort: 0\n`, 'c.yaml:4: networking.apiServerPort is not'],
  ])('is refused with %s', (_, text, because) => {
    expect(() => parseClusterConfig(text, 'c.yaml')).toThrow(because);
  });
});

describe('the nodes of a cluster', () => {
  it("are named as kind's", () => {
    expect(nodeNames('demo', clusterOfNodes(3).nodes)).toEqual(['demo-control-plane', 'demo-worker', 'demo-worker2']);
  });

  it.each([0, 51, 1.5, Number.NaN])('are not %s', count => {
    expect(() => clusterOfNodes(count)).toThrow('is not a number from 1 to 50');
  });
});
