import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import type { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { reloadedFiles } from './reloaded-files.ts';
import { endOf } from './tls-files.ts';

/** A certificate with its key, in PEM. */
interface Pair {
  readonly cert: string;
  readonly key: string;
}

interface Common {
  readonly clock: Clock;
  readonly log: Logger;
}

/** The pair in two files. Throws `invalid-argument` that names them where they do not go together. */
export function readPairFiles(certificate: string, key: string): Pair {
  try {
    const pair = { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
    createSecureContext(pair);
    return pair;
  } catch (error) {
    throw invalidArgument(`the certificate ${certificate} with the key ${key}: ${errorMessage(error)}`);
  }
}

/** Takes up another certificate from its two files; nothing where there are none. */
export function pairFiles(
  options: Common & {
    readonly name: string;
    readonly certificate: string | undefined;
    readonly key: string | undefined;
    readonly current: Pair | undefined;
    readonly onChange: (pair: Pair) => void;
  },
): readonly Component[] {
  const { name, certificate, key, current, onChange, clock, log } = options;
  if (certificate === undefined || key === undefined || current === undefined) return [];
  return [
    reloadedFiles({
      name,
      paths: () => [certificate, key],
      read: () => readPairFiles(certificate, key),
      current,
      onChange,
      told: ({ cert }) => [{ certificate, until: endOf(cert) }, `using the new contents of the ${name} files`],
      clock,
      log,
    }),
  ];
}

/** Takes up another client certificate from a kubeconfig, or from the files that it names. Where the API server is it is not told anew. */
export function kubeconfigCertificate(
  kubeconfig: string,
  connection: ApiConnection,
  { clock, log }: Common,
): readonly Component[] {
  const { certificate: current, certificateFiles = [] } = connection.endpoint;
  if (current === undefined) return [];
  let files = certificateFiles;
  return [
    reloadedFiles({
      name: 'kubeconfig-certificate',
      paths: () => [kubeconfig, ...files],
      read: () => {
        const next = readKubeconfig(kubeconfig);
        files = next.certificateFiles ?? [];
        if (next.certificate === undefined) throw invalidArgument(`${kubeconfig} has no client certificate any more`);
        createSecureContext(next.certificate);
        return next.certificate;
      },
      current,
      onChange: certificate => connection.replaceCertificate(certificate),
      told: ({ cert }) => [{ kubeconfig, until: endOf(cert) }, 'using the new client certificate of the kubeconfig'],
      clock,
      log,
    }),
  ];
}
