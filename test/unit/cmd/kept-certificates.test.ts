import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import { ensureMarker } from '../../../src/bootstrap/marker.ts';
import { keptCertificates } from '../../../src/cmd/kept-certificates.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-kept-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('the certificates that a control plane keeps new', () => {
  const flagsOf = (pki: string) => ({
    clientCaFile: `${pki}/ca.crt`,
    tlsCertFile: `${pki}/apiserver.crt`,
    kubeletClientCertificate: `${pki}/apiserver-kubelet-client.crt`,
    etcdCertfile: `${pki}/apiserver-etcd-client.crt`,
  });
  const pki = (): string => filesBelow(root, { certificatesDir: '/srv/pki' }).pkiDir;
  const init = (etcd?: string): void =>
    ensureMarker(filesBelow(root, { certificatesDir: '/srv/pki' }), 'init', {
      etcd: etcd === undefined ? 'local' : { endpoints: [etcd], files: [] },
    });

  it('are where init has made them, though clients have another CA', () => {
    init();
    const flags = { ...flagsOf(pki()), clientCaFile: `${root}/etc/ssl/corp/bundle.crt` };
    const { files, others } = keptCertificates(flags, root);
    expect([files.pkiDir, others]).toEqual([pki(), []]);
  });

  it('are not those that an admin has put elsewhere', () => {
    init();
    const flags = { ...flagsOf(pki()), tlsCertFile: '/corp/tls.crt', etcdCertfile: '/corp/etcd.crt' };
    expect(keptCertificates(flags, root).others).toEqual(['/corp/tls.crt', '/corp/etcd.crt']);
  });

  it('are known by where links lead', () => {
    init();
    mkdirSync(pki(), { recursive: true });
    symlinkSync(pki(), `${root}/also`);
    expect(keptCertificates(flagsOf(`${root}/also`), root).others).toEqual([]);
  });

  it('are not those for an etcd of somebody else, which are not told of either', () => {
    init('https://e:2379');
    expect(keptCertificates({ ...flagsOf(pki()), etcdCertfile: '/corp/etcd.crt' }, root).others).toEqual([]);
  });

  it('are beside the one that it serves with where no init is known', () => {
    const flags = { ...flagsOf(`${root}/mine`), clientCaFile: '/corp/bundle.crt' };
    const { files, others } = keptCertificates(flags, root);
    expect([files.pkiDir, others]).toEqual([`${root}/mine`, []]);
  });
});
