import { existsSync, rmdirSync, rmSync } from 'node:fs';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { NetlinkSocket } from '../../linux/netlink/socket.ts';
import { NftContext } from '../../linux/nft.ts';
import type { Marker } from '../marker/format.ts';
import { readMarker } from '../marker.ts';
import type { Say } from '../phases.ts';
import { CONTROL_PLANE_SERVICE, CRI_SERVICE, ETCD_SERVICE, NODE_SERVICE } from '../services.ts';
import type { ResetContext } from './context.ts';
import { describeRemovals, subject } from './describe.ts';
import { directoryProblems } from './directories.ts';
import { withoutGivenPair } from './elsewhere/given-pair.ts';
import { reachable } from './elsewhere/look.ts';
import { readResetFacts } from './facts.ts';
import { isBelow } from './is-below.ts';
import { forgetKeptConfigurations } from './kept-configuration.ts';
import { planReset, type Removal, type ResetFacts, type ResetPlan } from './plan.ts';
import { applyRemoval } from './remove.ts';
import { listPods, stopPods } from './stop-pods.ts';
import { traceProblems } from './traces.ts';

/** A daemon that has not ended by then is killed: what it would still do is undone here in any case. */
const DAEMON_PATIENCE_MS = 3000;
/** What hung is taken away in the next round, once what it hung on is gone. */
const ROUNDS = 4;
const DEFAULT_ENDPOINT = 'unix:///run/gantry/cri.sock';

/** Stops what runs and takes away what was made. Throws with all that is left of it, each with its reason. */
export async function cleanupNode(phase: ResetContext, say: Say, signal: AbortSignal): Promise<void> {
  const marker = readMarker(phase.files);
  const { context: configured, unreachable } = await withConfigured(phase, say, signal);
  const facts = await look(configured, marker, signal);
  const context = knowing(configured, facts);
  if (marker === undefined && facts.services.every(({ traces }) => traces.length === 0)) {
    const unknown = traceProblems(facts.services);
    if (unknown.length > 0) throw failedPrecondition(unknown.join('\n'));
    say(
      `Neither "gantry init" nor "gantry join" has run here (there is no ${context.files.marker}): there is nothing to take away`,
    );
    return;
  }
  if (context.dryRun) {
    await tellPlan(context, facts, say, signal);
    for (const problem of [...lookProblems(facts), ...unreachable]) say(problem);
    return;
  }
  await stopEverything(context, say, signal);
  const { problems: refused, left } = await removeAll(context, marker, say, signal);
  const problems = [...refused];
  for (const { what, because } of left) say(`Left as it is: ${what} (${because})`);
  problems.push(...unreachable);
  if (problems.length > 0)
    throw failedPrecondition(
      `${problems.length === 1 ? 'this is' : 'these are'} left of the node, so run "gantry reset" again:\n${problems.map(problem => `\t${problem}`).join('\n')}`,
    );
  faultPoint('reset/all-removed');
  forgetNode(context, marker, say);
}

/** What the phase works with: the places in which parts of this node were told to have their things, too. */
interface NodeContext extends ResetContext {
  readonly runtimeEndpoint: string;
}

async function withConfigured(
  context: ResetContext,
  say: Say,
  signal: AbortSignal,
): Promise<{ readonly context: NodeContext; readonly unreachable: readonly string[] }> {
  const configured = await context.readConfigured();
  for (const problem of configured.problems) say(`${problem}: places that it names are not looked into`);
  const { places, problems } = await reachable(configured.places, signal);
  const runtimeEndpoint = context.runtimeEndpoint ?? configured.runtimeEndpoint ?? DEFAULT_ENDPOINT;
  const names = { ...context.names, elsewhere: places.map(withoutGivenPair), cgroupRoots: configured.cgroupRoots };
  return { context: { ...context, names, runtimeEndpoint }, unreachable: problems };
}

function look(context: ResetContext, marker: Marker | undefined, signal: AbortSignal): Promise<ResetFacts> {
  const { names, services, cleanupTmpDir, homes, readProxyTraces } = context;
  return readResetFacts({ names, marker, services, cleanupTmpDir, homes, readProxyTraces, signal });
}

/** What did not answer once is not asked again. */
function knowing<T extends ResetContext>(context: T, { silent }: ResetFacts): T {
  return { ...context, names: { ...context.names, silent } };
}

async function tellPlan(context: NodeContext, facts: ResetFacts, say: Say, signal: AbortSignal): Promise<void> {
  const pods = await listPods(context.runtimeEndpoint, signal);
  if (pods !== undefined && pods.length > 0) say(`Would stop ${pods.length} pods: ${pods.join(', ')}`);
  const plan = planReset(facts, context.names);
  for (const line of describeRemovals(plan.removals, 'would')) say(line);
  if (existsSync(context.files.marker)) say(`Would remove ${context.files.marker} (what is known of this node)`);
  for (const { what, because } of plan.left) say(`Would leave as it is: ${what} (${because})`);
}

/** The node's daemon first, which would start pods again; the runtime last, which is needed to stop them. */
async function stopEverything(context: NodeContext, say: Say, signal: AbortSignal): Promise<void> {
  const stop = async (name: string): Promise<void> => {
    try {
      await context.services?.stop(name, { patienceMs: DAEMON_PATIENCE_MS, signal });
    } catch (error) {
      signal.throwIfAborted();
      say(`${name} does not end yet: ${errorMessage(error)}`);
    }
  };
  say('Stopping the daemons of this node');
  await stop(NODE_SERVICE);
  faultPoint('reset/node-stopped');
  const control = stop(CONTROL_PLANE_SERVICE).then(() => stop(ETCD_SERVICE));
  const pods = endPods(context, say, signal);
  await Promise.all([control, pods]);
  faultPoint('reset/pods-stopped');
  await stop(CRI_SERVICE);
  faultPoint('reset/daemons-stopped');
}

