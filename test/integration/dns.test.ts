import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import packet from 'dns-packet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Service } from '../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../src/api/types/gen/discovery-v1.ts';
import { ApiConnection } from '../../src/client/connection.ts';
import { readKubeconfig } from '../../src/client/kubeconfig.ts';
import { ResourceClient } from '../../src/client/resource-client.ts';
import { MessageReader, withLength } from '../../src/dns/wire/stream.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { OutsideDns } from '../harness/dns.ts';
import { freePorts } from '../harness/etcd.ts';
import { TestNodeRole } from '../harness/node-role.ts';
import { waitFor } from '../harness/wait-for.ts';

const OUTSIDE = '127.0.53.1';
const LATER_OUTSIDE = '127.0.53.2';
const ZONE = 'default.svc.cluster.local';

describe('the DNS server of a node', () => {
  let server: TestApiServer;
  let outside: OutsideDns;
  let later: OutsideDns;
  let dns: TestNodeRole;
  let port: number;
  let resolver: Resolver;
  let directory: string;
  let connection: ApiConnection;
  let services: ResourceClient<Service>;
  let slices: ResourceClient<EndpointSlice>;

  const isReady = (): Promise<boolean> =>
    waitFor('names of the cluster', async () => (await resolver.resolve4(`kubernetes.${ZONE}`)).length > 0);
  const code = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'an answer',
      error => (error as { code: string }).code,
    );

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-dns-'));
    [server, outside, later] = await Promise.all([
      TestApiServer.start(),
      OutsideDns.start(OUTSIDE),
      OutsideDns.start(LATER_OUTSIDE),
    ]);
    const kubeconfig = server.kubeconfigFor('dns', ['system:masters']);
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'test' });
    services = new ResourceClient(connection, { group: '', version: 'v1', plural: 'services' });
    slices = new ResourceClient(connection, { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' });
    const resolvConf = join(directory, 'resolv.conf');
    writeFileSync(resolvConf, `nameserver ${OUTSIDE}\n`);
    const [free, health] = await freePorts();
    port = free;
    dns = new TestNodeRole('dns', [
      `--kubeconfig=${kubeconfig}`,
      `--listen=127.0.0.1:${port}`,
      `--resolv-conf=${resolvConf}`,
      '--dns-address=10.96.0.10',
      `--healthz-port=${health}`,
    ]);
    dns.start();
    resolver = new Resolver({ timeout: 2_000, tries: 2 });
    resolver.setServers([`127.0.0.1:${port}`]);
    await isReady();
  }, 60_000);

  afterAll(async () => {
    await dns?.stop('SIGKILL');
    connection?.close();
    outside?.close();
    later?.close();
    await server?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it('answers names of the cluster as soon as they are there', async () => {
    const made = await services.create({
      metadata: { name: 'web', namespace: 'default' },
      spec: { ports: [{ name: 'http', port: 80 }] },
    } as unknown as Service);
    const address = made.spec?.clusterIP ?? '';
    expect(await waitFor('the new service', () => resolver.resolve4(`web.${ZONE}`))).toEqual([address]);
    expect(await resolver.resolveSrv(`_http._tcp.web.${ZONE}`)).toMatchObject([{ name: `web.${ZONE}`, port: 80 }]);
    expect(await resolver.reverse(address)).toEqual([`web.${ZONE}`]);
    expect(await code(resolver.resolve6(`web.${ZONE}`))).toBe('ENODATA');
    expect(await code(resolver.resolve4(`nothing.${ZONE}`))).toBe('ENOTFOUND');
    await services.delete('default', 'web');
    await waitFor('its end', async () => (await code(resolver.resolve4(`web.${ZONE}`))) === 'ENOTFOUND');
  });

  it('answers endpoints of headless services, all of them over TCP', async () => {
    await services.create({
      metadata: { name: 'db', namespace: 'default' },
      spec: { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] },
    } as unknown as Service);
    await slices.create({
      metadata: { name: 'db-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'db' } },
      addressType: 'IPv4',
      ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
      endpoints: Array.from({ length: 200 }, (_, i) => ({ addresses: [`10.244.1.${i + 1}`], hostname: `db-${i}` })),
    } as unknown as EndpointSlice);
    const all = await waitFor('the endpoints', () => resolver.resolve4(`db.${ZONE}`));
    expect(new Set(all).size).toBe(200);
    expect(await resolver.resolve4(`db-7.db.${ZONE}`)).toEqual(['10.244.1.8']);
    const first = await Promise.all(Array.from({ length: 20 }, async () => (await resolver.resolve4(`db.${ZONE}`))[0]));
    expect(new Set(first).size).toBeGreaterThan(1);
  });

  it('follows aliases, into the cluster and out of it', async () => {
    const alias = (name: string, externalName: string): Promise<Service> =>
      services.create({
        metadata: { name, namespace: 'default' },
        spec: { type: 'ExternalName', externalName },
      } as unknown as Service);
    await alias('inside', `kubernetes.${ZONE}`);
    await alias('abroad', 'host.test');
    await alias('round', `round.${ZONE}`);
    expect(await waitFor('the alias', () => resolver.resolve4(`abroad.${ZONE}`))).toEqual(['192.0.2.1']);
    expect(await resolver.resolveCname(`abroad.${ZONE}`)).toEqual(['host.test']);
    const [inside, kubernetes] = await Promise.all(
      ['inside', 'kubernetes'].map(name => resolver.resolve4(`${name}.${ZONE}`)),
    );
    expect(inside).toEqual(kubernetes);
    expect(await code(resolver.resolve4(`round.${ZONE}`))).toBe('ESERVFAIL');
  });

  it('asks others for other names, once for all who ask, and keeps the answer', async () => {
    const before = outside.asked.length;
    const many = await Promise.all(Array.from({ length: 20 }, () => resolver.resolve4('one.test')));
    expect(new Set(many.flat())).toEqual(new Set(['192.0.2.1']));
    expect(await resolver.resolve4('ONE.test')).toEqual(['192.0.2.1']);
    expect(outside.asked.slice(before)).toEqual(['udp one.test A']);
    expect(await code(resolver.resolve4('none.test'))).toBe('ENOTFOUND');
  });

  it('passes on that an answer is cut, and asks over TCP for who comes back so', async () => {
    expect((await resolver.resolve4('many.test')).length).toBe(100);
    expect(outside.asked.slice(-2)).toEqual(['udp many.test A', 'tcp many.test A']);
  });

  it('never sends names of the cluster abroad', async () => {
    const before = outside.asked.length;
    await code(resolver.resolve4('host.test.default.svc.cluster.local'));
    await code(resolver.resolve4('cluster.local'));
    expect(outside.asked.length).toBe(before);
  });

  it('goes to the next server when one is silent, and follows the file when it changes', async () => {
    const path = join(directory, 'resolv.conf');
    writeFileSync(`${path}.new`, `nameserver ${OUTSIDE}\nnameserver ${LATER_OUTSIDE}\n`);
    renameSync(`${path}.new`, path);
    outside.silent = true;
    const patient = new Resolver({ timeout: 6_000, tries: 1 });
    patient.setServers([`127.0.0.1:${port}`]);
    await waitFor('the other server', async () => {
      await code(patient.resolve4(`n${later.asked.length}-${outside.asked.length}.test`));
      return later.asked.length > 0;
    });
    const started = performance.now();
    expect(await patient.resolve4('quick.test')).toEqual(['192.0.2.1']);
    expect(later.asked).toContain('udp quick.test A');
    expect(performance.now() - started).toBeLessThan(2_000);
    outside.silent = false;
  });

  it('is not shaken by what is no query', async () => {
    const socket = createSocket('udp4');
    const cutQuestion = packet
      .encode({ type: 'query', id: 77, questions: [{ name: 'x.y', type: 'A' }] })
      .subarray(0, 14);
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(600, 0xff)])
      socket.send(bytes, port, '127.0.0.1');
    const answered = once(socket, 'message');
    socket.send(cutQuestion, port, '127.0.0.1');
    const [answer] = (await answered) as [Buffer];
    expect(packet.decode(answer)).toMatchObject({ id: 77, rcode: 'FORMERR' });
    socket.close();
    expect((await resolver.resolve4(`kubernetes.${ZONE}`)).length).toBe(1);
  });

  it('serves many queries of one connection', async () => {
    const socket = connect(port, '127.0.0.1');
    const reader = new MessageReader();
    const ids = new Set<number>();
    const done = new Promise<void>(resolve => {
      socket.on('data', piece => {
        for (const message of reader.push(piece)) ids.add(packet.decode(message).id ?? -1);
        if (ids.size === 1_000) resolve();
      });
    });
    for (let id = 0; id < 1_000; id += 1)
      socket.write(
        withLength(packet.encode({ type: 'query', id, questions: [{ name: `kubernetes.${ZONE}`, type: 'A' }] })),
      );
    await done;
    socket.destroy();
    expect(ids.size).toBe(1_000);
  });

  it('comes back after kill -9, and goes on while the API server is away', async () => {
    await dns.stop('SIGKILL');
    dns.start();
    await isReady();
    await server.stop();
    expect((await resolver.resolve4(`kubernetes.${ZONE}`)).length).toBe(1);
    await server.start();
    await services.create({
      metadata: { name: 'after', namespace: 'default' },
      spec: { ports: [{ port: 80 }] },
    } as unknown as Service);
    expect((await waitFor('a service that came later', () => resolver.resolve4(`after.${ZONE}`))).length).toBe(1);
  }, 60_000);

  it('says who has its address, and what to do', async () => {
    const second = new TestNodeRole('dns', [
      `--kubeconfig=${server.kubeconfigFor('dns', ['system:masters'])}`,
      `--listen=127.0.0.1:${port}`,
    ]);
    second.start();
    await waitFor('its word', () =>
      second.log.includes('another DNS server has it: end that, or choose another address'),
    );
    expect(await second.ended()).toBe(1);
  });

  it('ends in order', async () => {
    expect(await dns.stop('SIGTERM')).toBe(0);
  });
});
