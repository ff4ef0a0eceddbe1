import type { CriNamespaceOption } from './inputs.ts';
import { NAMESPACE_MODE } from './inputs.ts';

/** Runtimes that join namespaces by their paths; one that starts a virtual machine needs the sandbox's container to start it with. */
const JOIN_BY_PATH: ReadonlySet<string> = new Set(['crun', 'runc']);

/**
 * Whether a sandbox needs a pause process: only that can be the first of a pid namespace that the pod's containers share, and a user namespace owns the others.
 * All else is held by bound namespaces where the configuration says so (`dropInfra`). What a request leaves out is a shared pid namespace, as in the API. Pure.
 */
export function needsInfra(options: CriNamespaceOption | undefined, dropInfra: boolean, runtime: string): boolean {
  if (!dropInfra || !JOIN_BY_PATH.has(runtime)) return true;
  return (
    (options?.pid ?? NAMESPACE_MODE.POD) === NAMESPACE_MODE.POD || options?.usernsOptions?.mode === NAMESPACE_MODE.POD
  );
}
