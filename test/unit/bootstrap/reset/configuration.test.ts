import { describe, expect, it } from 'vitest';
import { parseResetConfiguration } from '../../../../src/bootstrap/reset/configuration.ts';

const HEAD = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ResetConfiguration\n';
const read = (text: string) => parseResetConfiguration(text, 'reset.yaml');

describe('a ResetConfiguration', () => {
  it('is read with every field of kubeadm', () => {
    const fields = {
      certificatesDir: '/pki',
      cleanupTmpDir: true,
      criSocket: 'unix:///run/containerd/containerd.sock',
      dryRun: true,
      force: true,
      ignorePreflightErrors: ['IsPrivilegedUser'],
      skipPhases: ['remove-etcd-member'],
      unmountFlags: ['MNT_FORCE'],
    };
    expect(read(HEAD + JSON.stringify(fields).slice(1, -1).replace(/,"/g, '\n"').replaceAll('":', '": '))).toEqual(
      fields,
    );
  });

  it.each([
    ['an unknown field', `${HEAD}forse: true`, 'reset.yaml: field "forse" is unknown'],
    ['a wrong type', `${HEAD}force: "yes"`, 'reset.yaml: field force has to be true or false'],
    ['an unknown flag', `${HEAD}unmountFlags: [MNT_EXPIRE]`, 'unmountFlags: "MNT_EXPIRE" is none of MNT_FORCE'],
    ['another kind', HEAD.replace('ResetC', 'InitC'), 'a ResetConfiguration of kubeadm.k8s.io/v1beta4 was expected'],
    ['an older version', HEAD.replace('beta4', 'beta3'), 'not kind "ResetConfiguration" of "kubeadm.k8s.io/v1beta3"'],
    ['nothing', '', 'there is no ResetConfiguration in it'],
  ])('with %s is an error that says so', (_what, text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
