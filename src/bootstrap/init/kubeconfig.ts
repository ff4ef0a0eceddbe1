import { failedPrecondition } from '../../base/errors.ts';
import { readIssuer } from '../certificates/certificates.ts';
import { issueClientPair } from '../certificates/issue.ts';
import { expiredMessage } from '../certificates/standing.ts';
import type { Files } from '../files.ts';
import { certificateData, ensureKubeconfig, kubeconfigCertificate, kubeconfigText } from '../kubeconfig-file.ts';
import type { Say } from '../phases.ts';
import { apiServerUrl, clusterUrl, type InitSettings } from '../settings.ts';
import type { InitContext } from './context.ts';

/** Whose kubeconfig it is, by the name of its phase. */
interface KubeconfigRow {
  readonly path: (files: Files) => string;
  readonly user: (settings: InitSettings) => string;
  readonly groups: readonly string[];
  /** It goes to this node's API server, whatever stands before that. */
  readonly local?: true;
}

const ROWS = {
  admin: { path: files => files.adminConf, user: () => 'kubernetes-admin', groups: ['kubeadm:cluster-admins'] },
  'super-admin': {
    path: files => files.superAdminConf,
    user: () => 'kubernetes-super-admin',
    groups: ['system:masters'],
  },
  kubelet: {
    path: files => files.kubeletConf,
    user: ({ nodeName }) => `system:node:${nodeName}`,
    groups: ['system:nodes'],
  },
  'controller-manager': {
    path: files => files.controllerManagerConf,
    user: () => 'system:kube-controller-manager',
    groups: [],
    local: true,
  },
  scheduler: { path: files => files.schedulerConf, user: () => 'system:kube-scheduler', groups: [], local: true },
} as const satisfies Readonly<Record<string, KubeconfigRow>>;

export function sayKubeconfigFolder({ files }: InitContext, say: Say): void {
  say(`Using kubeconfig folder "${files.kubernetesDir}"`);
}

/** Writes one kubeconfig with a certificate of its own, or finds that the one that is there is of this cluster. Safe to repeat. */
export function writeKubeconfig(name: keyof typeof ROWS, context: InitContext, say: Say): void {
  const { settings, files, disk, clock } = context;
  const { path: pathIn, user: userOf, groups, local }: KubeconfigRow = ROWS[name];
  const { certificateValidityMs, keyAlgorithm, clusterName } = settings.cluster;
  const issuer = readIssuer(files.pkiDir, 'ca', disk);
  const ca = issuer.certificate.toString();
  const server = local === true ? apiServerUrl(settings) : clusterUrl(settings);
  const path = pathIn(files);
  const user = userOf(settings);
  const subject = { commonName: user, organizations: groups };
  const makeText = (): string => {
    const pair = issueClientPair(issuer, subject, clock.now(), certificateValidityMs, keyAlgorithm);
    return kubeconfigText({ clusterName, server, ca, user, credentials: certificateData(pair) });
  };
  const isWritten = ensureKubeconfig(path, { server, ca }, makeText, disk);
  // the control plane renews that of its kubelet when it starts
  const standing = isWritten || name === 'kubelet' ? undefined : kubeconfigCertificate(path, disk);
  if (standing !== undefined && Date.parse(standing.validTo) <= clock.now())
    throw failedPrecondition(expiredMessage(`the certificate in ${path}`, standing));
  const file = path.slice(path.lastIndexOf('/') + 1);
  say(isWritten ? `Writing "${file}" kubeconfig file` : `Using existing kubeconfig file: "${path}"`);
}
