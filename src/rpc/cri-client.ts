import { openConnection, type RpcClient, rpcClient } from './client.ts';
import type { CheckpointContainerRequest, StopContainerRequest } from './gen/runtime/v1/container.ts';
import type { ExecSyncRequest } from './gen/runtime/v1/exec.ts';
import { ImageServiceService, RuntimeServiceService } from './gen/runtime/v1/services.ts';
import type { RpcMethod } from './method-types.ts';

/** Every call of RuntimeService and ImageService, as promises; Stream* and getContainerEvents as async iterables. */
export interface CriClient extends RpcClient<typeof RuntimeServiceService>, RpcClient<typeof ImageServiceService> {
  readonly endpoint: string;
  close(): void;
}

/** The kubelet's runtimeRequestTimeout. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 120_000;

/**
 * How long the kubelet waits for an answer, in milliseconds, 0 for ever: twice the request time-out for RunPodSandbox, the grace or command time on
 * top for StopContainer and ExecSync (for ever when the command has no limit), what CheckpointContainer asks for, no limit for PullImage (upstream cri-client).
 */
export function criTimeoutMs(path: string, request: unknown, requestTimeoutMs: number): number {
  switch (path) {
    case RuntimeServiceService.runPodSandbox.path:
      return requestTimeoutMs * 2;
    case RuntimeServiceService.stopContainer.path:
      return requestTimeoutMs + seconds((request as StopContainerRequest).timeout);
    case RuntimeServiceService.execSync.path: {
      const limit = seconds((request as ExecSyncRequest).timeout);
      return limit === 0 ? 0 : requestTimeoutMs + limit;
    }
    case RuntimeServiceService.checkpointContainer.path:
      return seconds((request as CheckpointContainerRequest).timeout) || requestTimeoutMs;
    case ImageServiceService.pullImage.path:
      return 0;
    default:
      return requestTimeoutMs;
  }
}

function seconds(value: bigint): number {
  return value > 0n ? Number(value) * 1000 : 0;
}

/** A client of the runtime at `unix:///path`. Connects at the first call, and again by itself when the runtime was restarted. */
export function createCriClient(endpoint: string, options: { readonly requestTimeoutMs?: number } = {}): CriClient {
  const connection = openConnection(endpoint);
  const limit = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  const timeout = (method: RpcMethod, request: unknown): number => criTimeoutMs(method.path, request, limit);
  return {
    ...rpcClient(connection, RuntimeServiceService, timeout),
    ...rpcClient(connection, ImageServiceService, timeout),
    endpoint,
    close: () => connection.close(),
  };
}
