import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { errorCode, errorMessage } from '../base/errors.ts';
import { initSettings } from '../bootstrap/configuration/init-settings.ts';
import { realDisk } from '../bootstrap/disk.ts';
import { filesBelow } from '../bootstrap/files.ts';
import type { InitContext } from '../bootstrap/init/context.ts';
import { dryDisk, dryServices } from '../bootstrap/init/dry-run.ts';
import { INIT_PHASES } from '../bootstrap/init/phases.ts';
import { ensureMarker } from '../bootstrap/marker.ts';
import { checkPhases, runPhase, runPhases } from '../bootstrap/phases.ts';
import { generateToken } from '../bootstrap/token.ts';
import { isInsideHost } from '../local-cluster/host/inside.ts';
import { defaultAddress } from './default-address.ts';
import { words } from './flag-values.ts';
import { gantryArgv } from './gantry-argv.ts';
import { type InitFlags, initConfiguration, knownFlags } from './init-configuration.ts';
import { untilInterrupted } from './interrupt.ts';
import { exitCodeOf } from './preflight-exit.ts';
import { servicesHere } from './services-here.ts';
import { VERSION } from './version.ts';

/** kubeadm's exit code of a configuration that is wrong. */
const VALIDATION_EXIT_CODE = 3;
/** They make nothing here, so that nothing has to be remembered of them. */
const CHANGE_NOTHING = ['preflight', 'show-join-command'];

/** `gantry init`: makes this machine the first node of a cluster. Returns the exit code. Safe to run again. */
export function initCommand(flags: InitFlags): Promise<number> {
  return run(flags, async ({ context, skip }, signal) => {
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
    if (!context.dryRun && !CHANGE_NOTHING.includes(path)) ensureMarker(context.files, 'init');
    await runPhase(INIT_PHASES, path, context, { write: line => console.log(line), signal });
  });
}

interface Prepared {
  readonly context: InitContext;
  readonly skip: readonly string[];
}

function run(flags: InitFlags, work: (prepared: Prepared, signal: AbortSignal) => Promise<void>): Promise<number> {
  return untilInterrupted(async signal => {
    let prepared: Prepared;
    try {
      prepared = prepare(flags);
    } catch (error) {
      if (errorCode(error) !== 'invalid-argument') throw error;
      // one line for each thing that is wrong
      process.stderr.write(`gantry: ${error instanceof Error ? error.message : errorMessage(error)}\n`);
      return VALIDATION_EXIT_CODE;
    }
    return exitCodeOf(() => work(prepared, signal));
  });
}

function prepare(flags: InitFlags): Prepared {
  const given = initConfiguration(flags);
  const { init } = given;
  const skip = flags.skipPhases === undefined ? (init.skipPhases ?? []) : words(flags.skipPhases);
  checkPhases(skip, INIT_PHASES, flags.skipPhases === undefined ? 'skipPhases: ' : '--skip-phases: ');
  const settings = initSettings(
    given,
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
