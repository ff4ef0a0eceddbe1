import { caPin } from '../ca-pin.ts';
import { clusterEndpoint } from '../settings.ts';
import type { InitContext } from './context.ts';

/** Prints what to do next; a dry run has nothing to go on with. */
export function showJoinCommand(context: InitContext): void {
  context.print(
    context.dryRun
      ? '[dryrun] Finished dry-running successfully. Above are the resources that would be created'
      : closingMessage(context),
  );
}

/** kubeadm's closing message, with the exact command by which other machines join. */
function closingMessage({ settings, files, disk, skipTokenPrint }: InitContext): string {
  return `
Your Kubernetes control-plane has initialized successfully!

To use the cluster as a regular user, copy its kubeconfig:

  mkdir -p $HOME/.kube
  sudo cp -i ${files.adminConf} $HOME/.kube/config
  sudo chown $(id -u):$(id -g) $HOME/.kube/config

To use it as root:

  export KUBECONFIG=${files.adminConf}

The pod network is there already. Any number of machines join, each by running this as root:

${joinCommand({ settings, files, disk }, skipTokenPrint)}`;
}

/** The exact command, on two lines as kubeadm's. */
function joinCommand(
  { settings, files, disk }: Pick<InitContext, 'settings' | 'files' | 'disk'>,
  skipTokenPrint: boolean,
): string {
  const token = skipTokenPrint ? '<value withheld>' : (settings.tokens[0]?.token ?? '<value withheld>');
  return `gantry join ${clusterEndpoint(settings)} --token ${token} \\
\t--discovery-token-ca-cert-hash ${caPin(files, disk)}`;
}
