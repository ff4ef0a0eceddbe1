import { expect, it } from 'vitest';
import type { TokenRequest, TokenReview } from '../../../src/api/types/gen/authentication-v1.ts';
import type { LocalSubjectAccessReview, SubjectAccessReview } from '../../../src/api/types/gen/authorization-v1.ts';
import { certificatePem, selfSignedCertificate } from '../../../src/pki/certificate.ts';
import { createCertificateRequest } from '../../../src/pki/certificate-request.ts';
import { generateKey } from '../../../src/pki/keys.ts';
import { refusal } from '../../harness/api-client.ts';
import { describeApi, uniqueName } from './cluster.ts';
import { expectDiscovered } from './operations.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describeApi('who may do what', cluster => {
  it('[sig-auth] Certificates API [Privileged:ClusterAdmin] should support CSR API operations [Conformance]', async () => {
    const plural = 'certificatesigningrequests';
    const served = [plural, `${plural}/approval`, `${plural}/status`];
    await expectDiscovered(cluster().admin, 'certificates.k8s.io', 'v1', served);
    const requests = cluster().of('CertificateSigningRequest');
    const key = generateKey();
    const subject = { commonName: 'conformance.test', organizations: [] };
    const signerName = `conformance.test/${uniqueName('signer')}`;
    const create = () =>
      requests.create({
        metadata: { generateName: 'conformance-' },
        spec: {
          request: base64(createCertificateRequest({ subject }, key)),
          signerName,
          expirationSeconds: 3600,
          usages: ['digital signature', 'key encipherment', 'server auth'],
        },
      });
    await create();
    await create();
    const created = await create();
    const { name = '' } = created.metadata;
    expect(await requests.get(name)).toEqual(created);
    expect(created.spec.expirationSeconds).toBe(3600);
    const list = await requests.list({ fieldSelector: `spec.signerName=${signerName}` });
    expect(list.items).toHaveLength(3);
    const watch = await requests.watch({
      resourceVersion: list.metadata.resourceVersion ?? '',
      fieldSelector: `metadata.name=${name}`,
    });

    const patched = await requests.patch(name, 'merge-patch', { metadata: { annotations: { patched: 'true' } } });
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    const annotations = { patched: 'true', updated: 'true' };
    const updated = await requests.update({ ...patched, metadata: { ...patched.metadata, annotations } });
    expect(updated.metadata.annotations).toEqual(annotations);
    expect((await watch.take(2)).map(({ type, object }) => [type, object])).toEqual([
      ['MODIFIED', patched],
      ['MODIFIED', updated],
    ]);
    watch.close();

    expect(await requests.get(name, 'approval')).toEqual(updated);
    const condition = { type: 'ApprovalPatch', status: 'True', reason: 'Test', message: 'set by a test' };
    const approving = { metadata: { annotations: { approval: 'true' } }, status: { conditions: [condition] } };
    const reviewed = await requests.patch(name, 'merge-patch', approving, 'approval');
    expect(reviewed.status?.conditions).toMatchObject([condition]);
    expect(reviewed.metadata.annotations).toMatchObject({ approval: 'true' });
    const conditions = [...(reviewed.status?.conditions ?? []), { ...condition, type: 'Approved' }];
    const approved = await requests.update({ ...reviewed, status: { ...reviewed.status, conditions } }, 'approval');
    expect(approved.status?.conditions?.map(({ type }) => type)).toEqual(['ApprovalPatch', 'Approved']);

    expect(await requests.get(name, 'status')).toEqual(approved);
    const now = Date.now();
    const certificate = base64(
      certificatePem(
        selfSignedCertificate(
          {
            subject,
            publicKey: key,
            notBefore: new Date(now - 1000),
            notAfter: new Date(now + 3_600_000),
            keyUsages: ['digitalSignature'],
            extendedKeyUsages: ['serverAuth'],
          },
          key,
        ),
      ),
    );
    const signing = { metadata: { annotations: { status: 'true' } }, status: { certificate } };
    const signed = await requests.patch(name, 'merge-patch', signing, 'status');
    expect(signed.status?.certificate).toBe(certificate);
    expect(signed.metadata.annotations).toMatchObject({ status: 'true' });
    const more = [...(signed.status?.conditions ?? []), { ...condition, type: 'StatusUpdate' }];
    const closed = await requests.update({ ...signed, status: { ...signed.status, conditions: more } }, 'status');
    expect(closed.status?.conditions?.map(({ type }) => type)).toEqual(['ApprovalPatch', 'Approved', 'StatusUpdate']);

    await requests.delete(name);
    expect(await refusal(requests.get(name))).toMatchObject({ code: 404, reason: 'NotFound' });
    await requests.deleteCollection({ fieldSelector: `spec.signerName=${signerName}` });
    expect(await requests.names({ fieldSelector: `spec.signerName=${signerName}` })).toEqual([]);
  });

  it('[sig-auth] ServiceAccounts should run through the lifecycle of a ServiceAccount [Conformance]', async () => {
    const accounts = cluster().of('ServiceAccount', await cluster().namespace());
    const labels = { static: uniqueName('account') };
    const labelSelector = `static=${labels.static}`;
    const created = await accounts.create({ metadata: { name: 'robot', labels } });
    expect(await accounts.get('robot')).toEqual(created);
    const watch = await accounts.watch({ labelSelector });
    const patch = { automountServiceAccountToken: false };
    const patched = await accounts.patch('robot', 'strategic-merge-patch', patch);
    expect(patched.automountServiceAccountToken).toBe(false);
    expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    expect((await cluster().of('ServiceAccount').list({ labelSelector })).items).toEqual([patched]);
    await accounts.deleteCollection();
    expect(await accounts.names()).toEqual([]);
    expect((await watch.take(3)).map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    watch.close();
  });

  it('[sig-auth] ServiceAccounts should update a ServiceAccount [Conformance]', async () => {
    const accounts = cluster().of('ServiceAccount', await cluster().namespace());
    const created = await accounts.create({ metadata: { name: 'robot' }, automountServiceAccountToken: false });
    expect(created.automountServiceAccountToken).toBe(false);
    const updated = await accounts.update({ ...created, automountServiceAccountToken: true });
    expect(updated.automountServiceAccountToken).toBe(true);
  });

  it('[sig-auth] ServiceAccounts should create a serviceAccountToken and ensure a successful TokenReview [Conformance]', async () => {
    const namespace = await cluster().namespace();
    const accounts = cluster().of('ServiceAccount', namespace);
    await accounts.create({ metadata: { name: 'robot' } });
    const asked: Partial<TokenRequest> = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' };
    const { status } = await accounts.createSub('robot', 'token', asked);
    expect(status?.token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: status?.token } };
    const path = '/apis/authentication.k8s.io/v1/tokenreviews';
    const reviewed = await cluster().admin.json<TokenReview>('POST', path, { body: review });
    expect(reviewed.status).toMatchObject({
      authenticated: true,
      user: { username: `system:serviceaccount:${namespace}:robot` },
    });
    expect(reviewed.status?.error).toBeUndefined();
  });

  it('[sig-auth] SubjectReview should support SubjectReview API operations [Conformance]', async () => {
    const namespace = await cluster().namespace();
    const account = await cluster()
      .of('ServiceAccount', namespace)
      .create({ metadata: { name: 'robot' } });
    const user = `system:serviceaccount:${namespace}:robot`;
    const groups = ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${namespace}`];
    const root = '/apis/authorization.k8s.io/v1';
    const resourceAttributes = { verb: 'list', resource: 'configmaps', namespace, version: 'v1' };
    const spec = { resourceAttributes, user, groups, uid: account.metadata.uid };
    const apiVersion = 'authorization.k8s.io/v1';
    /** What both reviews say, and what a request of the subject meets. */
    const answers = async () => {
      const review = await cluster().admin.json<SubjectAccessReview>('POST', `${root}/subjectaccessreviews`, {
        body: { apiVersion, kind: 'SubjectAccessReview', spec },
      });
      const localPath = `${root}/namespaces/${namespace}/localsubjectaccessreviews`;
      const local = await cluster().admin.json<LocalSubjectAccessReview>('POST', localPath, {
        body: { apiVersion, kind: 'LocalSubjectAccessReview', metadata: { namespace }, spec },
      });
      const { status } = await cluster().admin.request('GET', `/api/v1/namespaces/${namespace}/configmaps`, {
        headers: { 'impersonate-user': user },
      });
      return [review.status?.allowed, local.status?.allowed, status];
    };
    expect(await answers()).toEqual([false, false, 403]);
    await cluster().admin.json('POST', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
      body: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'viewer' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace }],
      },
    });
    expect(await answers()).toEqual([true, true, 200]);
  });
});
