import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filesBelow } from '../../../../src/bootstrap/files.ts';
import { knownSecretsHere } from '../../../../src/diagnosis/bundle/known-here.ts';
import { Reach } from '../../../../src/diagnosis/reach/reach.ts';
import { generateKey, privateKeyPem } from '../../../../src/pki/keys.ts';

let top = '';
beforeEach(() => {
  top = mkdtempSync(`${tmpdir()}/known-`);
  for (const name of ['pki', 'elsewhere']) mkdirSync(`${top}/${name}`);
});
afterEach(() => rmSync(top, { recursive: true }));

const known = (reach: Reach): readonly string[] =>
  knownSecretsHere({ ...filesBelow(top), pkiDir: `${top}/pki`, kubeletDir: `${top}/kubelet` }, {}, reach);
const aLine = (key: string): string => key.split('\n')[1] ?? '';

test('the keys of this machine are known, and those that a link leads to where somebody answers', () => {
  const [own, linked, silent] = [generateKey(), generateKey(), generateKey()].map(privateKeyPem) as [
    string,
    string,
    string,
  ];
  writeFileSync(`${top}/pki/ca.key`, own);
  writeFileSync(`${top}/elsewhere/sa.key`, linked);
  writeFileSync(`${top}/elsewhere/apiserver.key`, silent);
  symlinkSync('../elsewhere/sa.key', `${top}/pki/sa.key`);
  symlinkSync('../elsewhere/apiserver.key', `${top}/pki/apiserver.key`);
  const pieces = known(new Reach([{ path: `${top}/pki/apiserver.key`, leadsTo: '/mnt', waitedMs: 1500 }]));
  expect(pieces).toContain(aLine(own));
  expect(pieces).toContain(aLine(linked));
  expect(pieces).not.toContain(aLine(silent));
});

test('a pipe is not opened, since that waits for who writes into it', () => {
  const key = privateKeyPem(generateKey());
  const pipe = `${top}/pki/ca.key`;
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
  // one who does, so that whoever opens it gets something
  const writer = spawn('sh', ['-c', `printf '%s' "$1" > "$2"`, 'sh', key, pipe], { stdio: 'ignore' });
  try {
    expect(known(new Reach())).not.toContain(aLine(key));
  } finally {
    writer.kill();
  }
});
