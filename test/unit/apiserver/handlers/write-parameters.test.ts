import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryApi } from '../../../harness/memory-api.ts';

const COLLECTION = '/api/v1/namespaces/a/configmaps';
const ONE = `${COLLECTION}/c`;
const BODY = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'c' } };

let api: MemoryApi;
beforeEach(async () => {
  api = await MemoryApi.start();
});
afterEach(() => api.stop());

describe('parameters of a write that upstream refuses', () => {
  it.each([
    [
      'a field validation that there is not',
      'POST',
      `${COLLECTION}?fieldValidation=strict`,
      'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "strict": supported values: "", "Ignore", "Strict", "Warn"',
    ],
    [
      'a dry run that is not of all',
      'PUT',
      `${ONE}?dryRun=Some`,
      'UpdateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    ],
    [
      'a field manager with a long name',
      'POST',
      `${COLLECTION}?fieldManager=${'x'.repeat(129)}`,
      'CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes',
    ],
    [
      'a field manager that cannot be printed',
      'POST',
      `${COLLECTION}?fieldManager=${encodeURIComponent('é\u0007')}`,
      expect.stringMatching(/fieldManager: Invalid value: .*: invalid character U\+0007 \(at position 2\)$/),
    ],
    [
      'force where nothing is applied',
      'PATCH',
      `${ONE}?force=true`,
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    ],
    [
      'a propagation policy that there is not',
      'DELETE',
      `${ONE}?propagationPolicy=Some`,
      'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Some": supported values: "Foreground", "Background", "Orphan", "nil"',
    ],
    [
      'a deletion that orphans in two ways',
      'DELETE',
      `${ONE}?propagationPolicy=Orphan&orphanDependents=true`,
      'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
    ],
    [
      'several at once',
      'POST',
      `${COLLECTION}?dryRun=x&fieldValidation=y`,
      'CreateOptions.meta.k8s.io "" is invalid: [dryRun: Unsupported value: ["x"]: supported values: "All", ' +
        'fieldValidation: Unsupported value: "y": supported values: "", "Ignore", "Strict", "Warn"]',
    ],
  ])('%s', async (_, method, url, message) => {
    const sent = method === 'PATCH' ? { contentType: 'application/merge-patch+json', body: '{}' } : { body: BODY };
    const answer = await api.ask(method, url, method === 'DELETE' ? {} : sent);
    expect(answer.json).toMatchObject({ code: 422, reason: 'Invalid', message });
  });
});

it('a patch of a kind that is not served is told so before its parameters are looked at', async () => {
  const sent = { contentType: 'application/apply-patch+cbor', body: '{}' };
  expect((await api.ask('PATCH', `${ONE}?force=true&fieldManager=a`, sent)).json).toMatchObject({
    code: 415,
    reason: 'UnsupportedMediaType',
  });
});
