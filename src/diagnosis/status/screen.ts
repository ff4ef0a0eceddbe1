import { humanDuration } from '../../api/human-duration.ts';
import { formatTable } from '../../bootstrap/table.ts';
import { silenceOf } from '../reach/reach.ts';
import { certificateState } from './certificate-problems.ts';
import type { DaemonFacts, DiskFacts, EtcdFacts, StatusFacts } from './facts.ts';
import type { Problem } from './problem.ts';
import { percent } from './problems.ts';

const ROLES = { 'control-plane': 'control plane', node: 'node' };

/** What `gantry status` shows: one screen, and at its end what to do. Pure. */
export function statusScreen(facts: StatusFacts, problems: readonly Problem[]): string {
  const count = problems.length;
  const verdict = count === 0 ? 'all well' : `${count} problem${count === 1 ? '' : 's'}`;
  return [
    `${facts.nodeName} (${ROLES[facts.role]}): ${verdict}\n`,
    formatTable([
      ['DAEMON', 'STATE', 'FOR', 'PID', 'MEMORY', 'RESTARTS', 'SAYS'],
      ...facts.daemons.map(daemonCells(facts)),
    ]),
    formatTable(partRows(facts)),
    ...(count === 0 ? [] : [`What to do:\n${problems.map(problemLine).join('')}`]),
  ].join('\n');
}

/** The same for programs; the names of its fields are kept. Pure. */
export function statusDocument(facts: StatusFacts, problems: readonly Problem[]): object {
  const { now, certificates, ...rest } = facts;
  return {
    kind: 'NodeStatusReport',
    time: new Date(now).toISOString(),
    healthy: problems.length === 0,
    problems,
    ...rest,
    certificates: certificates.map(certificate => {
      const { notBefore, notAfter } = certificate;
      return {
        ...certificate,
        notBefore: notBefore === undefined ? undefined : new Date(notBefore).toISOString(),
        notAfter: notAfter === undefined ? undefined : new Date(notAfter).toISOString(),
        validity: certificateState(certificate, now),
      };
    }),
  };
}

function problemLine({ part, what, remedy }: Problem): string {
  return `  ${part}: ${what}\n    -> ${remedy}\n`;
}

function daemonCells({ now }: StatusFacts): (daemon: DaemonFacts) => readonly string[] {
  return ({ name, status, memoryBytes }) => {
    if (!status.answered) return [name, 'unknown', '', '', '', '', status.because];
    const { state, since, pid, restarts, statusText } = status;
    return [
      name,
      state,
      since === undefined ? '' : humanDuration(now - since),
      pid === undefined ? '' : String(pid),
      memoryBytes === undefined ? '' : size(memoryBytes),
      restarts === undefined ? '' : String(restarts),
      statusText ?? '',
    ];
  };
}

function partRows(facts: StatusFacts): readonly (readonly string[])[] {
  const { apiServer, etcd, proxy, kubelet, versions } = facts;
  const health = (part: { readonly healthy: boolean; readonly failed: readonly string[] }, well: string): string =>
    part.healthy ? well : `not ${well}: ${part.failed.join(', ')}`;
  const said = <T extends object>(
    answer: ({ readonly answered: true } & T) | { readonly answered: false; readonly because: string },
    show: (value: T) => string,
  ): string => (answer.answered ? show(answer) : `no answer: ${answer.because}`);
  return [
    ['Node', said(facts.node, nodeText)],
    [
      'Kubelet',
      kubelet === undefined ? 'not asked: healthzPort is 0' : said(kubelet, value => health(value, 'healthy')),
    ],
    ['Runtime', said(facts.runtime, runtimeText)],
    ...(proxy === undefined
      ? []
      : [['Proxy', said(proxy, value => `${value.mode ?? 'mode not known'}, ${health(value, 'healthy')}`)]]),
    [
      'API server',
      said(apiServer, value =>
        [value.server, health(value, 'ready'), value.version ?? ''].filter(text => text !== '').join(', '),
      ),
    ],
    ...(etcd === undefined ? [] : [['etcd', said(etcd, etcdText)]]),
    ...(facts.silentPlaces.length === 0 ? [] : [['Silent', facts.silentPlaces.map(silenceOf).join('; ')]]),
    ['Certificates', certificatesText(facts)],
    ['Disks', facts.disks.map(diskText).join('; ')],
    ['Memory', memoryText(facts)],
    [
      'Versions',
      `gantry ${versions.gantry}, Node.js ${versions.nodejs}, kernel ${versions.kernel}, ${versions.operatingSystem}`,
    ],
  ];
}

