import type { Container, EphemeralContainer, PodSpec } from '../types/gen/core-v1.ts';
import type { ObjectMeta } from '../types/gen/meta-v1.ts';

/** What the rules of a pod's spec depend on beside the spec. */
export interface PodOptions {
  /** The metadata of the pod itself; undefined where the spec is a template's. */
  readonly pod: ObjectMeta | undefined;
  /** What the stored object has already, and may keep though new objects may not have it. */
  readonly kept: Kept;
}

/** Faults that were valid once. Each is false for a new object. */
export interface Kept {
  readonly indivisibleHugePages: boolean;
  readonly affinitySelectorValues: boolean;
  readonly requiredAffinityValues: boolean;
  readonly spreadSelectors: boolean;
  /** `matchLabelKeys` of a spread constraint that its selector names too. */
  readonly spreadLabelKeys: boolean;
  readonly tokenPaths: boolean;
  readonly hostSysctls: boolean;
  readonly deletionCost: boolean;
  readonly initRestartOnResize: boolean;
  readonly userNamespaceDevices: boolean;
  readonly userNamespaceHostNetwork: boolean;
  /** The pod has a policy for SELinux already, so any other may follow. */
  readonly seLinuxPolicies: boolean;
}

const NOTHING: Kept = {
  indivisibleHugePages: false,
  affinitySelectorValues: false,
  requiredAffinityValues: false,
  spreadSelectors: false,
  spreadLabelKeys: false,
  tokenPaths: false,
  hostSysctls: false,
  deletionCost: false,
  initRestartOnResize: false,
  userNamespaceDevices: false,
  userNamespaceHostNetwork: false,
  seLinuxPolicies: false,
};

/** For a new template. */
export const NEW_TEMPLATE: PodOptions = { pod: undefined, kept: NOTHING };

/** For a new pod. */
export function newPod(metadata: ObjectMeta): PodOptions {
  return { pod: metadata, kept: NOTHING };
}

export type AnyContainer = Container | EphemeralContainer;

/** Every container with its path: init containers, containers, ephemeral ones, as upstream goes through them. */
export function containersOf(spec: PodSpec, path: string): (readonly [AnyContainer, string])[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap(list =>
    (spec[list] ?? []).map((container: AnyContainer, index) => [container, `${path}.${list}[${index}]`] as const),
  );
}