async function endPods({ runtimeEndpoint }: NodeContext, say: Say, signal: AbortSignal): Promise<void> {
  const known = await listPods(runtimeEndpoint, signal);
  if (known === undefined) {
    say(`The container runtime at ${runtimeEndpoint} does not answer: pods are taken away by what is found of them`);
    return;
  }
  if (known.length === 0) return;
  say(`Stopping ${known.length} pods`);
  try {
    const { stopped, problems } = await stopPods(runtimeEndpoint, signal);
    for (const problem of problems) say(`Not stopped by the runtime: ${problem}`);
    if (stopped.length > 0) say(`Stopped ${stopped.length} pods: ${stopped.join(', ')}`);
  } catch (error) {
    signal.throwIfAborted();
    say(`The container runtime does not stop them: ${errorMessage(error)}`);
  }
}

async function removeAll(
  given: ResetContext,
  marker: Marker | undefined,
  say: Say,
  signal: AbortSignal,
): Promise<{ readonly problems: readonly string[]; readonly left: ResetPlan['left'] }> {
  let problems: readonly string[] = [];
  let left: ResetPlan['left'] = [];
  let context = given;
  const tried = new Set<string>();
  const hanging = new Map<string, string>();
  for (let round = 1; round <= ROUNDS; round += 1) {
    const facts = await look(context, marker, signal);
    context = knowing(context, facts);
    const plan = planReset(facts, context.names);
    left = plan.left;
    // a look at the end too: what was still on its way out, or came meanwhile, is seen then
    const removals = plan.removals.filter(removal => !tried.has(keyOf(removal)) && !hanging.has(keyOf(removal)));
    const hung = plan.removals.flatMap(removal => hanging.get(keyOf(removal)) ?? []);
    if (round > 1 && removals.every(isOnlyEmpty)) return { problems: [...hung, ...lookProblems(facts)], left };
    const outcome = await removeOnce(context, facts, removals, signal);
    for (const line of describeRemovals(outcome.gone, 'done')) say(line);
    problems = [...outcome.failed.map(({ problem }) => problem), ...hung, ...lookProblems(facts)];
    // a daemon that the kernel does not let go of costs ten seconds each time: what held it was taken away in the first round, or stays
    for (const { removal, problem } of outcome.failed)
      if (round > 1 && removal.kind === 'service') hanging.set(keyOf(removal), problem);
    // a directory in which somebody else has mounted something stays, however often it is emptied
    for (const removal of outcome.done) if (round > 1 || holdsMounts(removal, left)) tried.add(keyOf(removal));
  }
  return { problems, left };
}

const keyOf = (removal: Removal): string => `${removal.kind} ${subject(removal)}`;

function holdsMounts(removal: Removal, left: ResetPlan['left']): boolean {
  return removal.kind === 'file' && left.some(({ what }) => isBelow(what, removal.file.path));
}

/** A directory that was to go once it is empty, and is not: somebody else has something in it. */
function isOnlyEmpty(removal: Removal): boolean {
  return removal.kind === 'file' && removal.file.kind === 'empty-directory';
}

async function removeOnce(
  { services, removeProxyRules }: ResetContext,
  facts: ResetFacts,
  removals: readonly Removal[],
  signal: AbortSignal,
): Promise<{
  readonly done: readonly Removal[];
  readonly gone: readonly Removal[];
  readonly failed: readonly { readonly removal: Removal; readonly problem: string }[];
}> {
  const done: Removal[] = [];
  const gone: Removal[] = [];
  const failed: { removal: Removal; problem: string }[] = [];
  const types = new Map(facts.mounts.map(({ target, fstype }) => [target, fstype]));
  const unmounts = removals.flatMap(removal =>
    removal.kind === 'unmount' ? [{ ...removal, fstype: types.get(removal.target) ?? '' }] : [],
  );
  const socket = NetlinkSocket.open();
  // where its library is missing nobody has made a table
  const nft = facts.tables.length === 0 ? undefined : NftContext.open();
  try {
    for (const removal of removals) {
      signal.throwIfAborted();
      try {
        const tools = { socket, nft, services, unmounts, removeProxyRules, signal };
        if (await applyRemoval(removal, tools)) gone.push(removal);
        done.push(removal);
        faultPoint('reset/thing-removed');
      } catch (error) {
        signal.throwIfAborted();
        failed.push({ removal, problem: `${subject(removal)}: ${errorMessage(error)}` });
      }
    }
  } finally {
    nft?.close();
    socket.close();
  }
  return { done, gone, failed };
}

/** Last of all: from here on nothing was ever made here. */
function forgetNode({ files, names }: ResetContext, marker: Marker | undefined, say: Say): void {
  for (const path of forgetKeptConfigurations(names.configDir))
    say(`Removed ${path} (kept when the package was removed)`);
  rmSync(files.marker, { force: true });
  if (marker !== undefined) say(`Removed ${files.marker} (what is known of this node)`);
  if (marker?.standing.includes(names.configDir) === true) return;
  try {
    rmdirSync(names.configDir);
    say(`Removed ${names.configDir} (was not there before)`);
  } catch {
    // it holds what somebody else has put there, or is a mount
  }
}

/** Why not everything is known that may be left. Pure. */
function lookProblems({ services, unreadable }: ResetFacts): readonly string[] {
  return [...traceProblems(services), ...directoryProblems(unreadable)];
}
