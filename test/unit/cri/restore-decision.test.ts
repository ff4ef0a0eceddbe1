import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideRestore, type Observed, type RestoreAction } from '../../../src/cri/restore-decision.ts';
import {
  BOOT,
  containerRecord,
  createdContainer,
  creatingContainer,
  creatingSandbox,
  idOf,
  sandboxRecord,
  unstartedContainer,
} from './records.ts';

const A = idOf('a');
const B = idOf('b');

/** A machine on which sandbox a and container b run. */
function observed(more: Partial<Observed> = {}): Observed {
  return {
    bootId: BOOT,
    nowNs: 1000n,
    exits: new Map(),
    alive: new Set([A, B]),
    monitored: new Set([A, B]),
    begun: new Set(),
    runtimeStates: new Map([
      [A, 'running'],
      [B, 'running'],
    ]),
    sandboxBundles: [A],
    containerBundles: [B],
    netns: [A],
    writableLayers: [],
    ...more,
  };
}

const kinds = (actions: readonly RestoreAction[]): string[] => actions.map(a => `${a.kind} ${a.id.slice(0, 1)}`);

describe('what is done at start', () => {
  const exit = { id: B, exitCode: 3, finishedAt: 900n, oomKilled: false };
  it.each([
    ['nothing to what runs', [sandboxRecord()], [containerRecord()], observed(), []],
    [
      'an unfinished creation is undone',
      [creatingSandbox()],
      [],
      observed({ containerBundles: [], runtimeStates: new Map([[A, 'created']]) }),
      ['undo-sandbox a'],
    ],
    ['a container being made is undone', [sandboxRecord()], [creatingContainer()], observed(), ['undo-container b']],
    [
      'an unfinished removal is finished, containers first',
      [sandboxRecord({ removedAt: 5n, notReadyAt: 4n })],
      [containerRecord()],
      observed(),
      ['remove-container b', 'remove-sandbox a'],
    ],
    [
      'an exit that happened meanwhile is told',
      [sandboxRecord()],
      [containerRecord()],
      observed({ exits: new Map([[B, exit]]), alive: new Set([A]), monitored: new Set([A]) }),
      ['mark-exited b'],
    ],
    [
      'an end that the monitor is about to tell is left to it',
      [sandboxRecord()],
      [containerRecord()],
      observed({ alive: new Set([A]) }),
      [],
    ],
    [
      'without a monitor and an exit file it is lost',
      [sandboxRecord()],
      [containerRecord()],
      observed({ monitored: new Set([A]) }),
      ['mark-exited b'],
    ],
    ['a start that was not written down is', [sandboxRecord()], [createdContainer()], observed(), ['mark-started b']],
    [
      'what was only created stays created',
      [sandboxRecord()],
      [createdContainer()],
      observed({
        runtimeStates: new Map([
          [B, 'created'],
          [A, 'running'],
        ]),
      }),
      [],
    ],
    [
      'what no start was begun of stays as it is, without a monitor',
      [sandboxRecord()],
      [unstartedContainer()],
      observed({ monitored: new Set([A]), runtimeStates: new Map([[A, 'running']]) }),
      [],
    ],
    [
      'a start that was cut short at its monitor is undone, whatever exit it left',
      [sandboxRecord()],
      [unstartedContainer()],
      observed({
        begun: new Set([B]),
        exits: new Map([[B, exit]]),
        runtimeStates: new Map([[A, 'running']]),
      }),
      ['undo-start b'],
    ],
    [
      'a start that only the runtime knows of is undone',
      [sandboxRecord()],
      [unstartedContainer()],
      observed(),
      ['undo-start b'],
    ],
    [
      'after a reboot what was never started has ended too',
      [sandboxRecord({ notReadyAt: 4n })],
      [unstartedContainer()],
      observed({ bootId: 'boot-2', runtimeStates: new Map(), sandboxBundles: [], containerBundles: [], netns: [] }),
      ['mark-exited b'],
    ],
    [
      'a dead infra makes the sandbox not ready',
      [sandboxRecord()],
      [],
      observed({ alive: new Set(), containerBundles: [], runtimeStates: new Map() }),
      ['mark-not-ready a'],
    ],
    [
      'after a reboot nothing runs, whatever pids are in use',
      [sandboxRecord()],
      [containerRecord()],
      observed({ bootId: 'boot-2', runtimeStates: new Map(), sandboxBundles: [], containerBundles: [], netns: [] }),
      ['mark-exited b', 'mark-not-ready a'],
    ],
    [
      'a container without its sandbox goes',
      [],
      [containerRecord()],
      observed({ sandboxBundles: [], netns: [], runtimeStates: new Map() }),
      ['remove-container b'],
    ],
    [
      'what has no record is cleared, once each',
      [],
      [],
      observed({ writableLayers: [idOf('c')] }),
      ['clear-container-leftovers b', 'clear-container-leftovers c', 'clear-sandbox-leftovers a'],
    ],
  ])('%s', (_sentence, sandboxes, containers, seen, expected) => {
    expect(kinds(decideRestore(sandboxes, containers, seen).actions)).toEqual(expected);
  });

  it('reports the exit file word for word, and what nobody knows as 255 Unknown', () => {
    const told = decideRestore([sandboxRecord()], [containerRecord()], observed({ exits: new Map([[B, exit]]) }));
    expect(told.actions[0]).toMatchObject({ exitCode: 3, finishedAt: 900n, reason: 'Error', kill: false });
    const rebooted = decideRestore([sandboxRecord()], [containerRecord()], observed({ bootId: 'boot-2' }));
    expect(rebooted.actions[0]).toMatchObject({ exitCode: 255, finishedAt: 1000n, reason: 'Unknown', kill: false });
  });

  it('has nothing end before it began, though the clock was set back', () => {
    const finishedAt = (more: Partial<Observed>): unknown =>
      decideRestore([sandboxRecord()], [containerRecord({ startedAt: 5000n })], observed(more)).actions[0];
    expect(finishedAt({ exits: new Map([[B, exit]]) })).toMatchObject({ exitCode: 3, finishedAt: 5000n });
    expect(finishedAt({ bootId: 'boot-2' })).toMatchObject({ exitCode: 255, finishedAt: 5000n });
  });

  it('holds the images of containers that stay', () => {
    const stay = decideRestore([sandboxRecord()], [containerRecord({ finishedAt: 50n })], observed());
    expect(stay.holds).toEqual([{ imageId: containerRecord().imageId, containerId: B }]);
    const mounting = decideRestore([sandboxRecord()], [containerRecord({ volumeImageIds: ['sha256:1'] })], observed());
    expect(mounting.holds.map(h => h.imageId)).toEqual([containerRecord().imageId, 'sha256:1']);
    const goes = decideRestore([creatingSandbox()], [creatingContainer()], observed());
    expect(goes.holds).toEqual([]);
  });

  it('is done in one go: what it decides leaves nothing to decide (seeded)', () => {
    const stamp = fc.option(fc.constant(50n), { nil: undefined });
    const set = fc.boolean().map(b => (b ? new Set([A, B]) : new Set([A])));
    fc.assert(
      fc.property(
        stamp,
        stamp,
        stamp,
        set,
        set,
        fc.boolean(),
        (finishedAt, removedAt, notReadyAt, alive, monitored, rebooted) => {
          const sandbox = sandboxRecord(notReadyAt === undefined ? {} : { notReadyAt });
          const container = containerRecord({
            ...(finishedAt === undefined ? {} : { finishedAt }),
            ...(removedAt === undefined ? {} : { removedAt }),
          });
          const seen = observed({ alive, monitored, bootId: rebooted ? 'boot-2' : BOOT });
          const { actions } = decideRestore([sandbox], [container], seen);
          const gone = actions.some(a => a.id === B && a.kind === 'remove-container');
          const ended = actions.find(a => a.id === B && a.kind === 'mark-exited');
          const off = actions.some(a => a.id === A && a.kind === 'mark-not-ready');
          const after = decideRestore(
            [off ? { ...sandbox, notReadyAt: 99n } : sandbox],
            gone ? [] : [ended === undefined ? container : { ...container, finishedAt: 99n }],
            gone ? { ...seen, containerBundles: [], runtimeStates: new Map([[A, 'running']]) } : seen,
          );
          expect(after.actions).toEqual([]);
        },
      ),
      { seed: 20260727, numRuns: 200 },
    );
  });
});
