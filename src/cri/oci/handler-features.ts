import type { InstalledRuntime } from './choose-runtime.ts';

/** What pods may ask of a handler, and kubelets look up before they do. */
export interface HandlerFeatures {
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

/** What the kernel and this program can, whatever the runtime. */
export interface FeatureFacts {
  /** mount_setattr(2) is there. */
  readonly recursiveReadOnly: boolean;
  /** User namespaces with id-mapped mounts. */
  readonly userNamespaces: boolean;
}

/** crun has the command `features` from 1.8.6 on; from these versions on it is known to do each of them (seen with 1.8.1). */
const CRUN_SINCE = { recursiveReadOnlyMounts: [1, 8], userNamespaces: [1, 8] } as const;

/**
 * The features of a handler: what kernel and runtime can both do. A runtime says it by `features` (the names of its mount options, the namespaces it knows); one
 * that does not is believed by its version where that is known, and else has none. Pure.
 */
export function handlerFeatures(
  runtime: Pick<InstalledRuntime, 'version' | 'features'>,
  facts: FeatureFacts,
): HandlerFeatures {
  const able = runtime.features === undefined ? knownOf(runtime.version) : toldBy(runtime.features);
  return {
    recursiveReadOnlyMounts: facts.recursiveReadOnly && able.recursiveReadOnlyMounts,
    userNamespaces: facts.userNamespaces && able.userNamespaces,
  };
}

/** `crun`, `runc`, …: what the first line of `--version` begins with. Empty where there is none. Pure. */
export function programName(version: string): string {
  return /^[\w-]+/.exec(version)?.[0] ?? '';
}

/** The parts of `features` (runtime-spec, features.md) that matter here. */
interface ToldFeatures {
  readonly mountOptions?: readonly string[];
  readonly linux?: { readonly namespaces?: readonly string[] };
}

function toldBy(features: unknown): HandlerFeatures {
  if (typeof features !== 'object' || features === null) return NONE;
  const { mountOptions, linux } = features as ToldFeatures;
  return {
    recursiveReadOnlyMounts: Array.isArray(mountOptions) && mountOptions.includes('rro'),
    // mounts are shown with the ids of a pod by us: a runtime only has to join the namespace
    userNamespaces: Array.isArray(linux?.namespaces) && linux.namespaces.includes('user'),
  };
}

function knownOf(version: string): HandlerFeatures {
  const [, major = '', minor = ''] = /^crun version (\d+)\.(\d+)/.exec(version) ?? [];
  if (major === '') return NONE;
  const isAtLeast = ([wantedMajor, wantedMinor]: readonly [number, number]): boolean =>
    Number(major) > wantedMajor || (Number(major) === wantedMajor && Number(minor) >= wantedMinor);
  return {
    recursiveReadOnlyMounts: isAtLeast(CRUN_SINCE.recursiveReadOnlyMounts),
    userNamespaces: isAtLeast(CRUN_SINCE.userNamespaces),
  };
}

const NONE: HandlerFeatures = { recursiveReadOnlyMounts: false, userNamespaces: false };
