import type { StatusRequest, StatusResponse } from '../../rpc/cri-api.ts';
import type { RuntimeHandler } from '../oci/runtimes.ts';
import type { RuntimeServiceContext } from './context.ts';

/** Whether pods can be run now, and (verbose) with what: asked by the kubelet every few seconds, so all of it is at hand. */
export function status(ctx: RuntimeServiceContext, request: StatusRequest): StatusResponse {
  const network = ctx.network.readiness();
  const conmonMissing = ctx.node.realPath(ctx.config.conmon) === undefined;
  return {
    status: {
      conditions: [
        conmonMissing
          ? {
              type: 'RuntimeReady',
              status: false,
              reason: 'ContainerMonitorMissing',
              message: `${ctx.config.conmon} is not there; install the Debian package conmon`,
            }
          : { type: 'RuntimeReady', status: true, reason: '', message: '' },
        network.ready
          ? { type: 'NetworkReady', status: true, reason: '', message: '' }
          : { type: 'NetworkReady', status: false, reason: network.reason, message: network.message },
      ],
    },
    // Kubelets look the default handler up under the empty name.
    runtimeHandlers: [{ ...ctx.runtimes.fallback, name: '' }, ...ctx.runtimes.handlers].map(({ name, features }) => ({
      name,
      features: { ...features },
    })),
    features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: false },
    info: request.verbose
      ? {
          // critest looks by containerd's name for where containers are kept
          config: JSON.stringify({ ...ctx.config, stateDir: ctx.config.state }),
          runtime: JSON.stringify({ ...shown(ctx.runtimes.fallback), chosenBecause: ctx.runtimeChoice }),
          runtimes: JSON.stringify(Object.fromEntries(ctx.runtimes.handlers.map(h => [h.name, shown(h)]))),
        }
      : {},
  };
}

function shown({ runtime: { name, path } }: RuntimeHandler): { readonly name: string; readonly path: string } {
  return { name, path };
}
