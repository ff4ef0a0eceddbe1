import { describe, expect, it } from 'vitest';
import { forbiddenAppArmor } from '../../../../src/kubelet/runtime/apparmor.ts';
import { podWith } from '../pods.ts';

const C = 'containers: [{name: main, image: i}]';
const withProfile = (profile: string): string =>
  `containers: [{name: main, image: i, securityContext: {appArmorProfile: ${profile}}}]`;

describe('pods that ask for AppArmor', () => {
  it.each([
    ['nothing', C],
    ['Unconfined', withProfile('{type: Unconfined}')],
  ])('are taken on any node with %s', (_what, text) => {
    expect(forbiddenAppArmor(podWith(text).pod, false)).toBeUndefined();
  });

  it.each([
    ['RuntimeDefault of a container', withProfile('{type: RuntimeDefault}')],
    ['Localhost of a container', withProfile('{type: Localhost, localhostProfile: x}')],
    ['RuntimeDefault of the pod', `securityContext: {appArmorProfile: {type: RuntimeDefault}}\n  ${C}`],
  ])('are not taken where there is none: %s', (_what, text) => {
    expect(forbiddenAppArmor(podWith(text).pod, false)).toEqual({
      reason: 'AppArmor',
      message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host',
    });
    expect(forbiddenAppArmor(podWith(text).pod, true)).toBeUndefined();
  });

  it.each([
    ['unconfined', undefined],
    ['runtime/default', 'AppArmor'],
    ['localhost/x', 'AppArmor'],
  ])('by the old annotation as by the field: %s', (value, reason) => {
    const { pod } = podWith(C);
    const annotations = { 'container.apparmor.security.beta.kubernetes.io/main': value };
    expect(forbiddenAppArmor({ ...pod, metadata: { ...pod.metadata, annotations } }, false)?.reason).toBe(reason);
  });
});
