import type { AddressInfo } from 'node:net';
import { EtcdClient, prefixEnd } from '../../src/etcd/client.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import type { Service } from '../../src/local-cluster/host/supervise.ts';
import { put, run } from './host.ts';
import { relayTo } from './relay.ts';
import { TestAuthority } from './test-authority.ts';
import { waitFor } from './wait-for.ts';

/** Of etcd itself, and of what it keeps: no place of Gantry's. */
const CONFIG_DIR = '/etc/external-etcd';
const DATA_DIR = '/opt/external-etcd';
/** Where kubeadm's guide for such clusters puts what the API server shows: names that Gantry gives to pairs of its own, too. */
export const CLIENT_FILES = {
  caFile: '/etc/kubernetes/pki/etcd/ca.crt',
  certFile: '/etc/kubernetes/pki/apiserver-etcd-client.crt',
  keyFile: '/etc/kubernetes/pki/apiserver-etcd-client.key',
} as const;

/** An etcd that somebody else runs in a host, with TLS and client certificates. */
export interface ExternalEtcd {
  readonly endpoints: readonly string[];
  readonly authority: TestAuthority;
  readonly members: readonly Service[];
  /** By way of the last member. */
  readonly admin: EtcdClient;
  /** The keys below a prefix, in order. */
  keys(prefix: string): Promise<readonly string[]>;
  /** Of the admin's connection; the members go with the host. */
  close(): void;
}

/** Starts `size` members on ports of the host's loopback, puts the client's files where `CLIENT_FILES` says, and waits until they answer. */
export async function externalEtcd(host: Host, size: number): Promise<ExternalEtcd> {
  const authority = new TestAuthority('external-etcd');
  const server = authority.issue('etcd', [], 'serverAuth');
  const client = authority.issue('gantry', [], 'clientAuth');
  put(host, `${CONFIG_DIR}/ca.crt`, authority.pem);
  put(host, `${CONFIG_DIR}/server.crt`, server.cert);
  put(host, `${CONFIG_DIR}/server.key`, server.key);
  put(host, CLIENT_FILES.caFile, authority.pem);
  put(host, CLIENT_FILES.certFile, client.cert);
  put(host, CLIENT_FILES.keyFile, client.key);
  await run(host, ['mkdir', '-p', DATA_DIR]);
  const ports = Array.from({ length: size }, (_, index) => 12_379 + index * 10);
  const cluster = ports.map((port, index) => `m${index}=http://127.0.0.1:${port + 1}`).join(',');
  const endpoints = ports.map(port => `https://127.0.0.1:${port}`);
  const members = await Promise.all(
    ports.map((port, index) =>
      host.supervise(`external-etcd-${index}`, [
        'etcd',
        `--name=m${index}`,
        `--data-dir=${DATA_DIR}/m${index}`,
        `--listen-client-urls=https://127.0.0.1:${port}`,
        `--advertise-client-urls=https://127.0.0.1:${port}`,
        `--listen-peer-urls=http://127.0.0.1:${port + 1}`,
        `--initial-advertise-peer-urls=http://127.0.0.1:${port + 1}`,
        `--initial-cluster=${cluster}`,
        `--cert-file=${CONFIG_DIR}/server.crt`,
        `--key-file=${CONFIG_DIR}/server.key`,
        `--trusted-ca-file=${CONFIG_DIR}/ca.crt`,
        '--client-cert-auth',
        '--unsafe-no-fsync',
      ]),
    ),
  );
  const socket = '/run/external-etcd.sock';
  await host.supervise('external-etcd-relay', [
    'socat',
    `UNIX-LISTEN:${socket},fork,unlink-early`,
    `TCP:127.0.0.1:${ports.at(-1)}`,
  ]);
  const relay = await relayTo(host.path(socket));
  const admin = new EtcdClient({
    endpoints: [`https://127.0.0.1:${(relay.address() as AddressInfo).port}`],
    tls: { ca: Buffer.from(authority.pem), cert: Buffer.from(client.cert), key: Buffer.from(client.key) },
  });
  await waitFor('the external etcd to answer', () => admin.range('/none'));
  return {
    endpoints,
    authority,
    members,
    admin,
    async keys(prefix) {
      const { kvs } = await admin.range(prefix, { end: prefixEnd(prefix), keysOnly: true });
      return kvs.map(({ key }) => key.toString());
    },
    close() {
      admin.close();
      relay.close();
    },
  };
}
