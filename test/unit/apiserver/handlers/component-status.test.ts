import { createServer, type Server } from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askHealthz } from '../../../../src/apiserver/component-health.ts';
import { certificatePem, selfSignedCertificate } from '../../../../src/pki/certificate.ts';
import { generateKey, privateKeyPem } from '../../../../src/pki/keys.ts';
import { MemoryApi } from '../../../harness/memory-api.ts';

const NOT_ALLOWED = 'the server does not allow this method on the requested resource';
const URL = '/api/v1/componentstatuses';
const signal = new AbortController().signal;

describe('componentstatuses', () => {
  let api: MemoryApi;
  beforeEach(async () => {
    api = await MemoryApi.start();
  });
  afterEach(() => api.stop());

  it('are listed, with a warning that nobody should', async () => {
    const { json, warnings } = await api.ask('GET', URL);
    expect([json.kind, json.items.map((item: { metadata: object }) => item.metadata)]).toEqual([
      'ComponentStatusList',
      [{ name: 'controller-manager' }, { name: 'etcd-0' }, { name: 'scheduler' }],
    ]);
    expect(warnings).toEqual(['299 - "v1 ComponentStatus is deprecated in v1.19+"']);
  });

  it('are read by name', async () => {
    expect((await api.ask('GET', `${URL}/etcd-0`)).json).toEqual({
      kind: 'ComponentStatus',
      apiVersion: 'v1',
      metadata: { name: 'etcd-0' },
      conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
    });
  });

  it('are chosen by name, and by no label, for they have none', async () => {
    const byName = await api.ask('GET', `${URL}?fieldSelector=metadata.name%3Detcd-0`);
    expect(byName.json.items).toHaveLength(1);
    expect((await api.ask('GET', `${URL}?labelSelector=a`)).json.items).toEqual([]);
  });

  it('have the columns of upstream', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const { json } = await api.ask('GET', `${URL}/etcd-0`, { accept });
    expect(json.columnDefinitions.map((c: { name: string }) => c.name)).toEqual(['Name', 'Status', 'Message', 'Error']);
    expect(json.rows[0].cells).toEqual(['etcd-0', 'Healthy', 'ok', '']);
  });

  it.each([
    ['GET', `${URL}/other`, 404, 'componentstatus "other" not found'],
    ['GET', `${URL}?watch=1`, 405, 'watch is not supported on resources of kind "componentstatuses"'],
    ['POST', URL, 405, NOT_ALLOWED],
    ['PUT', `${URL}/etcd-0`, 405, NOT_ALLOWED],
    ['DELETE', `${URL}/etcd-0`, 405, NOT_ALLOWED],
  ])('answer %s %s with %i', async (method, url, status, text) => {
    const { json } = await api.ask(method, url);
    expect([json.code, json.message]).toEqual([status, expect.stringContaining(text)]);
  });
});

describe('a component', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  async function serve(status: number, body: string, ends = true): Promise<number> {
    const key = generateKey();
    const now = Date.now();
    const der = selfSignedCertificate(
      {
        subject: { commonName: 'anything', organizations: [] },
        publicKey: key,
        notBefore: new Date(now - 60_000),
        notAfter: new Date(now + 60_000),
        keyUsages: ['digitalSignature'],
      },
      key,
    );
    const made = createServer({ key: privateKeyPem(key), cert: certificatePem(der) }, (asked, answer) => {
      answer.writeHead(asked.url === '/healthz' ? status : 404);
      answer.write(body);
      if (ends) answer.end();
    });
    server = made;
    await new Promise<void>(resolve => made.listen(0, '127.0.0.1', resolve));
    const address = made.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  it.each([
    [200, 'ok', { status: 'True', message: 'ok', error: '' }],
    [500, 'secrets of a failure', { status: 'False', message: 'HTTP probe failed with statuscode: 500', error: '' }],
  ])('that answers %i %s, whatever its certificate', async (status, body, expected) => {
    expect(await askHealthz(await serve(status, body), signal)).toEqual(expected);
  });

  it('that answers without an end is heard to 10 KiB', async () => {
    const health = await askHealthz(await serve(200, 'x'.repeat(20_000), false), signal);
    expect([health.status, health.message.length]).toEqual(['True', 10_240]);
  });

  it('that is not there', async () => {
    const port = await serve(200, 'ok');
    await new Promise(resolve => server?.close(resolve));
    expect(await askHealthz(port, signal)).toEqual({
      status: 'False',
      message: `Get "https://127.0.0.1:${port}/healthz": dial tcp 127.0.0.1:${port}: connect: connection refused`,
      error: '',
    });
  });

  it('that does not answer in the time of the request', async () => {
    const stop = new AbortController();
    const asked = askHealthz(await serve(200, 'begins', false), stop.signal);
    stop.abort();
    expect((await asked).status).toBe('False');
  });
});
