import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import { ensureMarker, readMarker, STANDING_DIRECTORIES } from '../../../src/bootstrap/marker.ts';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});
function newFiles() {
  const root = mkdtempSync(join(tmpdir(), 'marker-'));
  roots.push(root);
  return filesBelow(root);
}

describe('the marker of a node', () => {
  it('is not there where no command has run', () => {
    expect(readMarker(newFiles())).toBeUndefined();
  });

  it('tells the command that began', () => {
    const files = newFiles();
    ensureMarker(files, 'join');
    expect(readMarker(files)?.command).toBe('join');
  });

  it('tells where else keys and the data of etcd are', () => {
    const files = { ...newFiles(), pkiDir: '/srv/pki', etcdDataDir: '/srv/etcd' };
    ensureMarker(files, 'init');
    expect(readMarker(filesBelow(files.kubernetesDir.replace('/etc/kubernetes', '')))?.places).toEqual({
      pkiDir: '/srv/pki',
      etcdDataDir: '/srv/etcd',
    });
  });

  it('stays as the first command has written it', () => {
    const files = newFiles();
    ensureMarker(files, 'init');
    const before = readFileSync(files.marker, 'utf8');
    ensureMarker(files, 'join');
    expect(readFileSync(files.marker, 'utf8')).toBe(before);
  });

  it.each([
    ['of an earlier version', '{"command":"init"}'],
    ['that was cut off', '{"comm'],
  ])('%s keeps every directory that may have been there before', (_what, text) => {
    const files = newFiles();
    ensureMarker(files, 'init');
    writeFileSync(files.marker, text);
    const { pkiDir, etcdDataDir } = files;
    const places = { pkiDir, etcdDataDir };
    expect(readMarker(files)).toEqual({ command: 'init', places, standing: STANDING_DIRECTORIES, modes: {} });
  });
});
