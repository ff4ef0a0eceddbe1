import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { changeKubeconfig, kubeconfigPath, readCaller } from '../../../src/local-cluster/kubeconfig/file.ts';
import { mergeContext, removeContext } from '../../../src/local-cluster/kubeconfig/merge.ts';

const ENTRIES = { name: 'gantry-demo', cluster: { server: 'https://10.210.0.2:6443' }, user: { token: 't' } };
const OTHERS = `# mine
apiVersion: v1
kind: Config
clusters:
- name: work # do not touch
  cluster: {server: "https://work:6443"}
contexts:
- name: work
  context: {cluster: work, user: me, namespace: team}
users:
- name: me
  user: {token: secret}
current-context: work
`;

describe('a context in a kubeconfig', () => {
  it('comes into a new file', () => {
    expect(parse(mergeContext('', 'config', ENTRIES))).toMatchObject({
      kind: 'Config',
      'current-context': 'gantry-demo',
      clusters: [{ name: 'gantry-demo', cluster: ENTRIES.cluster }],
      contexts: [{ name: 'gantry-demo', context: { cluster: 'gantry-demo', user: 'gantry-demo' } }],
      users: [{ name: 'gantry-demo', user: { token: 't' } }],
    });
  });

  it('comes beside others, which stay as they are written, with their comments', () => {
    const merged = mergeContext(OTHERS, 'config', ENTRIES);
    expect(merged).toContain('# mine');
    expect(merged).toContain('- name: work # do not touch');
    expect(parse(merged).contexts[0]).toEqual(parse(OTHERS).contexts[0]);
    expect(parse(merged).clusters).toHaveLength(2);
  });

  it('replaces its own entries, and adds none twice', () => {
    const once = mergeContext(OTHERS, 'config', ENTRIES);
    const again = mergeContext(once, 'config', { ...ENTRIES, user: { token: 'u' } });
    expect(parse(again).users).toEqual([
      { name: 'me', user: { token: 'secret' } },
      { name: 'gantry-demo', user: { token: 'u' } },
    ]);
  });

  it('goes and leaves the others, and is no longer the current one', () => {
    const removed = removeContext(mergeContext(OTHERS, 'config', ENTRIES), 'config', 'gantry-demo') ?? '';
    expect(parse(removed)).toEqual({ ...parse(OTHERS), 'current-context': '' });
  });

  it('is not missed where it is not', () => {
    expect(removeContext(OTHERS, 'config', 'gantry-demo')).toBeUndefined();
    expect(removeContext('', 'config', 'gantry-demo')).toBeUndefined();
  });

  it.each(['[1]', 'a: [', 'clusters: 7\n'])('is not put into %j', text => {
    expect(() => mergeContext(text, 'config', ENTRIES)).toThrow('config');
  });
});

describe('the kubeconfig of the caller', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-caller-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is that of the user behind sudo', () => {
    const passwd = join(folder, 'passwd');
    writeFileSync(passwd, 'root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/srv/ann:/bin/sh\n');
    const caller = readCaller({ SUDO_UID: '1000', SUDO_GID: '1001', SUDO_USER: 'ann', HOME: '/root' }, passwd);
    expect(kubeconfigPath(undefined, { ...caller, home: '/srv/ann' }, {})).toBe('/srv/ann/.kube/config');
  });

  it('is the one that was asked for, else the first of KUBECONFIG', () => {
    const caller = { home: '/root', owner: undefined };
    expect(kubeconfigPath('/a', caller, { KUBECONFIG: '/b:/c' })).toBe('/a');
    expect(kubeconfigPath(undefined, caller, { KUBECONFIG: ':/b:/c' })).toBe('/b');
    expect(kubeconfigPath(undefined, caller, {})).toBe('/root/.kube/config');
  });

  it('is replaced whole, through a link, and leaves no lock', async () => {
    mkdirSync(join(folder, 'real'));
    writeFileSync(join(folder, 'real/config'), 'old');
    symlinkSync('real/config', join(folder, 'config'));
    await changeKubeconfig(join(folder, 'config'), { home: folder, owner: undefined }, text => `${text} and new`);
    expect(readFileSync(join(folder, 'real/config'), 'utf8')).toBe('old and new');
    expect(readdirSync(join(folder, 'real'))).toEqual(['config']);
  });

  it('is left alone, and unlocked, when it cannot be changed', async () => {
    const path = join(folder, 'config');
    writeFileSync(path, 'old');
    const changing = changeKubeconfig(path, { home: folder, owner: undefined }, () => {
      throw new Error('no kubeconfig');
    });
    await expect(changing).rejects.toThrow('no kubeconfig');
    expect(readdirSync(folder)).toEqual(['config']);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });
});
