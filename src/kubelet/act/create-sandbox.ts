import { mkdirSync } from 'node:fs';
import { qosClass } from '../../api/pod-resources.ts';
import { failedPrecondition } from '../../base/errors.ts';
import { appArmorEnabled } from '../../linux/apparmor.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { PodSandboxConfig } from '../../rpc/cri-api.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { objectsFor } from '../objects/pod-objects.ts';
import { podLogDir } from '../pod-paths.ts';
import { podCgroup } from '../resources/pod-cgroup.ts';
import { forbiddenAppArmor } from '../runtime/apparmor.ts';
import { hostnameProblem } from '../runtime/pod-hostname.ts';
import { dnsOf, sandboxConfig } from '../runtime/sandbox-config.ts';
import { refusePod } from '../runtime/unsupported.ts';
import type { ActTools } from './pod-task.ts';
import { userNamespaceOf } from './pod-user-namespace.ts';

/** The pod's configuration for that attempt; every call about the sandbox carries the same. */
export function configOfSandbox(
  { settings, cgroups }: Pick<ActTools, 'settings' | 'cgroups'>,
  pod: DesiredPod,
  attempt: number,
): PodSandboxConfig {
  return sandboxConfig({
    pod,
    attempt,
    logDirectory: podLogDir(settings, pod),
    cgroupParent: cgroups.pathOf(podCgroup(settings.cgroups.root, qosClass(pod.pod), pod.uid)),
    cgroups: settings.cgroups,
    dns: settings.dns,
    userns: userNamespaceOf(settings, pod),
  });
}

/** The handler that the pod's runtime class stands for; empty for the default. Throws, in upstream's words, where there is no such class. */
export function handlerOf({ objects }: Pick<ActTools, 'objects'>, pod: DesiredPod): string {
  const { runtimeClassName = '' } = pod.pod.spec;
  return runtimeClassName === '' ? '' : objectsFor(pod, objects).runtimeHandler(pod, runtimeClassName);
}

/** Runs the sandbox of a pod. A call that is repeated with the same attempt joins or finds the first, where the runtime is ours. */
export async function createSandbox(
  tools: ActTools,
  pod: DesiredPod,
  attempt: number,
  signal: AbortSignal,
): Promise<void> {
  const refusal =
    refusePod(pod.pod.spec, tools.settings.allowedUnsafeSysctls) ?? forbiddenAppArmor(pod.pod, appArmorEnabled());
  if (refusal !== undefined) throw failedPrecondition(refusal.message, { reason: refusal.reason });
  const { dns } = tools.settings;
  const problem = pod.pod.spec.hostNetwork === true ? undefined : hostnameProblem(pod, dns.clusterDomain);
  if (problem !== undefined) throw failedPrecondition(problem, { reason: 'CreatePodSandboxError' });
  for (const { reason, message } of dnsOf(pod, dns).warnings) tools.events.record(pod, 'Warning', reason, message);
  const away = pod.pod.spec.hostNetwork === true ? undefined : tools.networkProblem();
  if (away !== undefined) throw failedPrecondition(`network is not ready: ${away}`, { reason: 'NetworkNotReady' });
  await requireUserNamespaces(tools, pod, signal);
  mkdirSync(podLogDir(tools.settings, pod), { recursive: true, mode: 0o755 });
  await tools.runtime.runSandbox(configOfSandbox(tools, pod, attempt), handlerOf(tools, pod), signal);
  faultPoint('kubelet/pod/sandbox-made');
}

/** A runtime that does not know user namespaces would pass the request over and run the pod's root as the machine's. */
async function requireUserNamespaces(tools: ActTools, pod: DesiredPod, signal: AbortSignal): Promise<void> {
  if (pod.pod.spec.hostUsers !== false) return;
  const wanted = handlerOf(tools, pod);
  const { handlers } = await tools.runtime.status(signal);
  if (handlers.find(({ name }) => name === wanted)?.userNamespaces === true) return;
  const who = wanted === '' ? 'runtime' : `RuntimeClass handler "${wanted}"`;
  throw failedPrecondition(`can't set \`spec.hostUsers: false\`, ${who} does not support user namespaces`, {
    reason: 'CreatePodSandboxError',
  });
}
