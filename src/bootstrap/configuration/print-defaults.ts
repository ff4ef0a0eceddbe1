import { invalidArgument } from '../../base/errors.ts';
import { filesBelow } from '../files.ts';
import { kubeletConfigurationText } from '../kubelet-configuration.ts';
import { proxyConfigurationText } from '../proxy-configuration.ts';
import type { ClusterSettings } from '../settings.ts';
import { KUBEADM_API_VERSION } from './kinds.ts';
import { parseConfiguration } from './read-documents.ts';
import { documentsText } from './write-documents.ts';

/** A token that is none: everybody knows it. */
const PLACEHOLDER_TOKEN = 'abcdef.0123456789abcdef';

/** What each command is told where nothing else is said, with placeholders for what has to be; kubeadm's. */
const DOCUMENTS = {
  'init-defaults': (version: string): readonly object[] => [
    {
      kind: 'InitConfiguration',
      bootstrapTokens: [{ token: PLACEHOLDER_TOKEN }],
      localAPIEndpoint: { advertiseAddress: '1.2.3.4' },
      nodeRegistration: { name: 'node' },
    },
    { kind: 'ClusterConfiguration', kubernetesVersion: version },
  ],
  'join-defaults': (): readonly object[] => [
    {
      kind: 'JoinConfiguration',
      discovery: {
        bootstrapToken: {
          apiServerEndpoint: 'kube-apiserver:6443',
          token: PLACEHOLDER_TOKEN,
          unsafeSkipCAVerification: true,
        },
      },
      nodeRegistration: { name: 'node' },
    },
  ],
  'reset-defaults': (): readonly object[] => [{ kind: 'ResetConfiguration' }],
} as const;

export type DefaultsName = keyof typeof DOCUMENTS;

/** YAML of the defaults of a command, with those of the kubelet and the proxy where they are asked for. Throws `invalid-argument` for a kind that is neither. Pure. */
export function defaultsText(name: DefaultsName, version: string, componentConfigs: readonly string[]): string {
  const documents = DOCUMENTS[name](version).map(document =>
    JSON.stringify({ apiVersion: KUBEADM_API_VERSION, ...document }),
  );
  const text = documentsText(
    parseConfiguration(documents.join('\n---\n'), name, 'fields').documents.map(each => each.object),
  );
  return [text, ...componentConfigs.map(componentText)].join('---\n');
}

/** The parts of a cluster of defaults that kubelet and proxy are told. */
const CLUSTER = {
  serviceSubnet: '10.96.0.0/12',
  podSubnet: '10.244.0.0/16',
  dnsDomain: 'cluster.local',
  dnsDisabled: false,
  kubelet: {},
  proxy: {},
} as const satisfies Partial<ClusterSettings>;

function componentText(kind: string): string {
  switch (kind) {
    case 'KubeletConfiguration':
      return kubeletConfigurationText(CLUSTER, filesBelow('/'), false);
    case 'KubeProxyConfiguration':
      return proxyConfigurationText(CLUSTER);
    default:
      throw invalidArgument(
        `--component-configs: there is no "${kind}"; there are KubeletConfiguration and KubeProxyConfiguration`,
      );
  }
}
