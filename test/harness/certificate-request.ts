import { execaSync } from 'execa';

/** A CertificateSigningRequest for a client certificate of one day, for the user of this name in the group `dev`, with a key that is thrown away unless a file is named for it. */
export function certificateRequest(name: string, keyFile = '/dev/null') {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  const request = execaSync('openssl', ['req', '-new', ...key, '-subj', `/O=dev/CN=${name}`]).stdout;
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: {
      request: Buffer.from(`${request}\n`).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      expirationSeconds: 86_400,
      usages: ['client auth'],
    },
  };
}
