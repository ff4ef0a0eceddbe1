import { clusterConfigurationText } from '../cluster-configuration.ts';
import { nodeConfiguration, nodeUnits } from '../daemons/node.ts';
import { kubeconfigText } from '../kubeconfig-file.ts';
import { kubeletConfigurationText, nodeKubeletConfiguration } from '../kubelet-configuration.ts';
import { machineResolverFile } from '../machine-resolver.ts';
import type { Say } from '../phases.ts';
import { proxyConfigurationText } from '../proxy-configuration.ts';
import { argumentWords, clusterUrl } from '../settings.ts';
import { type InitContext, servicesOf } from './context.ts';

/** Writes what the kubelet reads, and starts the runtime and the node's daemon. Safe to repeat. */
export async function startKubelet(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files, disk, gantry, insideHost } = context;
  const { nodeName, advertiseAddress, nodeLabels, nodeArgs, cluster } = settings;
  const services = servicesOf(context);
  say(`Writing kubelet configuration to file "${files.kubeletConfig}"`);
  const kubelet = nodeKubeletConfiguration(kubeletConfigurationText(cluster, files, insideHost), machineResolverFile());
  const proxy = proxyConfigurationText(cluster);
  disk.write(files.kubeletConfig, kubelet, 0o644);
  disk.write(files.clusterConfiguration, clusterConfigurationText(cluster, files), 0o644);
  if (!cluster.proxyDisabled) disk.write(files.proxyConfig, proxy, 0o644);
  disk.makeDirectory(files.manifestsDir, 0o700);
  say('Starting the runtime and the kubelet');
  const addresses = [advertiseAddress];
  const node = { nodeName, addresses, labels: nodeLabels, taints: [], args: argumentWords(nodeArgs) };
  for (const unit of nodeUnits(node, cluster, files, gantry, nodeConfiguration(kubelet, proxy)))
    await services.start(unit, signal);
}

/** The kubelet has its own certificate once it asked for one; until then its kubeconfig holds the first. */
export function enableClientCertRotation({ settings, files, disk }: InitContext, say: Say): void {
  if (!disk.exists(files.kubeletClientPem)) {
    say(`The kubelet has not renewed its client certificate yet: "${files.kubeletConf}" holds its first`);
    return;
  }
  say(`Updating "${files.kubeletConf}" to point to a rotatable kubelet client certificate and key`);
  const text = kubeconfigText({
    clusterName: settings.cluster.clusterName,
    server: clusterUrl(settings),
    ca: disk.read(`${files.pkiDir}/ca.crt`),
    user: 'default-auth',
    credentials: { 'client-certificate': files.kubeletClientPem, 'client-key': files.kubeletClientPem },
  });
  disk.write(files.kubeletConf, text, 0o600);
}
