import { rmSync } from 'node:fs';
import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { HandlerFeatures } from './handler-features.ts';
import type { OciRuntime } from './ports.ts';

/** A runtime that pods may ask for by name. */
export interface RuntimeHandler {
  readonly name: string;
  readonly runtime: OciRuntime;
  readonly features: HandlerFeatures;
}

/** The OCI runtimes of this shim. */
export interface OciRuntimes {
  /** For pods that ask for none. */
  readonly fallback: RuntimeHandler;
  /** In the order of their names, the default one with them. */
  readonly handlers: readonly RuntimeHandler[];
  /** The handler that RunPodSandbox names; empty for the default. Throws `invalid-argument` for one that is not known, with upstream's words. */
  wanted(name: string): RuntimeHandler;
  /**
   * What a sandbox was made with, by the name that its record holds; the default where it holds none. One that is not there any more does
   * nothing but forget: its containers can be stopped and removed.
   */
  recorded(name: string | undefined): RuntimeHandler;
}

/** Below the shim's state, where a runtime keeps its own and lies as a sealed copy. crun and runc are where they always were. */
export function runtimePlaces(state: string, handler: string): { readonly root: string; readonly bin: string } {
  if (handler === 'crun' || handler === 'runc') return { root: `${state}/${handler}`, bin: `${state}/bin` };
  const own = `${state}/handlers/${handler}`;
  return { root: `${own}/containers`, bin: `${own}/bin` };
}

export function ociRuntimes(options: {
  readonly fallback: RuntimeHandler;
  readonly handlers: readonly RuntimeHandler[];
  /** Configured ones that cannot be used, each with a sentence. */
  readonly unusable: ReadonlyMap<string, string>;
  readonly state: string;
}): OciRuntimes {
  const { fallback, handlers, unusable, state } = options;
  const byName = new Map(handlers.map(handler => [handler.name, handler]));
  return {
    fallback,
    handlers,
    wanted(name) {
      const found = name === '' ? fallback : byName.get(name);
      if (found !== undefined) return found;
      const why = unusable.get(name);
      if (why !== undefined) throw failedPrecondition(`runtime handler "${name}" cannot be used: ${why}`);
      throw invalidArgument(
        `failed to get sandbox runtime: no runtime for "${name}" is configured; known are ${[...byName.keys()].join(', ')}`,
      );
    },
    recorded: name =>
      (name === undefined ? fallback : byName.get(name)) ??
      goneHandler(name ?? '', runtimePlaces(state, name ?? '').root),
  };
}

/** Stands for a runtime that was taken out of the configuration or off the machine while pods of it ran. */
function goneHandler(name: string, root: string): RuntimeHandler {
  const refuse = async (): Promise<never> => {
    throw failedPrecondition(
      `the runtime handler "${name}", with which the pod was made, is not here any more; bring it back and restart gantry run cri, or remove the pod`,
    );
  };
  const runtime: OciRuntime = {
    name,
    path: root,
    globalArgs: [],
    start: refuse,
    update: refuse,
    version: refuse,
    checkpoint: refuse,
    exec: refuse,
    openExec: refuse,
    // who calls this has killed, or kills next, what is in the group
    delete: async id => rmSync(`${root}/${id}`, { recursive: true, force: true }),
    list: async () => new Map(),
  };
  return { name, runtime, features: { recursiveReadOnlyMounts: false, userNamespaces: false } };
}
