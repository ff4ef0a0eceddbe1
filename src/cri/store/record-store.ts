import { invalidArgument, notFound } from '../../base/errors.ts';
import { type ContainerRecord, containerState } from './container-record.ts';
import type { RecordFiles } from './record-files.ts';
import { type SandboxRecord, sandboxState } from './sandbox-record.ts';

/**
 * Sandboxes and containers in memory and on disk. Records are replaced, never changed in place. Two kinds of writes: `put` and `update` promise
 * something to a client, so when the disk is full they throw and the memory stays as it was; `mark` writes down what has happened already, so
 * the memory follows whatever the disk says: on a full disk pods must still be stopped, and a restart finds the same facts again
 * (exit files, processes).
 */
export class RecordStore {
  readonly #files: RecordFiles;
  readonly #onUnwritten: (id: string, error: unknown) => void;
  readonly #sandboxes = new Map<string, SandboxRecord>();
  readonly #containers = new Map<string, ContainerRecord>();
  readonly #containersOf = new Map<string, Set<string>>();

  /** `onUnwritten` is told of a mark that is in memory only. */
  constructor(files: RecordFiles, onUnwritten: (id: string, error: unknown) => void = () => {}) {
    this.#files = files;
    this.#onUnwritten = onUnwritten;
  }

  /** Takes records that are on disk already. */
  load(sandboxes: readonly SandboxRecord[], containers: readonly ContainerRecord[]): void {
    for (const record of sandboxes) this.#sandboxes.set(record.id, record);
    for (const record of containers) this.#keep(record);
  }

  putSandbox(record: SandboxRecord): SandboxRecord {
    this.#files.writeSandbox(record);
    this.#sandboxes.set(record.id, record);
    return record;
  }

  putContainer(record: ContainerRecord): ContainerRecord {
    this.#files.writeContainer(record);
    this.#keep(record);
    return record;
  }

  /** Changes fields of a sandbox; undefined when it is gone by now (nothing is written then). */
  updateSandbox(id: string, change: Partial<SandboxRecord>): SandboxRecord | undefined {
    const record = this.#sandboxes.get(id);
    return record === undefined ? undefined : this.putSandbox({ ...record, ...change });
  }

  /** Changes fields of a container; undefined when it is gone by now (nothing is written then). */
  updateContainer(id: string, change: Partial<ContainerRecord>): ContainerRecord | undefined {
    const record = this.#containers.get(id);
    return record === undefined ? undefined : this.putContainer({ ...record, ...change });
  }

  /** Writes down what has happened to a sandbox; undefined when it is gone by now. Never throws. */
  markSandbox(id: string, change: Partial<SandboxRecord>): SandboxRecord | undefined {
    const before = this.#sandboxes.get(id);
    if (before === undefined) return undefined;
    const record = { ...before, ...change };
    this.#tryWrite(id, () => this.#files.writeSandbox(record));
    this.#sandboxes.set(id, record);
    return record;
  }

  /** Writes down what has happened to a container; undefined when it is gone by now. Never throws. */
  markContainer(id: string, change: Partial<ContainerRecord>): ContainerRecord | undefined {
    const before = this.#containers.get(id);
    if (before === undefined) return undefined;
    const record = { ...before, ...change };
    this.#tryWrite(id, () => this.#files.writeContainer(record));
    this.#keep(record);
    return record;
  }

  /** Safe to repeat. */
  deleteSandbox(id: string): void {
    this.#files.deleteSandbox(id);
    this.#sandboxes.delete(id);
    this.#containersOf.delete(id);
  }

  /** Safe to repeat. */
  deleteContainer(id: string): void {
    this.#files.deleteContainer(id);
    const record = this.#containers.get(id);
    if (record === undefined) return;
    this.#containers.delete(id);
    this.#containersOf.get(record.sandboxId)?.delete(id);
  }

  sandbox(id: string): SandboxRecord | undefined {
    return this.#sandboxes.get(id);
  }

  container(id: string): ContainerRecord | undefined {
    return this.#containers.get(id);
  }

  allSandboxes(): readonly SandboxRecord[] {
    return [...this.#sandboxes.values()];
  }

  allContainers(): readonly ContainerRecord[] {
    return [...this.#containers.values()];
  }

  /** All containers of a sandbox, those being created included. */
  containersOf(sandboxId: string): readonly ContainerRecord[] {
    const ids = this.#containersOf.get(sandboxId) ?? [];
    return [...ids].flatMap(id => this.#containers.get(id) ?? []);
  }

  /**
   * The sandbox a client means by a whole id or the beginning of one; those being created are not shown. Throws `invalid-argument` for no id at all and for a beginning
   * of several: a call that is fine with what is not there (StopPodSandbox) may not take that for it.
   */
  findSandbox(reference: string): SandboxRecord | undefined {
    const found = find(this.#sandboxes, 'pod_sandbox_id', reference);
    return found === undefined || sandboxState(found) === 'creating' ? undefined : found;
  }

  /** The container a client means, by the same rules. */
  findContainer(reference: string): ContainerRecord | undefined {
    const found = find(this.#containers, 'container_id', reference);
    return found === undefined || containerState(found) === 'creating' ? undefined : found;
  }

  /** As findSandbox; throws `not-found`, which the kubelet takes for "gone". */
  requireSandbox(reference: string): SandboxRecord {
    const record = this.findSandbox(reference);
    if (record === undefined) throw notFound(`sandbox "${reference}" is not here`);
    return record;
  }

  /** As findContainer; throws `not-found`, which the kubelet takes for "gone". */
  requireContainer(reference: string): ContainerRecord {
    const record = this.findContainer(reference);
    if (record === undefined) throw notFound(`container "${reference}" is not here`);
    return record;
  }

  /** The READY sandbox made for a key, if there is one: what a repeated RunPodSandbox is answered with. */
  readySandboxByKey(key: string): SandboxRecord | undefined {
    return this.allSandboxes().find(s => s.key === key && sandboxState(s) === 'ready');
  }

  /** The container of a sandbox made for a key that has not ended: what a repeated CreateContainer is answered with. */
  liveContainerByKey(sandboxId: string, key: string): ContainerRecord | undefined {
    return this.containersOf(sandboxId).find(
      c => c.key === key && (containerState(c) === 'created' || containerState(c) === 'running'),
    );
  }

  #tryWrite(id: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#onUnwritten(id, error);
    }
  }

  #keep(record: ContainerRecord): void {
    this.#containers.set(record.id, record);
    const ids = this.#containersOf.get(record.sandboxId);
    if (ids === undefined) this.#containersOf.set(record.sandboxId, new Set([record.id]));
    else ids.add(record.id);
  }
}

function find<R>(records: ReadonlyMap<string, R>, field: string, reference: string): R | undefined {
  if (reference === '') throw invalidArgument(`${field} is empty`);
  const exact = records.get(reference);
  if (exact !== undefined || reference.length >= 64) return exact;
  let found: R | undefined;
  for (const [id, record] of records) {
    if (!id.startsWith(reference)) continue;
    if (found !== undefined)
      throw invalidArgument(`${field} "${reference}" is the beginning of several ids: give more of it`);
    found = record;
  }
  return found;
}
