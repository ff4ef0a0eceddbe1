import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CertificateSigningRequest, KeyUsage } from '../../src/api/types/gen/certificates-v1.ts';
import type { ClusterRoleBinding } from '../../src/api/types/gen/rbac-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { CERTIFICATE_SIGNING_REQUESTS } from '../../src/controllers/resources.ts';
import { certificateIdentity, parseCertificate } from '../../src/pki/certificate.ts';
import { createCertificateRequest } from '../../src/pki/certificate-request.ts';
import { generateKey, privateKeyPem } from '../../src/pki/keys.ts';
import { ApiClient } from '../harness/api-client.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { TestControllerManager } from '../harness/controller-manager.ts';
import { waitFor } from '../harness/wait-for.ts';

const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet';

describe('certificate signing requests', () => {
  let server: TestApiServer;
  let manager: TestControllerManager;
  const connections: ApiConnection[] = [];
  let requests: ResourceClient<CertificateSigningRequest>;
  let ofJoining: ResourceClient<CertificateSigningRequest>;
  const key = generateKey();

  const requestFor = (
    name: string,
    signerName: string,
    subject: { commonName: string; organizations: readonly string[] },
    usages: readonly KeyUsage[],
  ): CertificateSigningRequest =>
    ({
      metadata: { name },
      spec: {
        request: Buffer.from(createCertificateRequest({ subject }, key)).toString('base64'),
        signerName,
        usages,
        expirationSeconds: 1800,
      },
    }) as CertificateSigningRequest;
  const nodeSubject = (node: string) => ({ commonName: `system:node:${node}`, organizations: ['system:nodes'] });
  const until = <T>(
    name: string,
    what: string,
    found: (status: CertificateSigningRequest['status']) => T,
  ): Promise<NonNullable<T>> =>
    waitFor(`${name} to be ${what}`, async saw => {
      const { status } = await requests.get('', name);
      saw({ status, log: manager.log.slice(-600) });
      return (found(status) ?? false) as NonNullable<T> | false;
    });
  const certificateOf = async (name: string): Promise<string> => {
    const base64 = await until(name, 'signed', status => status.certificate);
    return Buffer.from(base64, 'base64').toString();
  };
  const clientOf = (kubeconfig: string): ResourceClient<CertificateSigningRequest> => {
    const connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-test' });
    connections.push(connection);
    return new ResourceClient(connection, CERTIFICATE_SIGNING_REQUESTS);
  };

  beforeAll(async () => {
    server = await TestApiServer.start();
    const kubeconfig = server.kubeconfigFor('admin', ['system:masters']);
    requests = clientOf(kubeconfig);
    const bindings = new ResourceClient<ClusterRoleBinding>(requests.connection, {
      group: 'rbac.authorization.k8s.io',
      version: 'v1',
      plural: 'clusterrolebindings',
    });
    const roles = {
      bootstrap: 'system:node-bootstrapper',
      approve: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    };
    for (const [name, role] of Object.entries(roles))
      await bindings.create({
        metadata: { name: `test-${name}` },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:bootstrappers' }],
      });
    ofJoining = clientOf(server.kubeconfigFor('system:bootstrap:abcdef', ['system:bootstrappers']));
    const [certificate, keyFile] = [join(server.folder, 'signer.crt'), join(server.folder, 'signer.key')];
    writeFileSync(certificate, server.authority.pem);
    writeFileSync(keyFile, server.authority.keyPem, { mode: 0o600 });
    manager = await TestControllerManager.start(server.kubeconfigFor('system:kube-controller-manager', []), [
      '--leader-elect=false',
      '--use-service-account-credentials=true',
      '--controllers=csrapproving,csrsigning,csrcleaner',
      `--cluster-signing-cert-file=${certificate}`,
      `--cluster-signing-key-file=${keyFile}`,
    ]);
  });

  afterAll(async () => {
    for (const connection of connections) connection.close();
    await manager?.stop();
    await server?.remove();
  });

  it('of a node that joins is approved and signed, and its certificate logs the node in', async () => {
    await ofJoining.create(
      requestFor('joins', KUBELET_CLIENT, nodeSubject('n1'), ['digital signature', 'client auth']),
    );
    const cert = await certificateOf('joins');
    const { status } = await requests.get('', 'joins');
    expect(status.conditions).toMatchObject([{ type: 'Approved', status: 'True', reason: 'AutoApproved' }]);
    const node = new ApiClient({ url: server.url, ca: server.authority.pem, cert, key: privateKeyPem(key) });
    const review = await node.json('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    });
    node.close();
    expect(review).toMatchObject({
      status: { userInfo: { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] } },
    });
    const { validFrom, validTo } = parseCertificate(cert);
    expect(Date.parse(validTo) - Date.parse(validFrom)).toBe(2_100_000);
  });

  it('of a person waits for a decision, which may come while nobody is there to sign', async () => {
    const subject = { commonName: 'jane', organizations: ['dev'] };
    await requests.create(requestFor('jane', 'kubernetes.io/kube-apiserver-client', subject, ['client auth']));
    await manager.stop();
    const found = await requests.get('', 'jane');
    expect(found.status).toEqual({});
    const condition = { type: 'Approved', status: 'True' as const, reason: 'Test' };
    await requests.updateApproval({ ...found, status: { conditions: [condition] } });
    await manager.start();
    expect(certificateIdentity(parseCertificate(await certificateOf('jane')).raw)).toMatchObject(subject);
  });

  it('that no signer may sign is refused for good, with the reason', async () => {
    const made = await requests.create(
      requestFor('masters', KUBELET_CLIENT, { commonName: 'system:node:x', organizations: ['evil'] }, ['client auth']),
    );
    const condition = { type: 'Approved', status: 'True' as const, reason: 'Test' };
    await requests.updateApproval({ ...made, status: { conditions: [condition] } });
    const failed = await until('masters', 'refused', ({ conditions }) =>
      conditions?.find(({ type }) => type === 'Failed'),
    );
    expect(failed).toMatchObject({
      status: 'True',
      reason: 'SignerValidationFailure',
      message: 'subject organization is not system:nodes',
    });
  });
});
