import { describe, expect, it } from 'vitest';
import { decisionPlugins } from '../../../../src/apiserver/admission/decision-plugins.ts';
import { type AdmissionRequest, admit } from '../../../../src/apiserver/admission/plugin.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';

const plugins = decisionPlugins({
  authorizer: { authorize: () => ({ kind: 'no-opinion', reason: '' }) },
  lister: {
    get: ({ resource }, _, name) =>
      resource === 'namespaces' || resource === 'serviceaccounts'
        ? ({ metadata: { name }, status: { phase: 'Active' } } as { metadata: { name: string } })
        : undefined,
    list: () => [],
  },
  now: () => '2026-01-02T03:04:05Z',
  randomSuffix: () => 'abcde',
});

const request = (more: Partial<AdmissionRequest>): AdmissionRequest => ({
  operation: 'CREATE',
  user: userInfo('alice', []),
  group: '',
  version: 'v1',
  kind: 'Pod',
  resource: 'pods',
  subresource: '',
  namespace: 'default',
  name: 'web',
  object: { metadata: { name: 'web' }, spec: { containers: [{ name: 'app', resources: {} }] }, status: {} },
  oldObject: undefined,
  dryRun: false,
  warn: () => undefined,
  ...more,
});

describe('the decisions as plugins', () => {
  it('complete a pod', async () => {
    const admitted = await admit(plugins, request({}), new AbortController().signal);
    expect(admitted).toMatchObject({ spec: { serviceAccountName: 'default', priority: 0, tolerations: [{}, {}] } });
  });

  it('refuse the deletion of a namespace that must stay', async () => {
    const deletion = request({
      operation: 'DELETE',
      resource: 'namespaces',
      namespace: '',
      name: 'kube-system',
      object: undefined,
    });
    await expect(admit(plugins, deletion, new AbortController().signal)).rejects.toThrow(
      'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    );
  });
});
