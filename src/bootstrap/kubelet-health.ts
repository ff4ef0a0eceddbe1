import { parse } from 'yaml';
import type { KubeletConfiguration } from '../api/types/gen/kubelet-v1beta1.ts';
import { failedPrecondition } from '../base/errors.ts';
import { getText } from '../client/get-text.ts';
import { serviceState } from './service-state.ts';
import { NODE_SERVICE, type Services } from './services.ts';
import { hostInUrl } from './settings.ts';
import { waitUntil } from './wait.ts';

/** upstream's. */
const HEALTHZ_PORT = 10_248;

export interface KubeletWait {
  /** The text of its KubeletConfiguration, which says where it tells. */
  readonly configuration: string;
  readonly services: Services;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Where a kubelet of this configuration tells how it is; undefined where it does not. Pure. */
export function healthzUrl(configuration: string): string | undefined {
  const { healthzBindAddress, healthzPort } = (parse(configuration) ?? {}) as KubeletConfiguration;
  const port = healthzPort ?? HEALTHZ_PORT;
  if (port === 0) return undefined;
  const address = healthzBindAddress || '127.0.0.1';
  const host = /^[0.:]+$/.test(address) ? '127.0.0.1' : hostInUrl(address);
  return `http://${host}:${port}/healthz`;
}

/** Waits until the kubelet says that it is well. */
export async function waitForKubelet({ configuration, services, timeoutMs, signal }: KubeletWait): Promise<void> {
  const url = healthzUrl(configuration);
  if (url === undefined) return;
  await waitUntil(
    {
      what: `the kubelet to be healthy at ${url}`,
      timeoutMs,
      pauseMs: 100,
      signal,
      hint: () => serviceState(services, NODE_SERVICE),
    },
    async looking => {
      const { ok, status, text } = await getText(url, looking);
      if (!ok) throw failedPrecondition(`it answers ${status}: ${text}`);
    },
  );
}
