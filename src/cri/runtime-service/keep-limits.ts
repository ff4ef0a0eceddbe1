import { isSlice, scopeName } from '../spec/cgroup-path.ts';
import type { OciResources } from '../spec/oci-spec.ts';
import { scopeProperties } from '../spec/scope-properties.ts';
import { cgroupParentOf, type SandboxRecord } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';

/** Tells systemd the limits that a container has, where the container is one of its scopes on cgroup v2, so that it writes no others. Idempotent. Throws what systemd says. */
export async function keepLimits(
  { systemd, node }: Pick<RuntimeServiceContext, 'systemd' | 'node'>,
  id: string,
  sandbox: SandboxRecord,
  limits: OciResources,
  signal?: AbortSignal,
): Promise<void> {
  if (systemd === undefined || node.facts.cgroupVersion !== 2 || !isSlice(cgroupParentOf(sandbox))) return;
  await systemd.setProperties(scopeName(id), scopeProperties(limits), signal);
}
