import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { type GivenReset, readResetConfiguration } from '../bootstrap/configuration/reset-configuration.ts';
import { flagValue } from '../bootstrap/daemons/command-words.ts';
import { earlierPlaces, filesForExternalEtcd } from '../bootstrap/marker/plan.ts';
import { readMarker, standingFiles } from '../bootstrap/marker.ts';
import { checkPhases, runPhases } from '../bootstrap/phases.ts';
import type { ResetContext } from '../bootstrap/reset/context.ts';
import { resetNames } from '../bootstrap/reset/names.ts';
import { certifiedName, nodeOfMachine } from '../bootstrap/reset/node-name.ts';
import { RESET_PHASES, resetFaultPoint } from '../bootstrap/reset/phases.ts';
import { ANSWER_PATIENCE_MS, directoriesWithLinks, withSilence } from '../bootstrap/reset/silence.ts';
import { NODE_SERVICE, type Services } from '../bootstrap/services.ts';
import { POD_LINKS } from '../cni/bridge/collect.ts';
import { DEFAULT_BRIDGE } from '../cni/bridge/config.ts';
import { MASQUERADE_TABLE } from '../cni/bridge/plan.ts';
import { DEFAULT_APPARMOR_PROFILE } from '../cri/spec/apparmor-default.ts';
import { silentDirectories } from '../linux/directory-answers.ts';
import { endProcessSoon } from '../linux/end-process.ts';
import { CONFLIST_FILE } from '../network/conflist.ts';
import { NETWORK_TABLE } from '../network/plan.ts';
import { ROUTE_PROTOCOL } from '../network/route-keeper.ts';
import { iptablesTraces, removeStrayIpvs } from '../proxy/act/remove.ts';
import { tableOf } from '../proxy/compile/layout.ts';
import { removeProxyRules } from '../proxy/proxy.ts';
import { words } from './flag-values.ts';
import { type Hold, holdingNode } from './hold-node.ts';
import { untilInterrupted } from './interrupt.ts';
import { exitCodeOf, withPrepared } from './preflight-exit.ts';
import { configuredPlaces } from './reset-places.ts';
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

/** `gantry reset`: takes away what `init` or `join` has made of this machine. Returns the exit code. Safe to run again, at any state. */
export async function resetCommand(flags: ResetFlags): Promise<number> {
  try {
    return await run(flags);
  } finally {
    // processes that were given up on a disk that hangs would hold this one; main gives it its code
    endProcessSoon(() => Number(process.exitCode ?? 0));
  }
}

function run(flags: ResetFlags): Promise<number> {
  return untilInterrupted(signal =>
    holdingNode('gantry reset', hold =>
      withPrepared(
        () => prepare(flags, hold, signal),
        ({ context, skip }) =>
          exitCodeOf(() =>
            runPhases(RESET_PHASES, context, {
              skip,
              faultPointAfter: resetFaultPoint,
              write: line => console.log(line),
              signal,
            }),
          ),
      ),
    ),
  );
}

interface Prepared {
  readonly context: ResetContext;
  readonly skip: readonly string[];
}

async function prepare(flags: ResetFlags, hold: Hold, signal: AbortSignal): Promise<Prepared> {
  const nothing: GivenReset = { configuration: {}, warnings: [] };
  const { configuration: given, warnings } =
    flags.config === undefined ? nothing : readResetConfiguration(flags.config);
  for (const warning of warnings) console.log(`[config] WARNING: ${warning}`);
  const dryRun = flags.dryRun ?? given.dryRun ?? false;
  if (!dryRun) await hold();
  const files = standingFiles();
  const marker = readMarker(files);
  const pkiDir = flags.certDir ?? given.certificatesDir ?? files.pkiDir;
  const earlier = earlierPlaces(marker, pkiDir);
  const names = resetNames({ ...files, pkiDir }, PART_NAMES, filesForExternalEtcd(marker), earlier);
  const services = servicesHere();
  const socket = flags.criSocket ?? given.criSocket;
  const skip = flags.skipPhases === '' ? (given.skipPhases ?? []) : words(flags.skipPhases);
  checkPhases(skip, RESET_PHASES);
  const silent = await silentDirectories(directoriesWithLinks(names), ANSWER_PATIENCE_MS, signal);
  const nodeName = async (): Promise<string | undefined> =>
    nodeOfMachine({
      certified: await certifiedName(files, silent, signal),
      unit: flagValue(await nodeWords(services, signal), 'hostname-override'),
      asked: flags.nodeName?.toLowerCase(),
    });
  return {
    skip,
    context: {
      files: { ...files, pkiDir },
      names: withSilence(names, silent),
      services,
      runtimeEndpoint: socket === undefined ? undefined : endpointOf(socket),
      readConfigured: () => configuredPlaces(services, silent, signal),
      dryRun,
      force: flags.force ?? given.force ?? false,
      cleanupTmpDir: flags.cleanupTmpDir ?? given.cleanupTmpDir ?? false,
      homes: [...new Set(['/root', process.env['HOME'] ?? '/root', ...sudoHome()])],
      nodeObject: flags.deleteNode === true ? { name: await nodeName(), kubeconfig: flags.kubeconfig } : undefined,
      ignoredChecks: [...words(flags.ignorePreflightErrors), ...(given.ignorePreflightErrors ?? [])],
      isRoot: process.getuid?.() === 0,
      confirm: question => confirm(question, signal),
      readProxyTraces: () => iptablesTraces(signal),
      removeProxyRules: async () => {
        await removeProxyRules();
        await removeStrayIpvs();
      },
    },
  };
}

/** The command line of the node's daemon; none where it cannot be had, as that of a unit which is not there. */
async function nodeWords(services: Services | undefined, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return (await services?.words(NODE_SERVICE, signal)) ?? [];
  } catch {
    signal.throwIfAborted();
    return [];
  }
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
    const ended = new Promise<string>(resolve => {
      lines.once('close', () => resolve(''));
      // of a terminal that is gone, more than one
      lines.on('error', () => resolve(''));
    });
    return /^y(es)?$/i.test((await Promise.race([lines.question(question, { signal }), ended])).trim());
  } finally {
    lines.close();
  }
}
