import type { Phase } from '../phases.ts';
import { sayCertificateFolder, writeCertificate } from './certs.ts';
import {
  bootstrapTokens,
  dnsAddon,
  markNode,
  proxyAddon,
  uploadKubeadmConfig,
  uploadKubeletConfig,
} from './cluster-objects.ts';
import type { InitContext } from './context.ts';
import { startControlPlane, waitForControlPlane } from './control-plane.ts';
import { startEtcd } from './etcd.ts';
import { sayKubeconfigFolder, writeKubeconfig } from './kubeconfig.ts';
import { enableClientCertRotation, startKubelet } from './kubelet.ts';
import { INIT_PHASE_NAMES } from './phase-names.ts';
import { preflight } from './preflight.ts';
import { showJoinCommand } from './show-join-command.ts';

/** The phases of `init`, by kubeadm's names. */
export type InitPhaseName = (typeof INIT_PHASE_NAMES)[number]['name'];

type Run = NonNullable<Phase<string, InitContext>['run']>;

/** The path of each phase and part that does something itself. */
type Path<P = (typeof INIT_PHASE_NAMES)[number]> = P extends { name: infer N extends string }
  ? N | (P extends { phases: readonly { name: infer Part extends string }[] } ? `${N}/${Part}` : never)
  : never;

const certificate =
  (name: string): Run =>
  (context, say) =>
    writeCertificate(name, context, say);
const kubeconfig =
  (name: Parameters<typeof writeKubeconfig>[0]): Run =>
  (context, say) =>
    writeKubeconfig(name, context, say);

/** What each does. One without an entry of its own is its parts. */
const RUNS: Readonly<Record<Exclude<Path, 'etcd' | 'addon' | 'upload-config' | 'kubelet-finalize'>, Run>> = {
  preflight,
  certs: sayCertificateFolder,
  'certs/ca': certificate('ca'),
  'certs/apiserver': certificate('apiserver'),
  'certs/apiserver-kubelet-client': certificate('apiserver-kubelet-client'),
  'certs/front-proxy-ca': certificate('front-proxy-ca'),
  'certs/front-proxy-client': certificate('front-proxy-client'),
  'certs/etcd-ca': certificate('etcd-ca'),
  'certs/etcd-server': certificate('etcd-server'),
  'certs/etcd-peer': certificate('etcd-peer'),
  'certs/etcd-healthcheck-client': certificate('etcd-healthcheck-client'),
  'certs/apiserver-etcd-client': certificate('apiserver-etcd-client'),
  'certs/sa': certificate('sa'),
  kubeconfig: sayKubeconfigFolder,
  'kubeconfig/admin': kubeconfig('admin'),
  'kubeconfig/super-admin': kubeconfig('super-admin'),
  'kubeconfig/kubelet': kubeconfig('kubelet'),
  'kubeconfig/controller-manager': kubeconfig('controller-manager'),
  'kubeconfig/scheduler': kubeconfig('scheduler'),
  'etcd/local': startEtcd,
  'control-plane': startControlPlane,
  'kubelet-start': startKubelet,
  'wait-control-plane': waitForControlPlane,
  'addon/coredns': dnsAddon,
  'addon/kube-proxy': proxyAddon,
  'upload-config/kubeadm': uploadKubeadmConfig,
  'upload-config/kubelet': uploadKubeletConfig,
  'mark-control-plane': markNode,
  'bootstrap-token': bootstrapTokens,
  'kubelet-finalize/enable-client-cert-rotation': enableClientCertRotation,
  'show-join-command': showJoinCommand,
};

/** The phases of `init` in their order. Each may be run again: it says what is there and changes only what differs. */
export const INIT_PHASES: readonly Phase<InitPhaseName, InitContext>[] = INIT_PHASE_NAMES.map(phase => ({
  ...withRun(phase, phase.name),
  ...('phases' in phase ? { phases: phase.phases.map(part => withRun(part, `${phase.name}/${part.name}`)) } : {}),
}));

function withRun<Name extends string>(
  { name, description }: { readonly name: Name; readonly description: string },
  path: string,
): Phase<Name, InitContext> {
  const run = (RUNS as Readonly<Record<string, Run>>)[path];
  return { name, description, ...(run === undefined ? {} : { run }) };
}
