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

/** kubeadm's closing message, with the exact command by which other machines join; but that no pod network is to be deployed, which is there already. */
function closingMessage({ settings, files, disk, skipTokenPrint }: InitContext): string {
  return `
Your Kubernetes control-plane has initialized successfully!

To start using your cluster, you need to run the following as a regular user:

  mkdir -p $HOME/.kube
  sudo cp -i ${files.adminConf} $HOME/.kube/config
  sudo chown $(id -u):$(id -g) $HOME/.kube/config

Alternatively, if you are the root user, you can run:

  export KUBECONFIG=${files.adminConf}

Then you can join any number of worker nodes by running the following on each as root:

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
