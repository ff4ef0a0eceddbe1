import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Files, filesBelow } from '../../../../src/bootstrap/files.ts';
import { kubeconfigText } from '../../../../src/bootstrap/kubeconfig-file.ts';
import { certifiedName, nodeOfMachine } from '../../../../src/bootstrap/reset/node-name.ts';
import { TestAuthority } from '../../../harness/test-authority.ts';

const certified = { name: 'worker-a', path: '/etc/kubernetes/kubelet.conf' };
const none = { certified: undefined, unit: undefined, asked: undefined };

describe('the Node that a machine is', () => {
  it('is that of the certificate, whatever its unit says', () => {
    expect(nodeOfMachine({ ...none, certified, asked: '' })).toBe('worker-a');
    expect(nodeOfMachine({ certified, unit: 'worker-b', asked: 'worker-a' })).toBe('worker-a');
  });

  it('is never another one that is asked for', () => {
    expect(() => nodeOfMachine({ ...none, certified, asked: 'rdhost' })).toThrow(
      '--node-name: this machine is not the node "rdhost" but "worker-a", by the certificate of its kubelet (/etc/kubernetes/kubelet.conf)',
    );
  });

  it('is the one that is asked for, or that of the unit, where there is no certificate, and else none', () => {
    expect(nodeOfMachine({ ...none, unit: 'worker-b', asked: 'worker-a' })).toBe('worker-a');
    expect(nodeOfMachine({ ...none, unit: 'worker-b' })).toBe('worker-b');
    expect(nodeOfMachine(none)).toBeUndefined();
    expect(nodeOfMachine({ ...none, unit: '', asked: '' })).toBeUndefined();
  });
});

describe('the name that the certificate of a kubelet has', () => {
  const authority = new TestAuthority();
  const pairOf = (name: string) => authority.issue(name, ['system:nodes'], 'clientAuth');
  const own = pairOf('system:node:worker-a');
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  let root: string;
  let files: Files;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'node-name-'));
    files = filesBelow(root);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  const writeConfig = (credentials: Parameters<typeof kubeconfigText>[0]['credentials']): void =>
    write(
      files.kubeletConf,
      kubeconfigText({ clusterName: 'c', server: 'https://127.0.0.1:1', ca: authority.pem, user: 'u', credentials }),
    );
  const name = (silent: readonly string[] = []) => certifiedName(files, silent, new AbortController().signal);
  const writePair = (): void => {
    write(files.kubeletClientPem, `${own.cert}${own.key}`);
    writeConfig({ 'client-certificate': files.kubeletClientPem, 'client-key': files.kubeletClientPem });
  };

  it('is found in kubelet.conf, as init writes it, and in the file that it names', async () => {
    expect(await name()).toBeUndefined();
    writeConfig({ 'client-certificate-data': base64(own.cert), 'client-key-data': base64(own.key) });
    expect(await name()).toEqual({ name: 'worker-a', path: files.kubeletConf });
    writePair();
    expect(await name()).toEqual({ name: 'worker-a', path: files.kubeletConf });
  });

  it('is found in the pair alone where kubelet.conf is not there, or is none', async () => {
    writePair();
    rmSync(files.kubeletConf);
    expect(await name()).toEqual({ name: 'worker-a', path: files.kubeletClientPem });
    write(files.kubeletConf, 'kind: Pod');
    expect(await name()).toEqual({ name: 'worker-a', path: files.kubeletClientPem });
  });

  it('is not looked for where a disk does not answer, nor of anybody but a node', async () => {
    writePair();
    expect(await name([files.kubeletDir])).toBeUndefined();
    rmSync(files.kubeletClientPem);
    expect(await name()).toBeUndefined();
    const admin = pairOf('kubernetes-admin');
    writeConfig({ 'client-certificate-data': base64(admin.cert), 'client-key-data': base64(admin.key) });
    expect(await name()).toBeUndefined();
    writeConfig({ token: 'abc' });
    expect(await name()).toBeUndefined();
  });
});
