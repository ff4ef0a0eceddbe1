import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import type { Lease } from '../api/types/gen/coordination-v1.ts';
import type { Clock } from '../base/clock.ts';
import { errorCode, errorMessage, isNotFound } from '../base/errors.ts';
import { deadlineSignal, sleep } from '../base/signals.ts';
import { type Claim, decideClaim, LEASE_SECONDS, type SeenLease } from './lease-claim.ts';
import type { ResourceClient } from './resource-client.ts';

/**
 * What candidates of one machine can know of each other beside the lease: whether the process that went by a name has ended. Who knows that need not wait
 * for its lease to run out.
 */
export interface CandidateLives {
  /** Before the candidate first writes its name into the lease, in the place of `holder` where there is one. */
  begin(identity: string, holder: string): void;
  /** True only where it is certain that whoever went by this name does nothing any more. */
  hasEnded(identity: string): boolean;
  /** What the candidate did has ended. */
  end(identity: string): void;
}

export interface ElectionOptions {
  readonly leases: ResourceClient<Lease>;
  readonly namespace: string;
  readonly name: string;
  /** Unique among the candidates: host name and something random. */
  readonly identity: string;
  readonly clock: Clock;
  readonly lives?: CandidateLives;
  readonly onTrouble: (message: string) => void;
}

/** What a process needs to say to lead by a lease of kube-system. */
export interface LeadershipOptions {
  readonly leases: ResourceClient<Lease>;
  /** The name of the lease: `kube-scheduler`. */
  readonly name: string;
  readonly clock: Clock;
  readonly lives?: CandidateLives;
  readonly onTrouble: (message: string) => void;
  /** Told when it begins to lead, with the name that it goes by and why it may. */
  readonly onLeading: (identity: string, because: string) => void;
}

const LEASE_NAMESPACE = 'kube-system';

/** Upstream's figures: a leader gives up after 10 s without success; 2 s between tries. */
const RENEW_DEADLINE_MS = 10_000;
const RETRY_MS = 2_000;
/** For one look and one write: two of them fit into the time that a leader has. */
const TRY_MS = 5_000;

/** `runElected` for a part of the control plane, under the name of its host. Rejects when the lease is lost: the process should end. */
export async function leadByLease(
  { onLeading, ...options }: LeadershipOptions,
  signal: AbortSignal,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const identity = `${hostname()}_${randomBytes(8).toString('hex')}`;
  const ended = await runElected({ ...options, namespace: LEASE_NAMESPACE, identity }, signal, (leading, because) => {
    onLeading(identity, because);
    return lead(leading);
  });
  if (ended === 'lost') throw new Error(`the lease ${LEASE_NAMESPACE}/${options.name} is lost`);
}

/**
 * Leads, or waits to lead, until the signal aborts. `lead` runs while this candidate holds the lease; its signal aborts when the lease is lost, and then the
 * promise of the whole resolves with 'lost': what was led may go on elsewhere, so the process should end. At a stop the lease is given back, so that the next one takes it at once.
 */
export async function runElected(
  options: ElectionOptions,
  signal: AbortSignal,
  lead: (signal: AbortSignal, because: string) => Promise<void>,
): Promise<'stopped' | 'lost'> {
  const election = new Election(options);
  try {
    return await runWith(election, signal, lead);
  } finally {
    options.lives?.end(options.identity);
  }
}

async function runWith(
  election: Election,
  signal: AbortSignal,
  lead: (signal: AbortSignal, because: string) => Promise<void>,
): Promise<'stopped' | 'lost'> {
  const because = await election.acquire(signal);
  if (because === undefined) return 'stopped';
  const leading = new AbortController();
  // Whatever is led listens to this one: that there are many is no leak, which Node would warn of from eleven on.
  setMaxListeners(0, leading.signal);
  const stop = (): void => leading.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const work = lead(leading.signal, because);
  const failed = work.then(
    () => undefined,
    (error: unknown) => error,
  );
  let isLost = false;
  const holding = election.hold(leading.signal).then(held => {
    isLost = !held;
    if (isLost) leading.abort(new Error('the lease is lost'));
  });
  const failure = await failed;
  leading.abort(new Error('nothing is led any more'));
  await holding;
  signal.removeEventListener('abort', stop);
  if (!isLost) await election.release();
  if (failure !== undefined && !isLost && !signal.aborted) throw failure;
  return isLost ? 'lost' : 'stopped';
}

