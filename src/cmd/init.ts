import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { initSettings } from '../bootstrap/configuration/init-settings.ts';
import { realDisk } from '../bootstrap/disk.ts';
import { filesBelow } from '../bootstrap/files.ts';
import type { InitContext } from '../bootstrap/init/context.ts';
import { dryDisk, dryServices } from '../bootstrap/init/dry-run.ts';
import { markingDisk } from '../bootstrap/init/marking-disk.ts';
import { INIT_PHASES } from '../bootstrap/init/phases.ts';
import { type ExternalEtcdMark, etcdMarkOf } from '../bootstrap/marker/format.ts';
import { takeOver } from '../bootstrap/marker.ts';
import { checkPhases, runPhase, runPhases } from '../bootstrap/phases.ts';
import { generateToken } from '../bootstrap/token.ts';
import { isInsideHost } from '../local-cluster/host/inside.ts';
import { defaultAddress } from './default-address.ts';
import { words } from './flag-values.ts';
import { gantryArgv } from './gantry-argv.ts';
import { type InitFlags, initConfiguration, knownFlags } from './init-configuration.ts';
import { untilInterrupted } from './interrupt.ts';
import { exitCodeOf, withPrepared } from './preflight-exit.ts';
import { runtimeSockets } from './runtime-sockets.ts';
import { servicesHere } from './services-here.ts';
import { VERSION } from './version.ts';

/** `gantry init`: makes this machine the first node of a cluster. Returns the exit code. Safe to run again. */
export function initCommand(flags: InitFlags): Promise<number> {
  return run(flags, async ({ context: prepared, skip }, signal) => {
    const etcd = etcdMarkOf(prepared.settings.cluster.etcd);
    const { files, dryRun } = prepared;
    const context = withMarks({ ...prepared, onPassed: () => takeOver(files, etcd) }, etcd);
    if (!dryRun && skip.includes('preflight')) takeOver(files, etcd);
    console.log(`[init] Using Kubernetes version: ${context.settings.cluster.kubernetesVersion}`);
    await runPhases(INIT_PHASES, context, {
      skip,
      faultPointAfter: name => `bootstrap/init/${name}`,
      write: line => console.log(line),
      signal,
    });
  });
}

/** `gantry init phase …`: one phase alone, `certs/ca` for a part of one. Returns the exit code. */
export function initPhaseCommand(path: string, flags: InitFlags): Promise<number> {
  return run(flags, async ({ context }, signal) => {
    const etcd = etcdMarkOf(context.settings.cluster.etcd);
    // a configuration is not given to every phase: that it names no external etcd says little, unless one of this machine is made
    const says = etcd !== 'local' || /^(etcd|certs\/etcd)/.test(path);
    const marked = withMarks(context, says ? etcd : undefined);
    const alone = { ...marked, saysNoConfiguration: flags.config === undefined };
    await runPhase(INIT_PHASES, path, alone, { write: line => console.log(line), signal });
  });
}

/** The same, with what it makes written down before. A dry run makes nothing. */
function withMarks(context: InitContext, etcd: ExternalEtcdMark | 'local' | undefined): InitContext {
  const { dryRun, disk, files } = context;
  return dryRun ? context : { ...context, disk: markingDisk(disk, files, etcd) };
}

interface Prepared {
  readonly context: InitContext;
  readonly skip: readonly string[];
}

function run(flags: InitFlags, work: (prepared: Prepared, signal: AbortSignal) => Promise<void>): Promise<number> {
  return untilInterrupted(signal =>
    withPrepared(
      () => prepare(flags),
      prepared => exitCodeOf(() => work(prepared, signal)),
    ),
  );
}

function prepare(flags: InitFlags): Prepared {
  const given = initConfiguration(flags);
  const { init } = given;
  const skip = flags.skipPhases === undefined ? (init.skipPhases ?? []) : words(flags.skipPhases);
  checkPhases(skip, INIT_PHASES, flags.skipPhases === undefined ? 'skipPhases: ' : '--skip-phases: ');
  const settings = initSettings(
    { ...given, skip },
    {
      hostname: hostname(),
      address: () => defaultAddress('--apiserver-advertise-address'),
      version: VERSION.replace(/\+.*/, ''),
      newToken: generateToken,
      now: systemClock.now(),
    },
    knownFlags(),
  );
  for (const warning of given.warnings) console.log(`[config] WARNING: ${warning}`);
  const { etcd } = settings.cluster;
  const dryRun = flags.dryRun ?? init.dryRun ?? false;
  const print = (text: string): void => console.log(text);
  const services = servicesHere();
  const context: InitContext = {
    settings,
    files: filesBelow('/', {
      certificatesDir: given.cluster.certificatesDir ?? '/etc/kubernetes/pki',
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
    clock: systemClock,
    skipTokenPrint: flags.skipTokenPrint === true,
    print,
  };
  return { context, skip };
}