function nodeText({ conditions, unschedulable, taints }: Extract<StatusFacts['node'], { answered: true }>): string {
  const ready = conditions.find(({ type }) => type === 'Ready');
  const others = conditions
    .filter(({ type, status }) => type !== 'Ready' && status !== 'False')
    .map(({ type }) => type);
  return [
    ready === undefined ? 'not told of yet' : ready.status === 'True' ? 'Ready' : `not Ready (${ready.reason})`,
    ...others,
    ...(unschedulable ? ['cordoned: no new pods come here until "kubectl uncordon"'] : []),
    ...(taints.length === 0 ? [] : [`taints ${taints.join(' ')}`]),
  ].join(', ');
}

function runtimeText(runtime: Extract<StatusFacts['runtime'], { answered: true }>): string {
  const { name, version, ociRuntime, conditions } = runtime;
  return [
    `${name} ${version}`,
    ...(ociRuntime === undefined ? [] : [ociRuntime]),
    ...conditions.map(({ type, status, reason }) => (status ? type : `not ${type} (${reason})`)),
  ].join(', ');
}

function etcdText({ members, alarms }: EtcdFacts): string {
  const states = members.map(({ name, isLearner, status }) => {
    const who = name === '' ? 'this member' : name;
    if (!status.answered) return `${who}: no answer`;
    const part = status.isLeader ? 'leads' : isLearner ? 'learns' : status.hasLeader ? 'follows' : 'has no leader';
    return `${who} ${part}, ${status.version}, ${size(status.dbBytes)} (${size(status.dbBytesInUse)} in use)`;
  });
  const raised = alarms.map(({ member, alarm }) => `ALARM ${alarm} of ${member}`);
  return [...states, ...raised, ...(raised.length === 0 ? ['no alarms'] : [])].join('; ');
}

function certificatesText({ certificates, now }: StatusFacts): string {
  const present = certificates.filter(({ notAfter }) => notAfter !== undefined);
  const others = certificates
    .map(certificate => ({ name: certificate.name, state: certificateState(certificate, now) }))
    .filter(({ state }) => state !== 'valid')
    .map(({ name, state }) => `${name} ${state}`);
  const soonest = present.toSorted((a, b) => (a.notAfter ?? 0) - (b.notAfter ?? 0))[0];
  if (soonest === undefined) return others.length === 0 ? 'none' : others.join('; ');
  const left = (soonest.notAfter ?? 0) - now;
  const when = left > 0 ? `expires in ${humanDuration(left)}` : `expired ${humanDuration(-left)} ago`;
  return [`${present.length}, the first (${soonest.name}) ${when}`, ...others].join('; ');
}

function diskText({ path, status }: DiskFacts): string {
  if (!status.answered) return `${path} ${status.because}`;
  const { bytes, freeBytes } = status;
  return `${path} ${percent(bytes === 0 ? 0 : freeBytes / bytes)} of ${size(bytes)} free`;
}

function memoryText({ memory }: StatusFacts): string {
  const { bytes, availableBytes, stalledPercent } = memory;
  const stalled = stalledPercent === undefined ? '' : `, waited for ${stalledPercent} % of the last minute`;
  return `${size(availableBytes)} of ${size(bytes)} available${stalled}`;
}

/** `54 MiB`, `1.2 GiB`. */
function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
