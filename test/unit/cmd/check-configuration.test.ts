import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkConfigurationFile } from '../../../src/cmd/check-configuration.ts';
import { givenConfiguration } from '../../../src/cmd/init-configuration.ts';
import { decideInit } from '../../../src/cmd/init-decision.ts';

const V4 = 'apiVersion: kubeadm.k8s.io/v1beta4';
const CLUSTER = `${V4}\nkind: ClusterConfiguration\n`;
const INIT = `${V4}\nkind: InitConfiguration\n`;
const JOIN = `${V4}\nkind: JoinConfiguration\ndiscovery: {bootstrapToken: {token: abcdef.0123456789abcdef, apiServerEndpoint: "10.0.0.5:6443", unsafeSkipCAVerification: true}}\n`;
const RESET = `${V4}\nkind: ResetConfiguration\n`;
const KUBELET = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';
const PROXY = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
const LATIN1 = Buffer.concat([Buffer.from(`${CLUSTER}# Z`), Buffer.from([0xfc]), Buffer.from('rich\n')]);

describe('a configuration file', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-check-'));
    file = join(directory, 'c.yaml');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const check = (text: string | Buffer): readonly string[] => {
    writeFileSync(file, text);
    return checkConfigurationFile(file);
  };
  const init = (): readonly string[] => {
    const given = givenConfiguration({ config: file, controlPlaneTaint: true });
    return decideInit(given, undefined, { skipPhases: undefined, address: () => '192.0.2.1' }).warnings;
  };
  const thrownBy = (work: () => unknown): string => {
    try {
      work();
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };

  it.each<[string, string | Buffer, string]>([
    [
      'an unknown argument of a part of the control plane',
      `${CLUSTER}controllerManager: {extraArgs: [{name: nope, value: x}]}\n`,
      'controllerManager.extraArgs[0].name: "nope" is no flag here',
    ],
    [
      'an unknown argument of the node',
      `${INIT}nodeRegistration: {kubeletExtraArgs: [{name: nope, value: x}]}\n`,
      'nodeRegistration.kubeletExtraArgs[0].name: "nope" is no flag here',
    ],
    [
      'another name for the kubelet',
      `${INIT}nodeRegistration: {name: n1, kubeletExtraArgs: [{name: hostname-override, value: n2}]}\n`,
      'hostname-override is "n2", and the name of this node is "n1"',
    ],
    [
      'the name of another machine for the kubelet',
      `${INIT}nodeRegistration: {kubeletExtraArgs: [{name: hostname-override, value: x.${hostname().toLowerCase()}}]}\n`,
      `and the name of this node is "${hostname().toLowerCase()}"`,
    ],
    ['another version', `${CLUSTER}kubernetesVersion: v1.20.0\n`, 'kubernetesVersion: this gantry makes clusters of'],
    ['a phase that is none', `${INIT}skipPhases: [nope]\n`, 'skipPhases: there is no phase "nope"'],
    ['nothing in it', '', ': there is no document in it'],
    ['comments alone', '# nothing yet\n---\n', ': there is no document in it'],
    ['what is no text', LATIN1, ':3: this is no UTF-8 text'],
    [
      'a List',
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: kubeadm.k8s.io/v1beta4\n  kind: ClusterConfiguration\n',
      ':2:1: kind "List" is not taken here (write each of its items as a document of its own)',
    ],
    [
      'a list of a kind of its own',
      `${CLUSTER}---\napiVersion: v1\nkind: PodList\nitems: []\n`,
      ':5:1: kind "PodList" is not taken here',
    ],
  ])('with %s is refused in the words of init', (_, text, because) => {
    const message = thrownBy(() => check(text));
    expect(message).toContain(because);
    expect(thrownBy(init)).toBe(message);
  });

  it.each([
    [`${JOIN}nodeRegistration: {kubeletExtraArgs: [{name: nope, value: x}]}\n`, 'kubeletExtraArgs[0].name: "nope"'],
    [
      `${JOIN}nodeRegistration: {name: n1, kubeletExtraArgs: [{name: hostname-override, value: n2}]}\n`,
      'hostname-override is "n2", and the name of this node is "n1"',
    ],
    [`${JOIN}skipPhases: [nope]\n`, 'skipPhases: there is no phase "nope"'],
    [`${RESET}skipPhases: [nope]\n`, 'there is no phase "nope"'],
    [KUBELET, 'there is none of InitConfiguration, ClusterConfiguration, JoinConfiguration, ResetConfiguration in it'],
  ])('%j is refused', (text, because) => {
    expect(() => check(text)).toThrow(because);
  });

  it('is warned of as by init', () => {
    const args = '{extraArgs: [{name: bind-address, value: 127.0.0.1}]}';
    const warnings = check(
      `${CLUSTER}controllerManager: ${args}\nimageRepository: mine.example\n---\n${KUBELET}clusterDomain: x.local\nreadOnlyPort: 10255\n---\n${PROXY}portRange: 1-9\n`,
    );
    expect(warnings.map(line => line.replace(/:? (is not heeded|is ").*/, ''))).toEqual([
      'ClusterConfiguration: imageRepository',
      'KubeletConfiguration: readOnlyPort',
      'KubeProxyConfiguration: portRange',
      'ClusterConfiguration: controllerManager.extraArgs[0]: bind-address',
      'KubeletConfiguration: clusterDomain',
    ]);
    expect(init()).toEqual(warnings);
  });

  it('may be for several commands, each of which leaves the others’ documents alone', () => {
    expect(check([INIT, CLUSTER, JOIN, RESET, KUBELET].join('---\n'))).toEqual([]);
    expect(check([JOIN, KUBELET].join('---\n'))).toEqual([
      'the document of kind KubeletConfiguration is not for join, and ignored',
    ]);
  });

  it('need not say the address of the machine', () => {
    expect(check(JOIN)).toEqual([]);
    expect(check(INIT)).toEqual([]);
  });
});
