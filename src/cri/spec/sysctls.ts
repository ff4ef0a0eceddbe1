import { invalidArgument } from '../../base/errors.ts';

/** Kernel parameters that belong to the ipc namespace. */
const IPC_SYSCTL = /^(kernel\.(shm|msg)[a-z_]*|kernel\.sem|fs\.mqueue\..+)$/;

/**
 * Kernel parameters of a pod. Only those of a namespace that the pod has for itself may be set, since any other would change the machine: `net.*` with its own
 * network namespace, and so the domain name of the uts namespace, which goes with it; shm, msg, sem and mqueue ones with its own ipc namespace. Throws `invalid-argument` naming the parameter. Names may be written with
 * slashes, as sysctl(8) allows; they come back with dots.
 */
export function decideSysctls(
  wanted: Readonly<Record<string, string>>,
  own: { readonly network: boolean; readonly ipc: boolean },
): Readonly<Record<string, string>> {
  const decided: Record<string, string> = {};
  for (const [written, value] of Object.entries(wanted)) {
    const name = dotted(written);
    if (name.startsWith('net.')) {
      if (!own.network) throw invalidArgument(`sysctl ${name} cannot be set in a pod on the host network`);
    } else if (IPC_SYSCTL.test(name)) {
      if (!own.ipc) throw invalidArgument(`sysctl ${name} cannot be set in a pod that shares the host's IPC namespace`);
    } else if (name === 'kernel.domainname') {
      // the uts namespace goes with the network
      if (!own.network) throw invalidArgument(`sysctl ${name} cannot be set in a pod on the host network`);
    } else {
      throw invalidArgument(`sysctl ${name} belongs to no namespace of the pod and would change the whole machine`);
    }
    decided[name] = value;
  }
  return decided;
}

/** With a slash as first separator, slashes separate and dots are literal (an interface named eth0.1): the two are swapped. */
function dotted(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  if (first !== '/') return name;
  return name.replace(/[./]/g, c => (c === '/' ? '.' : '/'));
}
