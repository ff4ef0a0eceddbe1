import { existsSync } from 'node:fs';
import { failedPrecondition } from '../../base/errors.ts';
import { ensureMarker } from '../marker.ts';
import type { Say } from '../phases.ts';
import { readPreflightFacts } from '../preflight/facts.ts';
import { preflightFindings, preflightMessage, sortFindings } from '../preflight/plan.ts';
import { checkInitSettings } from '../settings.ts';
import { parseToken } from '../token.ts';
import type { InitContext } from './context.ts';

const PROGRAMS = ['etcd', 'conmon', 'catatonit', 'ip', 'mount', 'nsenter', 'nft'];
const PORTS = [10_259, 10_257, 10_250, 2379, 2380];

/** Looks whether a control plane can be made here. What stands from a run before is no reason against it: the marker tells that it is ours. */
export async function preflight({ settings, files, services, ignoredChecks }: InitContext, say: Say): Promise<void> {
  checkInitSettings(settings);
  parseToken(settings.token);
  const again = existsSync(files.marker);
  say('Running pre-flight checks');
  if (again) say('this node was initialized before, wholly or in part: what is there is kept');
  const facts = await readPreflightFacts({
    programs: PROGRAMS,
    ports: again ? [] : [settings.bindPort, ...PORTS],
    emptyDirectories: again ? [] : [files.etcdDataDir],
    absentFiles: again ? [] : [files.kubeletConf, files.bootstrapKubeletConf],
    dataDir: '/var/lib',
    hasSupervisor: services !== undefined,
  });
  const { errors, warnings } = sortFindings(preflightFindings(facts, 'control-plane'), ignoredChecks);
  for (const { check, message } of warnings) say(`\t[WARNING ${check}]: ${message}`);
  if (errors.length > 0) throw failedPrecondition(preflightMessage(errors));
  ensureMarker(files, 'init');
}
