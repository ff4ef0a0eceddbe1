import { failedPrecondition } from '../../base/errors.ts';
import { DEFAULT_APPARMOR_PROFILE } from '../spec/apparmor-default.ts';
import type { OciSpec } from '../spec/oci-spec.ts';
import type { RuntimeServiceContext } from './context.ts';

/**
 * Makes sure that the kernel has the AppArmor profile that a specification names: our own is loaded when it is first needed, any other must be there. Throws `failed-precondition`
 * in upstream's words where it is not; the runtime would only say that it could not write a file of /proc.
 */
export async function requireAppArmorProfile(ctx: RuntimeServiceContext, { process }: OciSpec): Promise<void> {
  const { apparmorProfile: profile } = process;
  if (profile === undefined || ctx.node.appArmorProfiles().has(profile)) return;
  if (profile !== DEFAULT_APPARMOR_PROFILE) throw failedPrecondition(`apparmor profile not found ${profile}`);
  await ctx.joins.run('load-apparmor-profile', () => ctx.node.loadDefaultAppArmorProfile());
}
