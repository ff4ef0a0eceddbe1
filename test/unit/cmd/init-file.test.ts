import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readInitFile } from '../../../src/cmd/init-file.ts';

describe('a file that a cluster was made by', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-file-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const read = (...documents: readonly object[]) => {
    const file = join(directory, 'c.yaml');
    writeFileSync(file, documents.map(each => JSON.stringify({ ...KUBEADM, ...each })).join('\n---\n'));
    return readInitFile(file);
  };
  const KUBEADM = { apiVersion: 'kubeadm.k8s.io/v1beta4' };
  const CLUSTER = { kind: 'ClusterConfiguration' };
  const INIT = { kind: 'InitConfiguration' };

  it('says what stands in it, and no default of kubeadm', () => {
    expect(read(CLUSTER)).toEqual({
      tokens: undefined,
      certificatesDir: undefined,
      certificateValidityPeriod: undefined,
      clusterName: undefined,
      server: undefined,
    });
    expect(
      read(
        { ...CLUSTER, clusterName: 'rack', certificatesDir: '/srv/pki', certificateValidityPeriod: '48h' },
        { ...INIT, bootstrapTokens: [{ token: 'abcdef.0123456789abcdef', ttl: '1h' }] },
      ),
    ).toMatchObject({
      tokens: [{ token: 'abcdef.0123456789abcdef', ttl: '1h0m0s', usages: ['signing', 'authentication'] }],
      clusterName: 'rack',
      certificatesDir: '/srv/pki',
      certificateValidityPeriod: '48h',
    });
  });

  const LOCAL = { localAPIEndpoint: { advertiseAddress: '10.0.0.5', bindPort: 7443 } };
  it.each([
    ['the endpoint of the cluster', [{ ...CLUSTER, controlPlaneEndpoint: 'api.lab:443' }, INIT], 'https://api.lab:443'],
    [
      'it without a port',
      [
        { ...CLUSTER, controlPlaneEndpoint: 'api.lab' },
        { ...INIT, ...LOCAL },
      ],
      'https://api.lab:7443',
    ],
    ['the address of the API server', [{ ...INIT, ...LOCAL }], 'https://10.0.0.5:7443'],
    ['one of IPv6', [{ ...INIT, localAPIEndpoint: { advertiseAddress: 'fd00::5' } }], 'https://[fd00::5]:6443'],
  ])('leads to %s', (_, documents, server) => {
    expect(read(...documents).server).toBe(server);
  });

  it('is one of kubeadm', () => {
    expect(() => read({ kind: 'ResetConfiguration' })).toThrow(
      'no InitConfiguration or ClusterConfiguration kind was found in the configuration file',
    );
  });
});
