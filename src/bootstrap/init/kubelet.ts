import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { nodeUnits } from '../daemons/node.ts';
import { kubeconfigText } from '../kubeconfig-file.ts';
import { kubeletConfigurationText } from '../kubelet-configuration.ts';
import type { Say } from '../phases.ts';
import { apiServerUrl } from '../settings.ts';
import { type InitContext, servicesOf } from './context.ts';

/** Writes what the kubelet reads, and starts the runtime and the node's daemon. Safe to repeat. */
export async function startKubelet(context: InitContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files, gantry } = context;
  const { nodeName, advertiseAddress, nodeLabels } = settings;
  const services = servicesOf(context);
  say(`Writing kubelet configuration to file "${files.kubeletConfig}"`);
  const text = kubeletConfigurationText(settings.cluster, files);
  writeFileAtomic(files.kubeletConfig, text, { mode: 0o644, durable: true });
  mkdirSync(files.manifestsDir, { recursive: true, mode: 0o700 });
  say('Starting the runtime and the kubelet');
  const node = { nodeName, address: advertiseAddress, labels: nodeLabels, taints: [] };
  for (const unit of nodeUnits(node, settings.cluster, files, gantry)) await services.start(unit, signal);
}

/** The kubelet has its own certificate once it asked for one; until then its kubeconfig holds the first. */
export function enableClientCertRotation({ settings, files }: InitContext, say: Say): void {
  if (!existsSync(files.kubeletClientPem)) {
    say(`The kubelet has not renewed its client certificate yet: "${files.kubeletConf}" holds its first`);
    return;
  }
  say(`Updating "${files.kubeletConf}" to point to a rotatable kubelet client certificate and key`);
  const text = kubeconfigText({
    clusterName: settings.cluster.clusterName,
    server: apiServerUrl(settings),
    ca: readFileSync(`${files.pkiDir}/ca.crt`, 'utf8'),
    user: 'default-auth',
    credentials: { 'client-certificate': files.kubeletClientPem, 'client-key': files.kubeletClientPem },
  });
  writeFileAtomic(files.kubeletConf, text, { durable: true });
}
