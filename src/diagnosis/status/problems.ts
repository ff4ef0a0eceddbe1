import { humanDuration } from '../../api/human-duration.ts';
import { likelyCause } from '../../bootstrap/likely-cause.ts';
import { CONTROL_PLANE_SERVICE, CRI_SERVICE, ETCD_SERVICE, NODE_SERVICE } from '../../bootstrap/services.ts';
import { silentEndpointRemedy, silentEndpointText } from '../../bootstrap/silent-endpoint.ts';
import { type SilentPlace, silenceOf } from '../reach/reach.ts';
import { certificateProblems } from './certificate-problems.ts';
import type { DaemonFacts, DiskFacts, StatusFacts } from './facts.ts';
import { logsOf, type Problem } from './problem.ts';

const RESTARTS = 3;
const RESTARTS_WITHIN_MS = 120_000;
/** What kubelets say of their node: these are not as they should be while they are true. */
const PRESSURES = ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable'];

/**
 * What is wrong, and what to do about it, causes before what follows from them: of what needs a daemon that does not run nothing is told beside that. A node that
 * was cordoned or tainted is as its admin wants it. Pure.
 */
export function statusProblems(facts: StatusFacts): readonly Problem[] {
  const down = new Set(facts.daemons.filter(daemon => !runs(daemon)).map(({ name }) => name));
  return [
    ...facts.silentPlaces.map(silentProblem),
    ...facts.daemons.flatMap(daemon => daemonProblems(daemon, facts)),
    ...certificateProblems(facts),
    ...(down.has(ETCD_SERVICE) ? [] : etcdProblems(facts)),
    ...(down.has(CONTROL_PLANE_SERVICE) ? [] : apiServerProblems(facts, down)),
    ...(down.has(CRI_SERVICE) ? [] : runtimeProblems(facts)),
    ...(down.has(NODE_SERVICE) ? [] : [...kubeletProblems(facts, down), ...proxyProblems(facts)]),
    ...nodeProblems(facts, down),
    ...facts.disks.filter(({ path }) => !isSilent(path, facts)).flatMap(diskProblems),
    ...memoryProblems(facts),
  ];
}

function silentProblem(place: SilentPlace): Problem {
  return {
    part: `${place.leadsTo === undefined ? 'directory' : 'link'} ${place.path}`,
    what: `${silenceOf(place)}: what is there is not in this report, and daemons that need it wait`,
    remedy:
      'see by "findmnt" what is mounted there, bring its server or disk back, or take it away by "umount --lazy"; dmesg',
  };
}

/** What is told of the place already. */
function isOfSilence(because: string, silentPlaces: StatusFacts['silentPlaces']): boolean {
  return silentPlaces.some(place => because.includes(silenceOf(place)));
}

function isSilent(path: string, { silentPlaces }: StatusFacts): boolean {
  return silentPlaces.some(({ path: at }) => path === at || path.startsWith(`${at}/`));
}

function runs({ status }: DaemonFacts): boolean {
  return status.answered && (status.state === 'running' || status.state === 'stopping');
}

function startOf(name: string, { keeper }: StatusFacts): string {
  return keeper === 'host' ? `sv up /run/host-services/${name}` : `systemctl start ${name}`;
}

