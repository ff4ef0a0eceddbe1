import { certificatePlan } from '../certificates/plan.ts';
import { certificateProblems } from '../certificates/standing.ts';
import { ensureMarker, readMarker } from '../marker.ts';
import type { Say } from '../phases.ts';
import { type PreflightNeeds, readPreflightFacts } from '../preflight/facts.ts';
import { findingLines, PreflightError, sortFindings } from '../preflight/findings.ts';
import { preflightFindings } from '../preflight/plan.ts';
import { neededModules, neededPrograms, USEFUL_PROGRAMS } from '../preflight/programs.ts';
import type { InitContext } from './context.ts';

/** Of scheduler, controllers and kubelet. */
const PORTS = [10_259, 10_257, 10_250];
const ETCD_PORTS = [2379, 2380];
/** What a control plane of static pods stands in: there is one of somebody else. */
const STATIC_PODS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd'];

/** Looks whether a control plane can be made here. What stands from a run before is no reason against it: the marker tells that it is ours. */
export async function preflight(context: InitContext, say: Say): Promise<void> {
  const { settings, files, ignoredChecks, insideHost, dryRun } = context;
  // a node that joined another cluster is no control plane that was begun
  const again = readMarker(files)?.command === 'init';
  say('Running pre-flight checks');
  if (again) say('this node was initialized before, wholly or in part: what is there is kept');
  const facts = await readPreflightFacts(needsOf(context, again));
  const findings = preflightFindings(facts, {
    role: 'control-plane',
    nodeName: settings.nodeName,
    insideHost,
    failSwapOn: !insideHost && settings.cluster.kubelet['failSwapOn'] !== false,
  });
  const { errors, warnings } = sortFindings(findings, ignoredChecks);
  for (const finding of warnings) for (const line of findingLines({ ...finding, severity: 'warning' })) say(line);
  if (errors.length > 0) throw new PreflightError(errors);
  if (!dryRun) ensureMarker(files, 'init');
}

function needsOf({ settings, files, disk, services, insideHost, clock }: InitContext, again: boolean): PreflightNeeds {
  const { advertiseAddress, bindPort, nodeName, cluster } = settings;
  const { etcd } = cluster;
  const local = etcd.kind === 'local';
  const proxyMode = String(cluster.proxy['mode'] ?? '');
  return {
    programs: neededPrograms({ etcd: local, proxyMode }),
    usefulPrograms: insideHost ? [] : USEFUL_PROGRAMS,
    modules: insideHost ? [] : neededModules(proxyMode),
    ports: again ? [] : [bindPort, ...PORTS, ...(local ? ETCD_PORTS : [])],
    emptyDirectories: again || !local ? [] : [files.etcdDataDir],
    absentFiles: again
      ? []
      : [
          files.kubeletConf,
          files.bootstrapKubeletConf,
          ...STATIC_PODS.map(name => `${files.manifestsDir}/${name}.yaml`),
        ],
    certificateProblems: certificateProblems(certificatePlan(settings), {
      pkiDir: files.pkiDir,
      now: clock.now(),
      disk,
    }),
    dataDir: '/var/lib',
    hasSupervisor: services !== undefined,
    looksForKubelets: !again,
    direct: [advertiseAddress, cluster.serviceSubnet, cluster.podSubnet],
    ...(insideHost ? {} : { nodeName }),
    ...(etcd.kind === 'external'
      ? {
          externalEtcd: etcd,
          presentFiles: [etcd.caFile, etcd.certFile, etcd.keyFile].filter(path => path !== ''),
        }
      : {}),
  };
}
