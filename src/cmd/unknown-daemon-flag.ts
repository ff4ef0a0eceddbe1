import type { ControlPlanePart } from '../bootstrap/component-arguments.ts';
import { reasonFor } from '../bootstrap/configuration/flag-reasons.ts';
import {
  CALLED,
  missingFlag,
  upstreamKubeletFlag,
  upstreamPartFlag,
} from '../bootstrap/configuration/upstream-flags.ts';
import { UNHEEDED_ALONE, UNHEEDED_TOGETHER } from '../bootstrap/unheeded-part-flags.ts';
import { KUBELET_FIELDS } from '../kubelet/unheeded-fields.ts';

type Part = ControlPlanePart | 'kubelet';

/** What runs in each daemon that upstream has, too. */
const PARTS: Readonly<Record<string, readonly Part[]>> = {
  kubelet: ['kubelet'],
  node: ['kubelet'],
  apiserver: ['apiServer'],
  'controller-manager': ['controllerManager'],
  scheduler: ['scheduler'],
  'control-plane': ['apiServer', 'controllerManager', 'scheduler'],
};

/** A line for the flag that `gantry run DAEMON` does not know, by what is said of that already; undefined where upstream's has none of that name either. Pure. */
export function unknownDaemonFlag(daemon: string, said: string): string | undefined {
  // the one short flag that upstream's have is -v, as -v 2, -v=2 or -v2
  const [, flag = ''] = /'(--[^'=]+|-v(?=['=\d]))/.exec(said) ?? [];
  const parts = Object.hasOwn(PARTS, daemon) ? (PARTS[daemon] ?? []) : [];
  const unheeded = parts.length > 1 ? UNHEEDED_TOGETHER : UNHEEDED_ALONE;
  const [text] = parts.flatMap(part => flagOfPart(part, flag.replace(/^--?/, ''), unheeded) ?? []);
  return text === undefined ? undefined : `${flag} is ${text}`;
}

function flagOfPart(part: Part, name: string, unheeded: typeof UNHEEDED_ALONE): string | undefined {
  if (part === 'kubelet') return upstreamKubeletFlag(name, KUBELET_FIELDS, '(--config)');
  const why = reasonFor(name, unheeded[part]);
  return why === undefined ? upstreamPartFlag(part, name) : missingFlag(CALLED[part], why);
}
