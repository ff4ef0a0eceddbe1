import { systemClock } from '../base/clock.ts';
import { realDisk } from '../bootstrap/disk.ts';
import { filesBelow } from '../bootstrap/files.ts';
import type { InitContext } from '../bootstrap/init/context.ts';
import { dryDisk, dryServices } from '../bootstrap/init/dry-run.ts';
import { markingDisk } from '../bootstrap/init/marking-disk.ts';
import { INIT_PHASES } from '../bootstrap/init/phases.ts';
import { type ExternalEtcdMark, etcdMarkOf } from '../bootstrap/marker/format.ts';
import { readMarker, takeOver } from '../bootstrap/marker.ts';
import { runPhase, runPhases } from '../bootstrap/phases.ts';
import { readStanding } from '../bootstrap/standing/read.ts';
import { nextRecord, recordText } from '../bootstrap/standing/record.ts';
import { isInsideHost } from '../local-cluster/host/inside.ts';
import { defaultAddress } from './default-address.ts';
import { words } from './flag-values.ts';
import { gantryArgv } from './gantry-argv.ts';
import { holdingNode } from './hold-node.ts';
import { type GivenConfiguration, givenConfiguration, type InitFlags, withAddon } from './init-configuration.ts';
import { decideInit } from './init-decision.ts';
import { untilInterrupted } from './interrupt.ts';
import { exitCodeOf, withPrepared } from './preflight-exit.ts';
import { runtimeSockets } from './runtime-sockets.ts';
import { servicesHere } from './services-here.ts';

/** `gantry init`: makes this machine the first node of a cluster. Returns the exit code. Safe to run again: what is not said stays as it stands. */
export function initCommand(flags: InitFlags): Promise<number> {
  return run('gantry init', flags, givenConfiguration, async ({ context: prepared, skip, changes }, signal) => {
    const etcd = etcdMarkOf(prepared.settings.cluster.etcd);
    const { files, dryRun } = prepared;
    const onPassed = (): void => {
      if (!dryRun) takeOver(files, etcd);
      remember(prepared, changes, false);
    };
    const context = withMarks({ ...prepared, onPassed }, etcd);
    if (skip.includes('preflight')) onPassed();
    console.log(`[init] Using Kubernetes version: ${context.settings.cluster.kubernetesVersion}`);
    await runPhases(INIT_PHASES, context, {
      skip,
      faultPointAfter: name => `bootstrap/init/${name}`,
      write: line => console.log(line),
      signal,
    });
    if (!dryRun && !skip.some(path => path.startsWith('upload-config'))) remember(prepared, changes, true);
  });
}

/** Phases that make nothing. */
const LOOKING = ['preflight', 'show-join-command'];

/** `gantry init phase …`: one phase alone, `certs/ca` for a part of one, on what stands here. Returns the exit code. */
export function initPhaseCommand(path: string, flags: InitFlags): Promise<number> {
  const given = (): GivenConfiguration => withAddon(path, givenConfiguration(flags));
  const command = LOOKING.includes(path) ? undefined : `gantry init phase ${path.replace('/', ' ')}`;
  return run(command, flags, given, async ({ context, changes }, signal) => {
    const etcd = etcdMarkOf(context.settings.cluster.etcd);
    // a configuration is not given to every phase: that it names no external etcd says little, unless one of this machine is made
    const says = etcd !== 'local' || /^(etcd|certs\/etcd)/.test(path);
    const marked = withMarks(context, says ? etcd : undefined);
    const alone = { ...marked, saysNoConfiguration: flags.config === undefined };
    await runPhase(INIT_PHASES, path, alone, { write: line => console.log(line), signal });
    // one that found everything there has left no marker, so nothing stands here by init
    if (!LOOKING.includes(path) && readMarker(context.files)?.command === 'init') remember(context, changes, false);
  });
}

/** The same, with what it makes written down before. A dry run makes nothing. */
function withMarks(context: InitContext, etcd: ExternalEtcdMark | 'local' | undefined): InitContext {
  const { dryRun, disk, files } = context;
  return dryRun ? context : { ...context, disk: markingDisk(disk, files, etcd) };
}

/** Leaves what it was told for the next command here. One that is told what stands already leaves that as it is. */
function remember({ settings, files, disk }: InitContext, changes: boolean, isFinished: boolean): void {
  const path = files.initConfiguration;
  const before = disk.exists(path) ? disk.read(path) : '';
  const now = nextRecord(before, recordText(settings, files), { changes, isFinished });
  if (now !== before) disk.write(path, now, 0o600);
}

interface Prepared {
  readonly context: InitContext;
  readonly skip: readonly string[];
  /** Of Decision. */
  readonly changes: boolean;
}

/** `command` as in holdingNode. */
function run(
  command: string | undefined,
  flags: InitFlags,
  configure: (flags: InitFlags) => GivenConfiguration,
  work: (prepared: Prepared, signal: AbortSignal) => Promise<void>,
): Promise<number> {
  return untilInterrupted(signal =>
    holdingNode(command, hold =>
      withPrepared(
        async () => {
          const given = configure(flags);
          const dryRun = flags.dryRun ?? given.documents.init?.['dryRun'] === true;
          if (!dryRun) await hold();
          return prepare(flags, given, signal);
        },
        prepared => exitCodeOf(() => work(prepared, signal)),
      ),
    ),
  );
}

async function prepare(flags: InitFlags, given: GivenConfiguration, signal: AbortSignal): Promise<Prepared> {
  const services = servicesHere();
  const standing = await readStanding(services, signal);
  const { init, settings, pkiDir, skip, changes, taintsSaid, taintsDropped, warnings } = decideInit(given, standing, {
    skipPhases: flags.skipPhases,
    address: () => defaultAddress('--apiserver-advertise-address'),
  });
  if (standing?.silentBecause !== undefined)
    console.log(
      `[config] WARNING: what the ConfigMaps of the cluster say is not known (${standing.silentBecause}): it goes by what init was told here last`,
    );
  if (standing?.isAhead === true)
    console.log(
      '[config] WARNING: an init before did not end, or a phase alone has changed something since: the ConfigMaps of the cluster are written as init was told here last, not as they were changed there',
    );
  for (const warning of warnings) console.log(`[config] WARNING: ${warning}`);
  const { etcd } = settings.cluster;
  const dryRun = flags.dryRun ?? init.dryRun ?? false;
  const print = (text: string): void => console.log(text);
  const context: InitContext = {
    settings,
    files: filesBelow('/', {
      certificatesDir: pkiDir,
      ...(etcd.kind === 'local' ? { etcdDataDir: etcd.dataDir } : {}),
    }),
    disk: dryRun ? dryDisk(realDisk, print) : realDisk,
    insideHost: isInsideHost(),
    dryRun,
    services: dryRun && services !== undefined ? dryServices(services, print) : services,
    gantry: gantryArgv(),
    runtimeSockets: runtimeSockets(),
    ignoredChecks: [
      ...(init.nodeRegistration.ignorePreflightErrors ?? []),
      ...words(flags.ignorePreflightErrors ?? ''),
    ],
    taintsSaid,
    taintsDropped,
    keepsUploaded: standing?.silentBecause !== undefined && !changes,
    clock: systemClock,
    skipTokenPrint: flags.skipTokenPrint === true,
    print,
  };
  return { context, skip, changes };
}
