import { type KubeletFlags, runKubelet } from './run-kubelet.ts';

/** `gantry run node`: the per-host daemon. Its parts so far: the kubelet. Returns the exit code. */
export function runNode(flags: KubeletFlags): Promise<number> {
  return runKubelet(flags, 'node');
}