class Election {
  readonly #options: ElectionOptions;
  #seen: SeenLease = { lease: undefined, changedAt: 0 };
  #because = '';

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  /** Why the lease may be held, once it is; undefined when the signal aborted before. */
  async acquire(signal: AbortSignal): Promise<string | undefined> {
    while (!signal.aborted) {
      const pause = await this.#try(signal, holder => this.#hasEnded(holder));
      if (pause === undefined) return this.#because;
      await sleep(pause, signal, this.#options.clock).catch(() => {});
    }
    return undefined;
  }

  /** Renews until the signal aborts (true) or renewing has failed for too long (false). */
  async hold(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    let renewed = clock.monotonic();
    while (!signal.aborted) {
      await sleep(RETRY_MS, signal, clock).catch(() => {});
      if (signal.aborted) break;
      const pause = (await this.#renewUnseen(signal)) ? undefined : await this.#try(signal, () => false);
      if (signal.aborted) break;
      if (pause === undefined) renewed = clock.monotonic();
      else if (this.#isElses() || clock.monotonic() - renewed > RENEW_DEADLINE_MS) return false;
    }
    return true;
  }

  /** Renews a lease that is held by what was seen of it last, as upstream does: false where that is refused or fails, and a look has to show why. */
  async #renewUnseen(signal: AbortSignal): Promise<boolean> {
    const { clock, name, identity } = this.#options;
    const { lease, changedAt } = this.#seen;
    if (lease?.spec?.holderIdentity !== identity) return false;
    if (clock.monotonic() - changedAt >= LEASE_SECONDS * 1000) return false;
    const owned = deadlineSignal(TRY_MS, `the lease ${name}`, signal, clock);
    try {
      await this.#write({ kind: 'renew' }, owned.signal);
      return true;
    } catch {
      return false;
    } finally {
      owned.release();
    }
  }

  /** Gives the lease back; whoever fails here leaves it to its time. A renewal that was cut off may have been carried out: a conflict is looked at once more. */
  async release(): Promise<void> {
    const signal = AbortSignal.timeout(5_000);
    try {
      try {
        await this.#giveBack(signal);
      } catch (error) {
        if (errorCode(error) !== 'aborted') throw error;
        await this.#look(signal);
        if (!this.#isElses()) await this.#giveBack(signal);
      }
    } catch (error) {
      this.#options.onTrouble(`giving back the lease failed: ${errorMessage(error)}`);
    }
  }

  async #giveBack(signal: AbortSignal): Promise<void> {
    const { leases, clock } = this.#options;
    const { lease } = this.#seen;
    if (lease === undefined) return;
    const now = microTime(clock.now());
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
    await leases.update({ ...lease, spec }, signal);
  }

  #isElses(): boolean {
    const holder = this.#seen.lease?.spec?.holderIdentity ?? '';
    return holder !== '' && holder !== this.#options.identity;
  }

  /**
   * One try; undefined when the lease is held, else the pause in ms before the next one. Who leads has lost the lease to another one, whatever became of that:
   * only a candidate asks whether it has ended.
   */
  async #try(signal: AbortSignal, hasEnded: (holder: string) => boolean): Promise<number | undefined> {
    const { clock, identity, onTrouble, name } = this.#options;
    const owned = deadlineSignal(TRY_MS, `the lease ${name}`, signal, clock);
    try {
      await this.#look(owned.signal);
      const claim = decideClaim(this.#seen, identity, clock.monotonic(), hasEnded);
      if (claim.kind === 'wait') return Math.min(claim.forMs, RETRY_MS);
      if (claim.kind !== 'renew') this.#showLife();
      await this.#write(claim, owned.signal);
      if (claim.kind !== 'renew') this.#because = claim.kind === 'create' ? 'there was no lease' : claim.because;
      return undefined;
    } catch (error) {
      if (!signal.aborted) onTrouble(`lease ${name}: ${errorMessage(error)}`);
      return RETRY_MS;
    } finally {
      owned.release();
    }
  }

  /** Where that cannot be found out it is not certain. */
  #hasEnded(holder: string): boolean {
    try {
      return this.#options.lives?.hasEnded(holder) ?? false;
    } catch {
      return false;
    }
  }

  /** Who cannot show it leads all the same: others wait for the lease then. */
  #showLife(): void {
    const { lives, identity, onTrouble } = this.#options;
    try {
      lives?.begin(identity, this.#seen.lease?.spec?.holderIdentity ?? '');
    } catch (error) {
      onTrouble(`others on this machine do not see that ${identity} lives: ${errorMessage(error)}`);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { leases, namespace, name, clock } = this.#options;
    const lease = await leases.get(namespace, name, signal).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const isNew = lease?.metadata.resourceVersion !== this.#seen.lease?.metadata.resourceVersion;
    if (isNew || lease === undefined) this.#seen = { lease, changedAt: clock.monotonic() };
  }

  async #write(claim: Exclude<Claim, { kind: 'wait' }>, signal: AbortSignal): Promise<void> {
    const { leases, namespace, name, identity, clock } = this.#options;
    const now = microTime(clock.now());
    const { lease } = this.#seen;
    const transitions = lease?.spec?.leaseTransitions ?? 0;
    const spec = {
      ...lease?.spec,
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_SECONDS,
      acquireTime: claim.kind === 'renew' ? lease?.spec?.acquireTime : now,
      renewTime: now,
      leaseTransitions: claim.kind === 'take-over' ? transitions + 1 : transitions,
    };
    const written =
      lease === undefined
        ? await leases.create({ metadata: { namespace, name }, spec } as Lease, signal)
        : await leases.update({ ...lease, spec }, signal);
    this.#seen = { lease: written, changedAt: clock.monotonic() };
  }
}

function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}
