import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { filesBelow } from '../bootstrap/files.ts';
import { readMarker } from '../bootstrap/marker.ts';
import { checkPhases, runPhases } from '../bootstrap/phases.ts';
import { type ResetConfiguration, readResetConfiguration } from '../bootstrap/reset/configuration.ts';
import { resetNames } from '../bootstrap/reset/names.ts';
import { RESET_PHASES, resetFaultPoint } from '../bootstrap/reset/phases.ts';
import { POD_LINKS } from '../cni/bridge/collect.ts';
import { DEFAULT_BRIDGE } from '../cni/bridge/config.ts';
import { MASQUERADE_TABLE } from '../cni/bridge/plan.ts';
import { DEFAULT_APPARMOR_PROFILE } from '../cri/spec/apparmor-default.ts';
import { CONFLIST_FILE } from '../network/conflist.ts';
import { NETWORK_TABLE } from '../network/plan.ts';
import { ROUTE_PROTOCOL } from '../network/route-keeper.ts';
import { iptablesTraces } from '../proxy/act/remove.ts';
import { tableOf } from '../proxy/compile/layout.ts';
import { removeProxyRules } from '../proxy/proxy.ts';
import { words } from './flag-values.ts';
import { untilInterrupted } from './interrupt.ts';
import { servicesHere } from './services-here.ts';

/** Flags of `gantry reset`, named as kubeadm's where it has them. */
export interface ResetFlags {
  readonly config?: string;
  readonly criSocket?: string;
  readonly certDir?: string;
  readonly cleanupTmpDir?: boolean;
  readonly deleteNode?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly ignorePreflightErrors: string;
  readonly kubeconfig: string;
  readonly nodeName?: string;
  readonly skipPhases: string;
}

const DEFAULT_SOCKET = '/run/gantry/cri.sock';

/** `gantry reset`: takes away what `init` or `join` has made of this machine. Returns the exit code. Safe to run again, at any state. */
export function resetCommand(flags: ResetFlags): Promise<number> {
  return untilInterrupted(async signal => {
    const given: ResetConfiguration = flags.config === undefined ? {} : readResetConfiguration(flags.config);
    const defaults = filesBelow('/');
    const places = readMarker(defaults)?.places;
    const files = { ...defaults, ...places };
    const pkiDir = flags.certDir ?? given.certificatesDir ?? files.pkiDir;
    const names = resetNames({ ...files, pkiDir }, PART_NAMES);
    const nodeName = (flags.nodeName ?? hostname()).toLowerCase();
    const skip = flags.skipPhases === '' ? (given.skipPhases ?? []) : words(flags.skipPhases);
    checkPhases(skip, RESET_PHASES);
    const dryRun = flags.dryRun ?? given.dryRun ?? false;
    await runPhases(
      RESET_PHASES,
      {
        files: { ...files, pkiDir },
        names,
        services: servicesHere(),
        runtimeEndpoint: endpointOf(flags.criSocket ?? given.criSocket ?? DEFAULT_SOCKET),
        dryRun,
        force: flags.force ?? given.force ?? false,
        cleanupTmpDir: flags.cleanupTmpDir ?? given.cleanupTmpDir ?? false,
        homes: [...new Set(['/root', process.env['HOME'] ?? '/root', ...sudoHome()])],
        nodeObject: flags.deleteNode === true ? { name: nodeName, kubeconfig: flags.kubeconfig } : undefined,
        ignoredChecks: [...words(flags.ignorePreflightErrors), ...(given.ignorePreflightErrors ?? [])],
        isRoot: process.getuid?.() === 0,
        confirm: question => confirm(question, signal),
        readProxyTraces: () => iptablesTraces(signal),
        removeProxyRules,
      },
      {
        skip,
        faultPointAfter: resetFaultPoint,
        write: line => console.log(line),
        signal,
      },
    );
    return 0;
  });
}

/** Names by which the parts of a node know what they have made. */
const PART_NAMES = {
  bridge: DEFAULT_BRIDGE,
  podLinks: POD_LINKS,
  routeProtocol: ROUTE_PROTOCOL,
  tables: [NETWORK_TABLE, MASQUERADE_TABLE, tableOf(4), tableOf(6)],
  conflist: CONFLIST_FILE,
  profile: DEFAULT_APPARMOR_PROFILE,
};

/** That of who called sudo. */
function sudoHome(): readonly string[] {
  const name = process.env['SUDO_USER'] ?? '';
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(each => name !== '' && each.startsWith(`${name}:`));
  return line === undefined ? [] : [line.split(':')[5] ?? '/root'];
}

/** `/path` and `unix:///path` are the same to people. */
function endpointOf(socket: string): string {
  return socket.startsWith('/') ? `unix://${socket}` : socket;
}

/** The end of the input is no yes. */
async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const ended = new Promise<string>(resolve => lines.once('close', () => resolve('')));
    return /^y(es)?$/i.test((await Promise.race([lines.question(question, { signal }), ended])).trim());
  } finally {
    lines.close();
  }
}
