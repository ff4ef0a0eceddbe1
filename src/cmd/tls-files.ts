import { readFileSync } from 'node:fs';
import { checkServerTls, type ServerTls } from '../apiserver/serve/server-tls.ts';
import type { Clock } from '../base/clock.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import type { Component } from '../daemon/component.ts';
import type { Logger } from '../daemon/logger.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { reloadedFiles } from './reloaded-files.ts';

export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa?: string;
}

/** The certificate, the key and the client CA in the files. Throws `invalid-argument` that names the flag where they cannot be used. */
export function readTlsFiles(paths: TlsPaths): ServerTls {
  const tls: ServerTls = {
    certificate: readText(paths.certificate, '--tls-cert-file'),
    key: readText(paths.key, '--tls-private-key-file'),
    ...(paths.clientCa === undefined ? {} : { clientCa: readText(paths.clientCa, '--client-ca-file') }),
  };
  try {
    checkServerTls(tls);
  } catch (error) {
    const { certificate, key, clientCa } = paths;
    const files = [certificate, key, ...(clientCa === undefined ? [] : [clientCa])].join(', ');
    throw invalidArgument(`${errorMessage(error)} (files ${files})`);
  }
  return tls;
}

export interface TlsFilesOptions {
  readonly paths: TlsPaths;
  /** What is served now. */
  readonly current: ServerTls;
  readonly onChange: (tls: ServerTls) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The API server takes up what is written into the files while it runs; a serving certificate goes to new connections. */
export function tlsFiles({ paths, current, onChange, clock, log }: TlsFilesOptions): Component {
  return reloadedFiles({
    name: 'tls-files',
    paths: () => Object.values(paths),
    read: () => readTlsFiles(paths),
    current,
    onChange,
    told: ({ certificate }) => [
      { ...paths, until: endOf(certificate) },
      'serving with the new contents of the certificate files',
    ],
    clock,
    log,
  });
}

/** The end of a certificate's life, for people. */
export function endOf(pem: string): string {
  return new Date(parseCertificate(pem).validTo).toISOString();
}

function readText(path: string, flag: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidArgument(`${flag}: ${errorMessage(error)}`);
  }
}
