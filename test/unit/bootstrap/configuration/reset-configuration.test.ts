import { describe, expect, it } from 'vitest';
import { parseResetConfiguration } from '../../../../src/bootstrap/configuration/reset-configuration.ts';

const HEAD = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ResetConfiguration\n';
const read = (text: string) => parseResetConfiguration(text, 'reset.yaml');

describe('a ResetConfiguration', () => {
  it('is read with every field of kubeadm, and none that does not stand in it', () => {
    const fields = {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'ResetConfiguration',
      certificatesDir: '/pki',
      cleanupTmpDir: true,
      criSocket: 'unix:///run/containerd/containerd.sock',
      dryRun: true,
      force: true,
      ignorePreflightErrors: ['IsPrivilegedUser'],
      skipPhases: ['remove-etcd-member'],
      unmountFlags: ['MNT_FORCE'],
    };
    expect(read(JSON.stringify(fields))).toEqual({ configuration: fields, warnings: [] });
    expect(read(HEAD).configuration).not.toHaveProperty('certificatesDir');
  });

  it('may stand in the file of init', () => {
    const both = `apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n---\n${HEAD}force: true\n`;
    expect(read(both)).toMatchObject({
      configuration: { force: true },
      warnings: ['the document of kind ClusterConfiguration is not for reset, and ignored'],
    });
  });

  it.each([
    ['an unknown field', `${HEAD}forse: true`, 'reset.yaml:3:1: unknown field "forse" (did you mean "force"?)'],
    ['a wrong type', `${HEAD}force: "yes"`, 'reset.yaml:3:'],
    ['an unknown flag', `${HEAD}unmountFlags: [MNT_NONE]`, 'unknown unmount flag MNT_NONE'],
    ['a flag that takes nothing off', `${HEAD}unmountFlags: [MNT_EXPIRE]`, 'unmountFlags: Forbidden: MNT_EXPIRE'],
    [
      'a path that is none',
      `${HEAD}certificatesDir: pki`,
      'certificatesDir: Invalid value: "pki": path is not absolute',
    ],
    ['another kind', HEAD.replace('ResetC', 'InitC'), 'reset.yaml: there is no ResetConfiguration in it'],
    ['an older version', HEAD.replace('beta4', 'beta3'), 'ResetConfiguration'],
    ['nothing', '', 'there is no ResetConfiguration in it'],
  ])('with %s is an error that says so', (_what, text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
