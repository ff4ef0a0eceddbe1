import { readFileSync } from 'node:fs';
import { clusterConfigurationText } from '../cluster-configuration.ts';
import { clusterInfoKubeconfig } from '../kubeconfig-file.ts';
import { kubeletConfigurationText } from '../kubelet-configuration.ts';
import { markControlPlane } from '../mark-control-plane.ts';
import {
  bootstrapRules,
  CLUSTER_INFO,
  clusterInfoObjects,
  dnsRules,
  dnsService,
  kubeadmConfigObjects,
  kubeletConfigObjects,
  proxyRules,
  tokenSecret,
} from '../objects/plan.ts';
import type { Say } from '../phases.ts';
import { apiServerUrl } from '../settings.ts';
import { parseToken } from '../token.ts';
import { ensureObjects, type InitContext, servicesOf, withConnection } from './context.ts';

/** The phases that write objects, each as admin.conf may, each safe to repeat. */

/** The ClusterConfiguration, for those who join and for people. */
export async function uploadKubeadmConfig({ settings, files }: InitContext, say: Say, signal: AbortSignal) {
  say('Storing the configuration used in ConfigMap "kubeadm-config" in the "kube-system" Namespace');
  const text = clusterConfigurationText(settings.cluster, files.pkiDir, files.etcdDataDir);
  await ensureObjects(files.adminConf, kubeadmConfigObjects(text), signal);
}

/** The KubeletConfiguration, which every node that joins takes. */
export async function uploadKubeletConfig({ settings, files }: InitContext, say: Say, signal: AbortSignal) {
  say(
    'Creating a ConfigMap "kubelet-config" in namespace kube-system with the configuration for the kubelets in the cluster',
  );
  const text = kubeletConfigurationText(settings.cluster, files);
  await ensureObjects(files.adminConf, kubeletConfigObjects(text), signal);
}

/** Labels and taint of the node. */
export async function markNode(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { nodeName, taintControlPlane: taint } = context.settings;
  const services = servicesOf(context);
  await withConnection(context.files.adminConf, connection =>
    markControlPlane({ connection, nodeName, taint, services, signal }, say),
  );
}

/** The token, what it may do, and cluster-info. */
export async function bootstrapToken({ settings, files, clock }: InitContext, say: Say, signal: AbortSignal) {
  const token = parseToken(settings.token);
  const expires =
    settings.tokenTtlMs === 0
      ? undefined
      : new Date(clock.now() + settings.tokenTtlMs).toISOString().replace(/\.\d+Z$/, 'Z');
  say(`Using token: ${settings.token}`);
  say('Configuring bootstrap tokens, cluster-info ConfigMap, RBAC Roles');
  await ensureObjects(files.adminConf, [tokenSecret(token, expires)], signal);
  for (const { say: line, objects } of bootstrapRules()) {
    await ensureObjects(files.adminConf, objects, signal);
    say(line);
  }
  say(`Creating the "${CLUSTER_INFO.name}" ConfigMap in the "${CLUSTER_INFO.namespace}" namespace`);
  const ca = readFileSync(`${files.pkiDir}/ca.crt`, 'utf8');
  await ensureObjects(files.adminConf, clusterInfoObjects(clusterInfoKubeconfig(apiServerUrl(settings), ca)), signal);
}

/** What the proxies of nodes may read. */
export async function proxyAddon({ files }: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  await ensureObjects(files.adminConf, proxyRules(), signal);
  say('Applied the rules by which the proxies of nodes read Services');
}

/** What the DNS servers of nodes may read, and the Service in front of them. */
export async function dnsAddon({ settings, files }: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  await ensureObjects(files.adminConf, [...dnsRules(), dnsService(settings.cluster)], signal);
  say('Applied the Service "kube-dns"');
}
