import { hostname } from 'node:os';
import { durationMs } from '../api/duration.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage, failedPrecondition, invalidArgument } from '../base/errors.ts';
import { type Files, filesBelow } from '../bootstrap/files.ts';
import { isSystemdThere } from '../bootstrap/systemd-services.ts';
import { Archive } from '../diagnosis/bundle/archive.ts';
import type { BundleSource } from '../diagnosis/bundle/item.ts';
import { knownSecretsHere } from '../diagnosis/bundle/known-here.ts';
import { certificates } from '../diagnosis/bundle/sources/certificates.ts';
import { clusterObjects } from '../diagnosis/bundle/sources/cluster-objects.ts';
import { configuration, configurationPlaces } from '../diagnosis/bundle/sources/configuration.ts';
import { daemonLogs, unitStates } from '../diagnosis/bundle/sources/daemons.ts';
import { machineState } from '../diagnosis/bundle/sources/machine.ts';
import { networkState } from '../diagnosis/bundle/sources/network.ts';
import { runtimeState } from '../diagnosis/bundle/sources/runtime.ts';
import { silentPlaces } from '../diagnosis/bundle/sources/silent-places.ts';
import { nodeStatus } from '../diagnosis/bundle/sources/status.ts';
import { writeBundle } from '../diagnosis/bundle/write-bundle.ts';
import type { Reach } from '../diagnosis/reach/reach.ts';
import { runtimeEndpointOf } from '../diagnosis/status/machine.ts';
import { clusterEndpoint, placesHere, type ThisNode, thisNode } from '../diagnosis/status/this-node.ts';
import { endProcessSoon } from '../linux/end-process.ts';
import { isInsideHost } from '../local-cluster/host/inside.ts';
import { untilInterrupted } from './interrupt.ts';
import { servicesHere } from './services-here.ts';
import { VERSION } from './version.ts';

/** Flags of `gantry support-bundle`. */
export interface SupportBundleFlags {
  readonly output?: string;
  readonly since: string;
  readonly logs: boolean;
  readonly force?: boolean;
}

/**
 * `gantry support-bundle`: what somebody needs who is to find out what is wrong with this node, in one file without secrets. What does not answer is told in its manifest. Returns
 * 0 when the file is written, whatever is missing in it.
 */
export function supportBundleCommand(flags: SupportBundleFlags): Promise<number> {
  return untilInterrupted(async signal => {
    if (process.getuid?.() !== 0)
      throw failedPrecondition(
        'gantry support-bundle has to be run as root (sudo): logs and settings of the node are for root alone',
      );
    const now = systemClock.now();
    const since = now - sinceMs(flags.since);
    const stamp = new Date(now)
      .toISOString()
      .replace(/\.\d+Z$/, 'Z')
      .replaceAll(':', '');
    const places = await placesHere(filesBelow('/'), signal);
    const { files } = places;
    const reach = await places.reach.look(configurationPlaces(files), signal);
    const node = nodeHere({ ...places, reach });
    const name = node?.name ?? hostname().toLowerCase();
    const folder = `gantry-support-${name}-${stamp}`;
    const output = flags.output ?? `${folder}.tar.gz`;
    const archive = new Archive(output, { folder, force: flags.force ?? false, now });
    try {
      const manifest = await writeBundle(archive, sources(files, node, { reach, now, since, logs: flags.logs }), {
        head: { created: new Date(now).toISOString(), gantry: VERSION, node: name },
        known: knownSecretsHere(files, process.env, reach),
        say: line => console.log(line),
        signal,
      });
      await archive.finish();
      const missing =
        manifest.missing.length === 0 ? '' : `; ${manifest.missing.length} could not be had, see manifest.json`;
      console.log(`wrote ${output}: ${archive.files} files, ${Math.ceil(archive.bytes / 1024)} KiB unpacked${missing}`);
      console.log(
        'Secrets were taken out. Names of pods, images and machines, addresses and logs are in it: look through it before you send it on.',
      );
    } catch (error) {
      await archive.abandon();
      // with the code that main gives the error, which is told first
      endProcessSoon(() => Number(process.exitCode ?? 0) || 1);
      throw error;
    }
    endProcessSoon(() => 0);
    return 0;
  });
}

/** A bundle is made of a machine, too, of which cannot be told whether it is a node. */
function nodeHere(places: Parameters<typeof thisNode>[0]): ThisNode | undefined {
  try {
    return thisNode(places);
  } catch (error) {
    console.log(errorMessage(error));
    return undefined;
  }
}

function sinceMs(text: string): number {
  try {
    return durationMs(text);
  } catch (error) {
    throw invalidArgument(`--since: ${errorMessage(error)}`);
  }
}

function sources(
  files: Files,
  node: ThisNode | undefined,
  {
    reach,
    now,
    since,
    logs,
  }: { readonly reach: Reach; readonly now: number; readonly since: number; readonly logs: boolean },
): readonly BundleSource[] {
  const keeper = isInsideHost() ? 'host' : isSystemdThere() ? 'systemd' : 'nobody';
  return [
    ...(reach.silent.length === 0 ? [] : [silentPlaces(reach)]),
    nodeStatus(node, { services: servicesHere(), keeper, version: VERSION, now }),
    unitStates(keeper),
    ...(logs ? [daemonLogs(keeper, since, reach)] : []),
    configuration(files, reach),
    certificates(files, reach),
    ...(node === undefined
      ? []
      : [clusterObjects(() => clusterEndpoint(node, now), node.name, node.role === 'control-plane')]),
    runtimeState(runtimeEndpointOf(files, reach)),
    networkState(),
    machineState(reach),
  ];
}
