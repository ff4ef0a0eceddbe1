import { caPin } from '../ca-pin.ts';
import { hostInUrl } from '../settings.ts';
import type { InitContext } from './context.ts';

/** kubeadm's closing message: what to do next, with the exact command by which other machines join. */
export function closingMessage({ settings, files }: InitContext): string {
  return `
Your Kubernetes control-plane has initialized successfully!

To use the cluster as a regular user, copy its kubeconfig:

  mkdir -p $HOME/.kube
  sudo cp -i ${files.adminConf} $HOME/.kube/config
  sudo chown $(id -u):$(id -g) $HOME/.kube/config

To use it as root:

  export KUBECONFIG=${files.adminConf}

The pod network is there already. Any number of machines join, each by running this as root:

${joinCommand({ settings, files })}`;
}

/** The exact command, on two lines as kubeadm's. */
function joinCommand({ settings, files }: Pick<InitContext, 'settings' | 'files'>): string {
  return `gantry join ${hostInUrl(settings.advertiseAddress)}:${settings.bindPort} --token ${settings.token} \\
\t--discovery-token-ca-cert-hash ${caPin(files)}`;
}