function daemonProblems({ name, status, lastLog }: DaemonFacts, facts: StatusFacts): readonly Problem[] {
  if (!status.answered)
    return isOfSilence(status.because, facts.silentPlaces)
      ? []
      : [{ part: name, what: `its state is not known: ${status.because}`, remedy: 'systemctl status' }];
  const { state, since, restarts, statusText } = status;
  const cause = lastLog === undefined ? undefined : likelyCause(lastLog);
  const because = cause === undefined ? '' : `; likely because ${cause}`;
  const problem = (what: string, remedy: string): readonly Problem[] => [{ part: name, what, remedy }];
  switch (state) {
    case 'absent':
      return problem(
        'it was never started here',
        'run "gantry init" or "gantry join" again: they take up what is half made',
      );
    case 'stopped':
      return problem(`it does not run${because}`, `${startOf(name, facts)}; ${logsOf(name)}`);
    case 'failed':
      return problem(
        `it does not run${statusText === undefined ? '' : `: ${statusText}`}${because}`,
        `${logsOf(name)}; then ${facts.keeper === 'host' ? 'restart the host' : startOf(name, facts)}`,
      );
    case 'restarting':
      return problem(`it ends as soon as it is started${because}`, logsOf(name));
    case 'starting':
      return problem(
        `it is still starting${since === undefined ? '' : `, for ${humanDuration(facts.now - since)}`}`,
        logsOf(name),
      );
    case 'stopping':
      return problem('it is about to end', startOf(name, facts));
    case 'running':
      if (restarts === undefined || restarts < RESTARTS || since === undefined) return [];
      return facts.now - since > RESTARTS_WITHIN_MS
        ? []
        : problem(
            `it was started again ${restarts} times, at last ${humanDuration(facts.now - since)} ago`,
            logsOf(name),
          );
  }
}

function etcdProblems({ etcd, silentPlaces }: StatusFacts): readonly Problem[] {
  if (etcd === undefined) return [];
  const problem = (what: string, remedy = logsOf(ETCD_SERVICE)): Problem => ({ part: 'etcd', what, remedy });
  if (!etcd.answered)
    return isOfSilence(etcd.because, silentPlaces) ? [] : [problem(`it does not answer: ${etcd.because}`)];
  return [
    ...etcd.members.flatMap(({ id, name, status }): readonly Problem[] => {
      const who = name === '' ? `the member ${id === '' ? 'of this machine' : id}` : `the member ${name}`;
      if (!status.answered)
        return [problem(`${who} does not answer: ${status.because}`, 'see "gantry status" on its machine')];
      if (!status.hasLeader)
        return [problem(`${who} knows of no leader: nothing can be written`, 'see that most members run')];
      return status.errors.map(error => problem(`${who} reports ${error}`));
    }),
    ...etcd.alarms.map(({ member, alarm }) =>
      alarm === 'no-space'
        ? problem(
            `the member ${member} has no space left in its quota: nothing can be written`,
            'compact and defragment it, then disarm the alarm (etcdctl alarm disarm)',
          )
        : problem(
            `the member ${member} has corrupt data`,
            'restore it from a snapshot, or take it out and add it anew',
          ),
    ),
  ];
}

function apiServerProblems(
  { apiServer, silentEndpoint, role, silentPlaces }: StatusFacts,
  down: ReadonlySet<string>,
): readonly Problem[] {
  const remedy = role === 'control-plane' ? logsOf(CONTROL_PLANE_SERVICE) : 'run "gantry status" on the control plane';
  if (silentEndpoint !== undefined)
    return [
      {
        part: 'API server',
        what: silentEndpointText(silentEndpoint),
        remedy: silentEndpointRemedy(silentEndpoint),
      },
    ];
  if (!apiServer.answered)
    return isOfSilence(apiServer.because, silentPlaces)
      ? []
      : [{ part: 'API server', what: `it does not answer: ${apiServer.because}`, remedy }];
  // that its etcd does not run is told already
  const failed = apiServer.failed.filter(name => !(down.has(ETCD_SERVICE) && /^etcd/.test(name)));
  if (apiServer.healthy || failed.length === 0) return [];
  return [{ part: 'API server', what: `it is not ready: ${failed.join(', ')}`, remedy }];
}

function runtimeProblems({ runtime }: StatusFacts): readonly Problem[] {
  const remedy = logsOf(CRI_SERVICE);
  if (!runtime.answered) return [{ part: 'runtime', what: `it does not answer: ${runtime.because}`, remedy }];
  return runtime.conditions
    .filter(({ status }) => !status)
    .map(({ type, reason, message }) => ({
      part: 'runtime',
      what: `${type} is false: ${message === '' ? reason : message}`,
      remedy: type === 'NetworkReady' ? logsOf(NODE_SERVICE) : remedy,
    }));
}

