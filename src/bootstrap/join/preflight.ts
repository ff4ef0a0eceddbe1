import { failedPrecondition } from '../../base/errors.ts';
import { readMarker } from '../marker.ts';
import type { Say } from '../phases.ts';
import { readPreflightFacts } from '../preflight/facts.ts';
import { findingLines, PreflightError, sortFindings } from '../preflight/findings.ts';
import { preflightFindings } from '../preflight/plan.ts';
import { neededModules, neededPrograms, USEFUL_PROGRAMS } from '../preflight/programs.ts';
import { checkNodeName } from '../settings.ts';
import type { JoinContext } from './context.ts';
import { foundCluster, hasCredentials, refuseTakenName } from './find-cluster.ts';

/** Looks whether a node can be made here, and whether the cluster is there and would have it. Nothing is written: what fails here leaves no trace. */
export async function preflight(context: JoinContext, say: Say, signal: AbortSignal): Promise<void> {
  const { settings, files, services, ignoredChecks, insideHost } = context;
  checkNodeName(settings.node.nodeName);
  say('Running pre-flight checks');
  const marker = readMarker(files);
  if (marker?.command === 'init')
    throw failedPrecondition(
      `this machine is the control plane of a cluster ("gantry init" made it): run "gantry reset" first, if it is to join another`,
    );
  const again = marker !== undefined;
  if (again) say('this node was joined before, wholly or in part: what is there is kept');
  const facts = await readPreflightFacts({
    programs: neededPrograms({ etcd: false, proxyMode: '' }),
    usefulPrograms: insideHost ? [] : USEFUL_PROGRAMS,
    modules: insideHost ? [] : neededModules(''),
    ...(insideHost ? {} : { nodeName: settings.node.nodeName }),
    looksForKubelets: !again,
    ports: again ? [] : [10_250],
    emptyDirectories: [],
    absentFiles: again ? [] : [files.kubeletConf, files.bootstrapKubeletConf, `${files.pkiDir}/ca.crt`],
    dataDir: '/var/lib',
    hasSupervisor: services !== undefined,
  });
  const { nodeName } = settings.node;
  const findings = preflightFindings(facts, { role: 'node', nodeName, insideHost, failSwapOn: !insideHost });
  const { errors, warnings } = sortFindings(findings, ignoredChecks);
  for (const finding of warnings) for (const line of findingLines({ ...finding, severity: 'warning' })) say(line);
  if (errors.length > 0) throw new PreflightError(errors);
  if (hasCredentials(files)) return;
  const cluster = await foundCluster(context, say, signal);
  await refuseTakenName(context, cluster, signal);
}
