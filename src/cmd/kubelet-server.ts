import { readFileSync } from 'node:fs';
import { durationMs } from '../api/duration.ts';
import type { KubeletConfiguration } from '../api/types/gen/kubelet-v1beta1.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage, failedPrecondition, invalidArgument } from '../base/errors.ts';
import type { ApiConnection } from '../client/connection.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { servingPurpose } from '../kubelet/credentials/certificate-request.ts';
import { certificateRotation } from '../kubelet/credentials/rotate-certificate.ts';
import { Askers } from '../kubelet/serve/asker.ts';
import { Rights } from '../kubelet/serve/rights.ts';
import type { KubeletServerOptions } from '../kubelet/serve/server.ts';
import { servingCertificate, servingRenewal } from '../kubelet/serve/serving-certificate.ts';
import { ServingPair } from '../kubelet/serve/serving-pair.ts';
import { pairFiles } from './client-certificate.ts';

/** Flags that say how the kubelet serves. */
export interface KubeletServerFlags {
  readonly clientCaFile?: string;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
}

type Access = Pick<KubeletServerOptions, 'host' | 'tls' | 'askers' | 'rights' | 'entersPods'> & {
  /** What keeps the serving certificate new. */
  readonly upkeep: readonly Component[];
};

/**
 * Where the kubelet's server is open, and to whom. With an API server it speaks TLS and asks there who may do what. Without one, a client CA says who may do
 * all; where there is none either, nobody could be told apart, and it is open on loopback alone. Into pods, who proved nothing and was judged by nobody gets only where
 * the configuration itself says AlwaysAllow: every user of the machine, and every web page that is shown on it, may reach loopback.
 */
export function serverAccess(
  flags: KubeletServerFlags,
  config: KubeletConfiguration,
  parts: {
    readonly connection: ApiConnection | undefined;
    readonly nodeName: string;
    readonly ips: readonly string[];
    readonly certificateDir: string;
    readonly servingLifeMs: number;
    readonly onRotationFailure: () => void;
    readonly log: Logger;
  },
): Access {
  const { connection, nodeName, log } = parts;
  const clientCaFile = flags.clientCaFile ?? config.authentication.x509.clientCAFile ?? '';
  const clientCa = clientCaFile === '' ? undefined : readText(clientCaFile, 'clientCAFile');
  const allowsAll = config.authorization.mode === 'AlwaysAllow';
  if (connection === undefined && clientCa === undefined)
    return {
      host: '127.0.0.1',
      tls: undefined,
      askers: undefined,
      rights: undefined,
      entersPods: allowsAll,
      upkeep: [],
    };
  const { webhook, anonymous } = config.authentication;
  const askers = new Askers({
    connection: webhook.enabled === false ? undefined : connection,
    tokenTtlMs: durationMs(webhook.cacheTTL),
    anonymous: anonymous.enabled === true,
    clock: systemClock,
    log,
  });
  const { pair, upkeep } = servingOf(flags, config, parts);
  return {
    host: config.address ?? '0.0.0.0',
    tls: { pair, clientCa },
    upkeep,
    askers,
    rights: rightsOf(config, connection, nodeName),
    entersPods: allowsAll || connection !== undefined || anonymous.enabled !== true,
  };
}

function rightsOf(
  { authorization }: KubeletConfiguration,
  connection: ApiConnection | undefined,
  nodeName: string,
): Rights | undefined {
  const { mode = 'Webhook', webhook } = authorization;
  if (mode === 'AlwaysAllow' || connection === undefined) return undefined;
  if (mode !== 'Webhook')
    throw failedPrecondition(`authorization.mode: ${mode} is not supported; only Webhook and AlwaysAllow are`);
  return new Rights(connection, {
    nodeName,
    allowedMs: durationMs(webhook.cacheAuthorizedTTL),
    deniedMs: durationMs(webhook.cacheUnauthorizedTTL),
    clock: systemClock,
  });
}

/** The certificate to serve with, and who renews it: whoever wrote the files that are named, the control plane where it is asked to sign, else this kubelet itself. */
function servingOf(
  flags: KubeletServerFlags,
  config: KubeletConfiguration,
  parts: Parameters<typeof serverAccess>[2],
): { readonly pair: ServingPair; readonly upkeep: readonly Component[] } {
  const { connection, nodeName, ips, certificateDir, servingLifeMs, onRotationFailure, log } = parts;
  const certFile = flags.tlsCertFile ?? config.tlsCertFile ?? '';
  const keyFile = flags.tlsPrivateKeyFile ?? config.tlsPrivateKeyFile ?? '';
  if ((certFile === '') !== (keyFile === ''))
    throw invalidArgument('tlsCertFile and tlsPrivateKeyFile belong together: one of them is missing');
  const clock = systemClock;
  if (certFile !== '') {
    const current = { cert: readText(certFile, 'tlsCertFile'), key: readText(keyFile, 'tlsPrivateKeyFile') };
    const pair = new ServingPair(current);
    const name = 'serving-certificate';
    const onChange = (next: typeof current): void => pair.replace(next);
    return { pair, upkeep: pairFiles({ name, certificate: certFile, key: keyFile, current, onChange, clock, log }) };
  }
  const node = { name: nodeName, ips };
  const pair = new ServingPair(servingCertificate(certificateDir, node, clock.now(), servingLifeMs));
  if (config.serverTLSBootstrap !== true || connection === undefined)
    return {
      pair,
      upkeep: [servingRenewal({ pair, directory: certificateDir, node, lifeMs: servingLifeMs, clock, log })],
    };
  const rotation = certificateRotation({
    name: 'serving',
    purpose: servingPurpose(node),
    connection,
    certificateDir,
    nodeName,
    use: next => pair.replace(next),
    onFailure: onRotationFailure,
    clock,
    random: Math.random,
    log,
  });
  return { pair, upkeep: [rotation] };
}

function readText(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidArgument(`${name}: ${errorMessage(error)}`);
  }
}