function kubeletProblems({ kubelet }: StatusFacts, down: ReadonlySet<string>): readonly Problem[] {
  const problem = (what: string): readonly Problem[] => [{ part: 'kubelet', what, remedy: logsOf(NODE_SERVICE) }];
  if (kubelet === undefined) return [];
  if (!kubelet.answered) return problem(`it does not answer: ${kubelet.because}`);
  return kubelet.healthy || down.has(CRI_SERVICE) ? [] : problem(`it is not well: ${kubelet.failed.join(', ')}`);
}

function proxyProblems({ proxy }: StatusFacts): readonly Problem[] {
  const problem = (what: string): readonly Problem[] => [{ part: 'proxy', what, remedy: logsOf(NODE_SERVICE) }];
  if (proxy === undefined) return [];
  if (!proxy.answered) return problem(`it does not answer: ${proxy.because}`);
  return proxy.healthy ? [] : problem(`it is not well: ${proxy.failed.join(', ')}`);
}

function nodeProblems({ node, apiServer, nodeName }: StatusFacts, down: ReadonlySet<string>): readonly Problem[] {
  const problem = (what: string, remedy: string): Problem => ({ part: 'node', what, remedy });
  if (!node.answered) {
    // why is told where the API server is, or where what it stands on is
    const told = !apiServer.answered || down.has(ETCD_SERVICE) || down.has(CONTROL_PLANE_SERVICE);
    if (told) return [];
    return [problem(`the API server does not tell of it: ${node.because}`, logsOf(NODE_SERVICE))];
  }
  // a kubelet that does not run makes it so after a while
  if (down.has(NODE_SERVICE)) return [];
  const ready = node.conditions.find(({ type }) => type === 'Ready');
  if (ready === undefined) return [problem('its kubelet has not told of it yet', logsOf(NODE_SERVICE))];
  return [
    ...(ready.status === 'True' || down.has(CRI_SERVICE)
      ? []
      : [problem(`it is not Ready: ${ready.message === '' ? ready.reason : ready.message}`, logsOf(NODE_SERVICE))]),
    ...node.conditions
      .filter(({ type, status }) => PRESSURES.includes(type) && status !== 'False' && ready.status === 'True')
      .map(({ type, status, reason, message }) =>
        problem(`${type} is ${status}: ${message === '' ? reason : message}`, `kubectl describe node ${nodeName}`),
      ),
  ];
}

function diskProblems({ path, status, leastFree, leastFreeInodes }: DiskFacts): readonly Problem[] {
  const problem = (what: string, remedy: string): readonly Problem[] => [{ part: `disk of ${path}`, what, remedy }];
  if (!status.answered)
    // a directory that is not there is of no daemon that ran
    return /ENOENT/.test(status.because) ? [] : problem(`it does not answer: ${status.because}`, 'findmnt; dmesg');
  const { bytes, freeBytes, inodes, freeInodes } = status;
  if (bytes > 0 && freeBytes / bytes < leastFree)
    return problem(`${percent(freeBytes / bytes)} are free, and ${percent(leastFree)} have to be`, `du -xsh ${path}/*`);
  // some file systems count none
  if (inodes > 0 && freeInodes / inodes < leastFreeInodes)
    return problem(
      `${percent(freeInodes / inodes)} of its inodes are free, and ${percent(leastFreeInodes)} have to be`,
      `du -xs --inodes ${path}/*`,
    );
  return [];
}

function memoryProblems({ memory }: StatusFacts): readonly Problem[] {
  const { availableBytes, leastBytes } = memory;
  if (availableBytes >= leastBytes) return [];
  const megabytes = (bytes: number): string => `${Math.floor(bytes / 2 ** 20)} MiB`;
  return [
    {
      part: 'memory',
      what: `${megabytes(availableBytes)} are available, and ${megabytes(leastBytes)} have to be`,
      remedy: 'ps -eo rss,pid,args --sort=-rss | head',
    },
  ];
}

/** `12 %`, with a digit behind the point below ten. */
export function percent(share: number): string {
  const value = share * 100;
  return `${value < 10 ? Math.floor(value * 10) / 10 : Math.floor(value)} %`;
}
