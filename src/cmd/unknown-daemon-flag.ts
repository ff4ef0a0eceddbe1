import type { ControlPlanePart } from '../bootstrap/component-arguments.ts';
import { upstreamKubeletFlag, upstreamPartFlag } from '../bootstrap/configuration/upstream-flags.ts';
import { KUBELET_FIELDS } from '../kubelet/unheeded-fields.ts';

/** What runs in each daemon that upstream has, too. */
const PARTS: Readonly<Record<string, readonly (ControlPlanePart | 'kubelet')[]>> = {
  kubelet: ['kubelet'],
  node: ['kubelet'],
  apiserver: ['apiServer'],
  'controller-manager': ['controllerManager'],
  scheduler: ['scheduler'],
  'control-plane': ['apiServer', 'controllerManager', 'scheduler'],
};

/** A line for the flag that `gantry run DAEMON` does not know, by what is said of that already; undefined where upstream's has none of that name either. Pure. */
export function unknownDaemonFlag(daemon: string, said: string): string | undefined {
  const [, name = ''] = /'--([^'=]+)/.exec(said) ?? [];
  const parts = Object.hasOwn(PARTS, daemon) ? (PARTS[daemon] ?? []) : [];
  const [text] = parts.flatMap(
    part =>
      (part === 'kubelet' ? upstreamKubeletFlag(name, KUBELET_FIELDS, '(--config)') : upstreamPartFlag(part, name)) ??
      [],
  );
  return text === undefined ? undefined : `--${name} is ${text}`;
}
