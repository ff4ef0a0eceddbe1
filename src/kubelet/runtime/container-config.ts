import type { Container, VolumeMount } from '../../api/types/gen/core-v1.ts';
import {
  ContainerConfig,
  type LinuxContainerResources,
  MountPropagation,
  type UserNamespace,
} from '../../rpc/cri-api.ts';
import { containerHash } from '../decide/container-hash.ts';
import type { PresentImage } from '../decide/pod-memory.ts';
import { type DesiredPod, podInWords } from '../desired/desired-pod.ts';
import { expand } from '../env/expand.ts';
import { ANNOTATION, LABEL } from './labels.ts';
import { containerSecurityContext, type SecurityPolicy } from './security-context.ts';

/** A file or directory of the node, or an image, at its place in the container. */
export interface ResolvedMount {
  readonly containerPath: string;
  /** Empty for an image. */
  readonly hostPath: string;
  readonly image?: { readonly ref: string; readonly userSpecified: string; readonly subPath: string };
  readonly readOnly: boolean;
  readonly recursiveReadOnly: boolean;
  readonly propagation: VolumeMount['mountPropagation'];
}

export interface ContainerConfigInput {
  readonly pod: DesiredPod;
  readonly container: Container;
  readonly restartCount: number;
  readonly image: PresentImage;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly ResolvedMount[];
  readonly resources: LinuxContainerResources;
  readonly security: SecurityPolicy;
  /** The pod's own user namespace, whose ids its mounts show; undefined for the machine's. */
  readonly userns: UserNamespace | undefined;
  /** Id of the container whose process namespace is joined, where the pod's containers do not share one anyway. */
  readonly pidTarget?: string | undefined;
}

const DEFAULT_GRACE_SECONDS = 30;

/** A container as the runtime is told of it, with everything in its annotations that a restarted kubelet needs to know again. */
export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, restartCount, env } = input;
  const lookup = (name: string): string | undefined => env.get(name);
  const expandAll = (texts: readonly string[] | undefined): string[] => (texts ?? []).map(t => expand(t, lookup));
  return ContainerConfig.fromPartial({
    metadata: { name: container.name, attempt: restartCount },
    image: { image: input.image.ref, userSpecifiedImage: container.image ?? '' },
    command: expandAll(container.command),
    args: expandAll(container.args),
    workingDir: container.workingDir ?? '',
    envs: [...env].map(([key, value]) => ({ key, value: Buffer.from(value, 'utf8') })),
    mounts: input.mounts.map(m => ({
      containerPath: m.containerPath,
      hostPath: m.hostPath,
      readonly: m.readOnly,
      recursiveReadOnly: m.recursiveReadOnly,
      propagation: propagation(m.propagation),
      uidMappings: input.userns?.uids ?? [],
      gidMappings: input.userns?.gids ?? [],
      ...(m.image === undefined
        ? {}
        : {
            image: {
              image: m.image.ref,
              userSpecifiedImage: m.image.userSpecified,
              annotations: pod.pod.metadata.annotations ?? {},
            },
            imageSubPath: m.image.subPath,
          }),
    })),
    labels: {
      [LABEL.podName]: pod.name,
      [LABEL.podNamespace]: pod.namespace,
      [LABEL.podUid]: pod.uid,
      [LABEL.containerName]: container.name,
    },
    annotations: {
      [ANNOTATION.hash]: containerHash(container),
      [ANNOTATION.restartCount]: String(restartCount),
      [ANNOTATION.terminationMessagePath]: container.terminationMessagePath ?? '',
      [ANNOTATION.terminationMessagePolicy]: container.terminationMessagePolicy ?? 'File',
      [ANNOTATION.podGracePeriod]: String(pod.pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS),
      [ANNOTATION.resources]: JSON.stringify(container.resources),
      ...((container.ports ?? []).length === 0 ? {} : { [ANNOTATION.ports]: JSON.stringify(container.ports) }),
    },
    logPath: containerLogPath(container.name, restartCount),
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    linux: {
      resources: input.resources,
      securityContext: containerSecurityContext(
        pod.pod.spec,
        container,
        input.image,
        input.security,
        `pod: "${podInWords(pod)}", container: ${container.name}`,
        input.userns,
        input.pidTarget,
      ),
    },
  });
}

function propagation(mode: VolumeMount['mountPropagation']): MountPropagation {
  if (mode === 'HostToContainer') return MountPropagation.PROPAGATION_HOST_TO_CONTAINER;
  if (mode === 'Bidirectional') return MountPropagation.PROPAGATION_BIDIRECTIONAL;
  return MountPropagation.PROPAGATION_PRIVATE;
}

/** A container's log below its pod's log directory. */
export function containerLogPath(container: string, restartCount: number): string {
  return `${container}/${restartCount}.log`;
}
