import { failedPrecondition } from '../base/errors.ts';
import { serviceState } from './service-state.ts';
import { NODE_SERVICE, type Services } from './services.ts';
import { waitUntil } from './wait.ts';

/** kubeadm's patience. */
const KUBELET_PATIENCE_MS = 240_000;
const HEALTHZ = 'http://127.0.0.1:10248/healthz';

/** Waits until the kubelet says that it is well. */
export async function waitForKubelet(services: Services, signal: AbortSignal): Promise<void> {
  await waitUntil(
    {
      what: `the kubelet to be healthy at ${HEALTHZ}`,
      timeoutMs: KUBELET_PATIENCE_MS,
      pauseMs: 100,
      signal,
      hint: () => serviceState(services, NODE_SERVICE),
    },
    async looking => {
      const answer = await fetch(HEALTHZ, { signal: looking });
      if (!answer.ok) throw failedPrecondition(`it answers ${answer.status}: ${await answer.text()}`);
    },
  );
}
