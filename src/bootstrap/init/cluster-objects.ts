import { readKubeconfig } from '../../client/kubeconfig.ts';
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
  proxyConfigObjects,
  proxyRules,
  tokenObject,
  type WantedObject,
} from '../objects/plan.ts';
import type { Say } from '../phases.ts';
import { proxyConfigurationText } from '../proxy-configuration.ts';
import { apiServerUrl, clusterUrl, dnsAddress } from '../settings.ts';
import { silentEndpoint, silentEndpointRemedy, silentEndpointText } from '../silent-endpoint.ts';
import { ensureObjects, type InitContext, servicesOf, withConnection } from './context.ts';

/** An admin may have changed what is there: without a look at that it is made where it is missing, and not written over. */
function uploaded({ keepsUploaded }: InitContext, objects: readonly WantedObject[]): readonly WantedObject[] {
  return keepsUploaded ? objects.map(wanted => ({ ...wanted, fields: [] })) : objects;
}

/** The phases that write objects, each as admin.conf may, each safe to repeat. */

/** The ClusterConfiguration, for those who join and for people. */
export async function uploadKubeadmConfig(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  say('Storing the configuration used in ConfigMap "kubeadm-config" in the "kube-system" Namespace');
  const text = clusterConfigurationText(context.settings.cluster, context.files);
  await ensureObjects(context, uploaded(context, kubeadmConfigObjects(text)), signal);
}

/** The KubeletConfiguration, which every node that joins takes. */
export async function uploadKubeletConfig(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  say(
    'Creating a ConfigMap "kubelet-config" in namespace kube-system with the configuration for the kubelets in the cluster',
  );
  const text = kubeletConfigurationText(context.settings.cluster, context.files, context.insideHost);
  await ensureObjects(context, uploaded(context, kubeletConfigObjects(text)), signal);
}

/** Labels and taints of the node. */
export async function markNode(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { nodeName, taints, patience } = context.settings;
  const { taintsSaid, taintsDropped } = context;
  if (context.dryRun) {
    const which = taintsSaid ? `with the taints ${JSON.stringify(taints)}` : 'with the taints that it has';
    const without = taintsDropped.length === 0 ? '' : ` and without ${JSON.stringify(taintsDropped)}`;
    say(`Would mark the node ${nodeName} as control-plane, ${which}${without}`);
    return;
  }
  const services = servicesOf(context);
  const wishes = { wanted: taints, dropped: taintsDropped, said: taintsSaid };
  await withConnection(context, context.files.adminConf, connection =>
    markControlPlane(
      {
        connection,
        nodeName,
        taints: wishes,
        services,
        otherCause: () => endpointCause(context),
        timeoutMs: patience.kubeletMs,
        signal,
      },
      say,
    ),
  );
}

/** Why the kubelet asks in vain, where the API server of this machine answers and the cluster's endpoint does not; empty otherwise. */
async function endpointCause({ settings, files }: InitContext): Promise<string> {
  if (settings.cluster.controlPlaneEndpoint === '') return '';
  const asked = { ...readKubeconfig(files.adminConf), server: clusterUrl(settings) };
  const silent = await silentEndpoint(asked, apiServerUrl(settings));
  return silent === undefined ? '' : `${silentEndpointText(silent)}: ${silentEndpointRemedy(silent)}`;
}

/** The tokens, what they may do, and cluster-info. */
export async function bootstrapTokens(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files, disk, skipTokenPrint } = context;
  if (!skipTokenPrint && !context.dryRun) for (const { token } of settings.tokens) say(`Using token: ${token}`);
  say('Configuring bootstrap tokens, cluster-info ConfigMap, RBAC Roles');
  await ensureObjects(context, settings.tokens.map(tokenObject), signal);
  for (const { say: line, objects } of bootstrapRules()) {
    await ensureObjects(context, objects, signal);
    say(line);
  }
  say(`Creating the "${CLUSTER_INFO.name}" ConfigMap in the "${CLUSTER_INFO.namespace}" namespace`);
  const ca = disk.read(`${files.pkiDir}/ca.crt`);
  await ensureObjects(context, clusterInfoObjects(clusterInfoKubeconfig(clusterUrl(settings), ca)), signal);
}

/** How the proxies of nodes work, and what they may read. */
export async function proxyAddon(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  if (context.settings.cluster.proxyDisabled)
    return say('The proxy is disabled: nodes do not serve Services, so somebody else has to');
  const text = proxyConfigurationText(context.settings.cluster);
  await ensureObjects(context, [...proxyRules(), ...uploaded(context, proxyConfigObjects(text))], signal);
  say('Applied the rules by which the proxies of nodes read Services, and the ConfigMap "kube-proxy"');
  const { disk, files } = context;
  if (disk.exists(files.kubeletConfig) && !disk.exists(files.proxyConfig))
    say('This node was started without a proxy: "gantry init phase kubelet-start" starts it with one');
}

/** What the DNS servers of nodes may read, and the Service in front of them. */
export async function dnsAddon(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { cluster } = context.settings;
  if (cluster.dnsDisabled)
    return say(
      `The DNS is disabled: nodes do not serve names, so pods behind a Service at ${dnsAddress(cluster)} have to`,
    );
  await ensureObjects(context, [...dnsRules(), dnsService(cluster)], signal);
  say('Applied the Service "kube-dns"');
}
