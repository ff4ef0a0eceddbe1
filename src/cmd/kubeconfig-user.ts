import { existsSync, readFileSync } from 'node:fs';
import { durationMs } from '../api/duration.ts';
import { systemClock } from '../base/clock.ts';
import { failedPrecondition, invalidArgument } from '../base/errors.ts';
import { readIssuer } from '../bootstrap/certificates/certificates.ts';
import { issueClientPair } from '../bootstrap/certificates/issue.ts';
import { filesBelow } from '../bootstrap/files.ts';
import { certificateData, kubeconfigText } from '../bootstrap/kubeconfig-file.ts';
import { standingFiles } from '../bootstrap/marker.ts';
import { DEFAULT_CLUSTER } from '../bootstrap/settings.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { words } from './flag-values.ts';
import { readInitFile } from './init-file.ts';

/** Flags of `gantry kubeconfig user`, named as kubeadm's. */
export interface KubeconfigUserFlags {
  readonly clientName: string;
  readonly org: string;
  readonly token?: string;
  readonly validityPeriod: string;
  readonly certDir?: string;
  readonly server?: string;
  readonly clusterName?: string;
  readonly config?: string;
}

/** `gantry kubeconfig user`: a kubeconfig on standard output. Returns the exit code. */
export async function kubeconfigUserCommand(flags: KubeconfigUserFlags): Promise<number> {
  const { clientName, token } = flags;
  const said = flags.config === undefined ? undefined : readInitFile(flags.config);
  const clusterName = flags.clusterName ?? said?.clusterName ?? DEFAULT_CLUSTER.clusterName;
  const pkiDir = (flags.certDir ?? said?.certificatesDir ?? standingFiles().pkiDir).replace(/\/$/, '');
  if (clientName === '') throw invalidArgument('--client-name: which user? It is empty');
  if (flags.server !== undefined) checkServer(flags.server);
  if (token === '') throw invalidArgument('--token: it is empty');
  if (token !== undefined && flags.org !== '')
    throw invalidArgument('--org goes into a certificate: with --token it has no place');
  const lifeMs = durationMs(flags.validityPeriod);
  if (lifeMs <= 0) throw invalidArgument(`--validity-period: "${flags.validityPeriod}" is over before it begins`);
  if (!existsSync(`${pkiDir}/ca.crt`))
    throw failedPrecondition(`${pkiDir}/ca.crt is not there: run this on a control-plane machine, or say --cert-dir`);
  if (token === undefined && !existsSync(`${pkiDir}/ca.key`))
    throw failedPrecondition(
      `${pkiDir}/ca.key is not there, so nothing can be signed here: run this where it is, or give --token`,
    );
  const credentials =
    token === undefined
      ? certificateData(
          issueClientPair(
            readIssuer(pkiDir, 'ca'),
            { commonName: clientName, organizations: words(flags.org) },
            systemClock.now(),
            lifeMs,
          ),
        )
      : { token };
  const server = flags.server ?? said?.server ?? readKubeconfig(filesBelow('/').adminConf).server;
  const ca = readFileSync(`${pkiDir}/ca.crt`, 'utf8');
  process.stdout.write(kubeconfigText({ clusterName, server, ca, user: clientName, credentials }));
  return 0;
}

/** Clients make nothing of another one, or send what they log in with in clear. */
function checkServer(server: string): void {
  if (/^https:\/\/[^\s?#@]+$/i.test(server) && URL.canParse(server)) return;
  const told = `--server: "${server}" is no URL of an API server`;
  if (/^http:/i.test(server))
    throw invalidArgument(`${told}: over http:// no certificate counts, and tokens are sent in clear; give https://`);
  const meant = `https://${server.trim()}`;
  const isLacking = !/^\s*[a-z][a-z0-9+.-]*:\/\//i.test(server) && !/[\s?#@]/.test(server.trim());
  throw invalidArgument(
    `${told}: ${isLacking && URL.canParse(meant) ? `did you mean "${meant}"?` : 'it is https://HOST:PORT, as in admin.conf'}`,
  );
}
