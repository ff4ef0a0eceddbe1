import { describe, expect, it } from 'vitest';
import { decodeManifest } from '../../../src/api/decode/manifest.ts';
import { nodeUnits } from '../../../src/bootstrap/daemons/node.ts';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import { kubeletConfigurationText } from '../../../src/bootstrap/kubelet-configuration.ts';
import { controlPlanePatch } from '../../../src/bootstrap/mark-control-plane.ts';
import { initSettings } from './init-settings.ts';

const files = filesBelow('/');
const { cluster } = initSettings();
const node = { nodeName: 'n2', address: '10.0.0.6', labels: { tier: 'front', rank: '1' }, taints: ['a=b:NoSchedule'] };

describe('the daemons of a node', () => {
  it('are the runtime, and one for all else', () => {
    expect(
      nodeUnits(node, cluster, files, ['gantry']).map(({ name, argv }) => [name, argv.slice(0, 3).join(' ')]),
    ).toEqual([
      ['gantry-cri', 'gantry run cri'],
      ['gantry-node', 'gantry run node'],
    ]);
  });

  it('register the node with its name, address, labels and taints', () => {
    expect(nodeUnits(node, cluster, files, ['gantry'])[1]?.argv).toEqual(
      expect.arrayContaining([
        '--hostname-override=n2',
        '--node-ip=10.0.0.6',
        '--node-labels=tier=front,rank=1',
        '--register-with-taints=a=b:NoSchedule',
        '--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf',
        '--kubeconfig=/etc/kubernetes/kubelet.conf',
        '--cluster-cidr=10.244.0.0/16',
        '--dns-address=10.96.0.10',
      ]),
    );
  });
});

describe('the configuration of kubelets', () => {
  it('is one, read strictly, and asks the DNS server of the node before that of the cluster', () => {
    const { objects, problems } = decodeManifest(kubeletConfigurationText(cluster, files, true), {
      kinds: ['KubeletConfiguration'],
    });
    expect(problems).toEqual([]);
    expect(objects[0]?.object).toMatchObject({
      clusterDNS: ['169.254.20.10', '10.96.0.10'],
      clusterDomain: 'cluster.local',
      rotateCertificates: true,
    });
  });
});

describe('a node that becomes a control plane', () => {
  const LABELS = {
    'node-role.kubernetes.io/control-plane': '',
    'node.kubernetes.io/exclude-from-external-load-balancers': '',
  };
  const TAINT = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' } as const;
  const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  const nodeOf = (labels: Record<string, string>, taints: object[]) =>
    ({ metadata: { name: 'n1', resourceVersion: '7', labels }, spec: { taints } }) as unknown as Parameters<
      typeof controlPlanePatch
    >[0];

  it('is given labels and the taint beside what it has', () => {
    expect(controlPlanePatch(nodeOf({ a: 'b' }, [NOT_READY]), [TAINT])).toEqual({
      metadata: { resourceVersion: '7', labels: LABELS },
      spec: { taints: [TAINT, NOT_READY] },
    });
  });

  it('is given labels alone where pods may run there', () => {
    expect(controlPlanePatch(nodeOf({}, []), [])).toEqual({ metadata: { resourceVersion: '7', labels: LABELS } });
  });

  it('is left alone once it has all of it', () => {
    expect(controlPlanePatch(nodeOf(LABELS, [TAINT]), [TAINT])).toBeUndefined();
  });
});
