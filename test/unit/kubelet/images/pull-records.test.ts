import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SecretUse, verificationPolicy } from '../../../../src/kubelet/images/pull-access.ts';
import { PullRecords } from '../../../../src/kubelet/images/pull-records.ts';
import { Image } from '../../../../src/rpc/cri-api.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { FakeRuntime } from '../fake-runtime.ts';

const signal = new AbortController().signal;
const secret = (name: string): SecretUse => ({ uid: `u-${name}`, namespace: 'n', name, credentialHash: `h-${name}` });
const showing =
  (...names: readonly string[]) =>
  async (): Promise<readonly SecretUse[]> =>
    names.map(secret);
const unasked = async (): Promise<readonly SecretUse[]> => {
  throw new Error('nobody has to show anything');
};

let directory = '';
let records: PullRecords;
const open = (): PullRecords =>
  new PullRecords(directory, verificationPolicy('NeverVerifyPreloadedImages', []), new FakeClock());
const files = (kind: string): readonly string[] => readdirSync(`${directory}/${kind}`);

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/gantry-pull-records-`);
  records = open();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('PullRecords', () => {
  it('asks nothing for an image that somebody put there', async () => {
    expect(await records.mustPull('r/a:1', 'id', unasked)).toBe(false);
  });

  it('lets everybody use what nobody was asked for', async () => {
    records.begin('r/a:1');
    records.succeeded('r/a:1', 'id', 'anybody');
    expect(await open().mustPull('r/a:2', 'id', unasked)).toBe(false);
  });

  it('lets only pods use an image that have what it was pulled with, also after a restart', async () => {
    records.begin('r/a:1');
    records.succeeded('r/a:1', 'id', secret('s'));
    const again = open();
    expect(await again.mustPull('r/a:1', 'id', showing('s'))).toBe(false);
    expect(await again.mustPull('r/a:1', 'id', showing())).toBe(true);
    expect(await again.mustPull('r/a:1', 'id', showing('other'))).toBe(true);
    expect(await again.mustPull('other/a:1', 'id', showing('s'))).toBe(true);
  });

  it('writes files as upstream does', () => {
    records.begin('r/a:1');
    records.succeeded('r/a:1', 'id', secret('s'));
    expect(files('pulling')).toEqual([]);
    const [name = ''] = files('pulled');
    expect(JSON.parse(readFileSync(`${directory}/pulled/${name}`, 'utf8'))).toEqual({
      kind: 'ImagePulledRecord',
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      lastUpdatedTime: '2030-01-01T00:00:00Z',
      imageRef: 'id',
      credentialMapping: { 'r/a': { kubernetesSecrets: [secret('s')] } },
    });
  });

  it('does not take for put there what is being pulled, or whose pull was cut off', async () => {
    records.begin('r/a:1');
    expect(await records.mustPull('r/a:1', 'id', unasked)).toBe(true);
    records.cutOff('r/a:1');
    expect(await open().mustPull('r/a:1', 'id', unasked)).toBe(true);
    records.begin('r/a:1');
    records.failed('r/a:1');
    expect(await open().mustPull('r/a:1', 'id', unasked)).toBe(false);
  });

  it('keeps that an image is being pulled until the last pull of it has ended', async () => {
    records.begin('r/a:1');
    records.begin('r/a:1');
    records.failed('r/a:1');
    expect(await records.mustPull('r/a:1', 'id', unasked)).toBe(true);
  });

  it('takes a torn record for a pull by nobody knows whom', async () => {
    records.begin('r/a:1');
    records.succeeded('r/a:1', 'id', 'anybody');
    const [name = ''] = files('pulled');
    writeFileSync(`${directory}/pulled/${name}`, '{"kind":');
    expect(await records.mustPull('r/a:1', 'id', unasked)).toBe(true);
  });

  it('settles at the start what was cut off, and forgets what is gone', async () => {
    const runtime = new FakeRuntime();
    runtime.imageStatus = async image => (image === 'r/a:1' ? Image.fromPartial({ id: 'id-a' }) : undefined);
    runtime.listImages = async () => [Image.fromPartial({ id: 'id-a' })];
    records.begin('r/a:1');
    records.begin('r/b:1');
    records.begin('r/c:1');
    records.succeeded('r/c:1', 'id-c', 'anybody');
    const again = open();
    await again.settle(runtime, signal);
    expect([files('pulling').length, files('pulled').length]).toEqual([0, 1]);
    expect(await again.mustPull('r/a:1', 'id-a', unasked)).toBe(true);
  });
});
