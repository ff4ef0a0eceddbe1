import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type ApiServerSettings, apiServer } from '../apiserver/api-server.ts';
import { EtcdStore } from '../apiserver/storage/etcd/etcd-store.ts';
import { OptimisticStorage } from '../apiserver/storage/optimistic-storage.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import type { Component } from '../daemon/component.ts';
import { createLogger, type Logger } from '../daemon/logger.ts';
import { loopLag } from '../daemon/loop-lag.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { createRegistry, type Registry } from '../daemon/metrics.ts';
import { EtcdClient } from '../etcd/client.ts';
import type { EtcdOptions, EtcdTls } from '../etcd/connection.ts';
import { readPrivateKey, readPublicKeys } from '../pki/keys.ts';
import { pairFiles, readPairFiles } from './client-certificate.ts';
import { readTlsFiles, type TlsPaths, tlsFiles } from './tls-files.ts';
import { versionInfo } from './version.ts';

/** Flags of `gantry run apiserver`, named as upstream's. */
export interface ApiServerFlags {
  readonly etcdServers: string;
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly bindAddress: string;
  readonly advertiseAddress?: string;
  readonly securePort: string;
  readonly tlsCertFile: string;
  readonly tlsPrivateKeyFile: string;
  readonly clientCaFile?: string;
  readonly serviceAccountIssuer: string;
  readonly serviceAccountSigningKeyFile: string;
  readonly serviceAccountKeyFile?: string;
  readonly apiAudiences?: string;
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: string;
  readonly kubeletClientCertificate?: string;
  readonly kubeletClientKey?: string;
  readonly kubeletCertificateAuthority?: string;
  readonly kubeletPreferredAddressTypes: string;
}

/** `gantry run apiserver`. Returns the exit code. */
export async function runApiServer(flags: ApiServerFlags): Promise<number> {
  const log = createLogger({ daemon: 'apiserver' });
  try {
    const registry = createRegistry();
    const { components, close } = await openApiServer(flags, registry, log);
    try {
      return await mainLoop([...components, loopLag(registry)], log);
    } finally {
      close();
    }
  } catch (error) {
    log.fatal(errorMessage(error));
    return 1;
  }
}

/** What an API server consists of; `close` lets go of what is open beside them once they have ended. */
export async function openApiServer(
  flags: ApiServerFlags,
  registry: Registry,
  log: Logger,
): Promise<{ readonly components: readonly Component[]; close(): void }> {
  const settings = settingsOf(flags);
  const etcd = etcdOptions(flags);
  const client = new EtcdClient(etcd);
  const server = await apiServer({
    settings,
    storage: new OptimisticStorage(new EtcdStore(client)),
    registry,
    clock: systemClock,
    log,
    onListening: port => log.info({ port }, 'serving'),
  });
  const common = { clock: systemClock, log };
  const serving = tlsFiles({
    paths: tlsPaths(flags),
    current: settings.tls,
    onChange: tls => server.replaceTls(tls),
    ...common,
  });
  const pairs = [
    ...pairFiles({
      name: 'kubelet-client-certificate',
      certificate: flags.kubeletClientCertificate,
      key: flags.kubeletClientKey,
      current: settings.kubelets.certificate,
      onChange: pair => server.replaceKubeletCertificate(pair),
      ...common,
    }),
    ...pairFiles({
      name: 'etcd-client-certificate',
      certificate: flags.etcdCertfile,
      key: flags.etcdKeyfile,
      current: pairOf(etcd.tls),
      onChange: ({ cert, key }) => {
        if (etcd.tls !== undefined)
          client.connection.replaceTls({ ...etcd.tls, cert: Buffer.from(cert), key: Buffer.from(key) });
      },
      ...common,
    }),
  ];
  return { components: [server, serving, ...pairs], close: () => client.close() };
}

function pairOf(tls: EtcdTls | undefined): { readonly cert: string; readonly key: string } | undefined {
  if (tls?.cert === undefined || tls.key === undefined) return undefined;
  return { cert: tls.cert.toString(), key: tls.key.toString() };
}

function settingsOf(flags: ApiServerFlags): ApiServerSettings {
  const signingKey = readPrivateKey(readText(flags.serviceAccountSigningKeyFile, '--service-account-signing-key-file'));
  const issuers = words(flags.serviceAccountIssuer);
  return {
    host: flags.bindAddress,
    port: portOf(flags.securePort, '--secure-port'),
    advertiseAddress: flags.advertiseAddress ?? flags.bindAddress,
    tls: readTlsFiles(tlsPaths(flags)),
    kubelets: kubeletAccess(flags),
    serviceAccounts: {
      issuers,
      signingKey,
      publicKeys:
        flags.serviceAccountKeyFile === undefined
          ? [signingKey]
          : readPublicKeys(readText(flags.serviceAccountKeyFile, '--service-account-key-file')),
      audiences: flags.apiAudiences === undefined ? issuers : words(flags.apiAudiences),
    },
    serviceCidrs: words(flags.serviceClusterIpRange),
    nodePorts: portRange(flags.serviceNodePortRange),
    hostname: hostname(),
    version: versionInfo(),
  };
}

function kubeletAccess(flags: ApiServerFlags): ApiServerSettings['kubelets'] {
  const { kubeletClientCertificate: cert, kubeletClientKey: key, kubeletCertificateAuthority: ca } = flags;
  if ((cert === undefined) !== (key === undefined))
    throw invalidArgument(
      '--kubelet-client-certificate and --kubelet-client-key belong together: one of them is missing',
    );
  return {
    certificate: cert === undefined || key === undefined ? undefined : readPairFiles(cert, key),
    ca: ca === undefined ? undefined : readText(ca, '--kubelet-certificate-authority'),
    addressTypes: words(flags.kubeletPreferredAddressTypes),
  };
}

function tlsPaths({ tlsCertFile, tlsPrivateKeyFile, clientCaFile }: ApiServerFlags): TlsPaths {
  return {
    certificate: tlsCertFile,
    key: tlsPrivateKeyFile,
    ...(clientCaFile === undefined ? {} : { clientCa: clientCaFile }),
  };
}

function etcdOptions(flags: ApiServerFlags): EtcdOptions {
  const { etcdCafile, etcdCertfile, etcdKeyfile } = flags;
  const endpoints = words(flags.etcdServers);
  if (etcdCafile === undefined) return { endpoints };
  const bytes = (file: string, flag: string): Buffer => Buffer.from(readText(file, flag));
  return {
    endpoints,
    tls: {
      ca: bytes(etcdCafile, '--etcd-cafile'),
      ...(etcdCertfile === undefined ? {} : { cert: bytes(etcdCertfile, '--etcd-certfile') }),
      ...(etcdKeyfile === undefined ? {} : { key: bytes(etcdKeyfile, '--etcd-keyfile') }),
    },
  };
}

function readText(path: string, flag: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidArgument(`${flag}: ${errorMessage(error)}`);
  }
}

function words(text: string): string[] {
  return text
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '');
}

function portOf(text: string, flag: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw invalidArgument(`${flag}: "${text}" is not a port`);
  return Number(text);
}

function portRange(text: string): { readonly first: number; readonly last: number } {
  const [first = '', last = ''] = text.split('-');
  const flag = '--service-node-port-range';
  return { first: portOf(first, flag), last: portOf(last, flag) };
}
