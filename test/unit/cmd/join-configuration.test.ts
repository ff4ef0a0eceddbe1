import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GivenJoin, joinConfiguration } from '../../../src/cmd/join-configuration.ts';

describe('a JoinConfiguration', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-join-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const read = (
    nodeRegistration: object,
    flags: { readonly nodeIp?: string; readonly nodeLabels?: string } = {},
  ): GivenJoin => {
    const file = join(directory, 'join.yaml');
    const document = {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'JoinConfiguration',
      discovery: {
        bootstrapToken: {
          token: 'abcdef.0123456789abcdef',
          apiServerEndpoint: '10.0.0.5:6443',
          unsafeSkipCAVerification: true,
        },
      },
      nodeRegistration,
    };
    writeFileSync(file, JSON.stringify(document));
    return joinConfiguration(file, { nodeName: 'n2', nodeIp: flags.nodeIp, nodeLabels: flags.nodeLabels ?? '' });
  };
  const args = (...words: string[]) => ({
    kubeletExtraArgs: words.map(word => {
      const [, name, value] = /^([^=]+)=(.*)$/.exec(word) ?? [];
      return { name, value };
    }),
  });

  it('says labels and addresses of the node as its kubelet takes them, and flags say more', () => {
    const registration = args('node-labels=a=b', 'node-labels=c=', 'node-ip=10.0.0.7', 'node-ip=10.0.0.6,fd00::6');
    expect(read(registration, { nodeLabels: 'a=x' }).settings.node).toMatchObject({
      addresses: ['10.0.0.6', 'fd00::6'],
      labels: { a: 'x', c: '' },
      args: [],
    });
    expect(read(registration, { nodeIp: '10.0.0.8' }).settings.node.addresses).toEqual(['10.0.0.8']);
  });

  it.each([
    ['node-labels=a=b=c', '--node-labels: "a=b=c" is no label'],
    ['node-labels=a', '--node-labels: "a" is not name=value'],
    ['node-labels=node-role.kubernetes.io/worker=', "unknown 'kubernetes.io' or 'k8s.io' labels specified"],
    ['node-ip=10.0.0.x', '--node-ip: "10.0.0.x" is not an IP address'],
    ['node-ip=169.254.1.1', '--node-ip: 169.254.1.1 is no address at which other machines reach this one'],
    [
      'nope=1',
      'nodeRegistration.kubeletExtraArgs[1].name: "nope" is no flag here: "gantry run node --help" lists them',
    ],
    [
      'max-pods=9',
      `nodeRegistration.kubeletExtraArgs[1].name: "max-pods" is a setting of upstream's kubelet, and no flag of Gantry's: it is maxPods of KubeletConfiguration in the ConfigMap kubelet-config of kube-system (for all nodes; join takes it from there)`,
    ],
    [
      'hostname-override=n3',
      'nodeRegistration.kubeletExtraArgs[1]: hostname-override is "n3", and the name of this node is "n2": leave it out, and say the name by nodeRegistration.name or --node-name',
    ],
  ])('with the argument %s, which the kubelet would not start with, is refused', (word, because) => {
    expect(() => read({ kubeletExtraArgs: args('node-ip=10.0.0.6', word).kubeletExtraArgs })).toThrow(because);
  });

  it('may name the node twice alike', () => {
    const { node } = read(args('node-ip=10.0.0.6', 'hostname-override=N2')).settings;
    expect(node).toMatchObject({ nodeName: 'n2', args: ['--hostname-override=N2'] });
  });

  it.each([
    [{ key: 'a', effect: 'NoSchedul' }, 'nodeRegistration.taints[0].effect: Unsupported value: "NoSchedul"'],
    [{ key: 'a b', effect: 'NoSchedule' }, 'nodeRegistration.taints[0].key: Invalid value: "a b"'],
    [{ key: 'a', value: 'b c', effect: 'NoSchedule' }, 'nodeRegistration.taints[0].value: Invalid value: "b c"'],
  ])('with the taint %j is refused', (taint, because) => {
    expect(() => read({ ...args('node-ip=10.0.0.6'), taints: [taint] })).toThrow(because);
  });
});
