import { describe, expect, it } from 'vitest';
import type { Pod, Service } from '../../../src/api/types/gen/core-v1.ts';
import type { ApiObject } from '../../../src/client/api-object.ts';
import { changesEndpoints, followsPods, selects } from '../../../src/controllers/services/service-pods.ts';
import { TriggerTimes } from '../../../src/controllers/services/trigger-times.ts';
import { STALE_MS, WrittenVersions } from '../../../src/controllers/services/written-versions.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

const T = [0, 1, 2, 3, 4].map(i => `2030-01-01T00:00:0${i}Z`);
const service = (created = T[0], spec: object = {}): Service =>
  ({ metadata: { name: 'web', namespace: 'n', creationTimestamp: created }, spec }) as unknown as Service;
const pod = (name: string, readySince?: string): Pod => {
  const conditions =
    readySince === undefined ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: readySince }];
  return { metadata: { name, namespace: 'n' }, spec: {}, status: { conditions } } as unknown as Pod;
};

describe('the time since when a change was to be seen', () => {
  const histories: readonly [string, readonly (readonly Pod[])[], readonly (string | undefined)[]][] = [
    ['a new service: when it was made', [[pod('a', T[1])]], [T[0]]],
    ['nothing new: none', [[pod('a', T[1])], [pod('a', T[1])]], [T[0], undefined]],
    ['a new pod: when it became ready', [[], [pod('a', T[1])]], [T[0], T[1]]],
    ['pods that are not ready yet: none', [[], [pod('a')]], [T[0], undefined]],
    ['several: the earliest', [[], [pod('a', T[3]), pod('b', T[2])]], [T[0], T[2]]],
    [
      'a pod that changed: its new time',
      [
        [pod('a', T[1]), pod('b', T[2])],
        [pod('a', T[1]), pod('b', T[4])],
      ],
      [T[0], T[4]],
    ],
    ['a pod that went: none', [[pod('a', T[1]), pod('b', T[2])], [pod('a', T[1])]], [T[0], undefined]],
    ['a pod that went and came: its new time', [[pod('a', T[1])], [], [pod('a', T[4])]], [T[0], undefined, T[4]]],
  ];
  it.each(histories)('is of %s', (_, looks, expected) => {
    const times = new TriggerTimes();
    expect(looks.map(pods => times.next(service(), pods))).toEqual(expected);
  });

  it('begins anew with a service that is made anew', () => {
    const times = new TriggerTimes();
    times.next(service(), [pod('a', T[1])]);
    times.forget('n/web');
    expect(times.next(service(T[3]), [pod('a', T[1])])).toBe(T[3]);
  });
});

describe('what a store does not show yet', () => {
  const object = (resourceVersion: string, more: object = {}): ApiObject => ({
    metadata: { namespace: 'n', name: 'x', uid: 'x', resourceVersion, ...more },
  });
  const change = (after: ApiObject | undefined) => ({ key: 'n/x', before: object('1'), after });
  const made = async (write: (written: WrittenVersions) => void, clock = new FakeClock()): Promise<WrittenVersions> => {
    const written = new WrittenVersions(clock);
    await written.writing('k', async () => write(written));
    return written;
  };

  const shown: readonly [string, ApiObject | undefined, boolean][] = [
    ['an older version', object('4'), true],
    ['the version', object('5'), false],
    ['a newer version', object('6'), false],
    ['its deletion', undefined, false],
  ];
  it.each(shown)('is a write, until %s is seen', async (_, after, isStale) => {
    const written = await made(each => each.wrote('k', object('5'), object('3')));
    expect(written.isStale('k')).toBe(true);
    written.observe('k', change(after));
    expect(written.isStale('k')).toBe(isStale);
  });

  const gone: readonly [string, ApiObject | undefined, boolean][] = [
    ['a version', object('6'), true],
    ['the mark of its deletion', object('6', { deletionTimestamp: T[0] }), false],
    ['its end', undefined, false],
  ];
  it.each(gone)('is a deletion, until %s is seen', async (_, after, isStale) => {
    const written = await made(each => each.deleted('k', object('5')));
    written.observe('k', change(after));
    expect(written.isStale('k')).toBe(isStale);
  });

  it('is nothing that was seen before its write was answered', async () => {
    const written = await made(each => {
      each.observe('k', change(object('5')));
      each.wrote('k', object('5'), object('3'));
    });
    expect(written.isStale('k')).toBe(false);
  });

  it('is no write that changed nothing', async () => {
    const written = await made(each => each.wrote('k', object('5'), object('5')));
    expect(written.isStale('k')).toBe(false);
  });

  it('is waited for five minutes, no longer', async () => {
    const clock = new FakeClock();
    const written = await made(each => each.wrote('k', object('5')), clock);
    await clock.advance(STALE_MS - 1);
    expect(written.isStale('k')).toBe(true);
    await clock.advance(1);
    expect(written.isStale('k')).toBe(false);
  });
});

describe('services and pods', () => {
  const selections: readonly [string, object, object | undefined, boolean][] = [
    ['all of its labels', { selector: { a: '1', b: '2' } }, { a: '1', b: '2', c: '3' }, true],
    ['not all of its labels', { selector: { a: '1', b: '2' } }, { a: '1' }, false],
    ['no labels', { selector: { a: '1' } }, undefined, false],
    ['no selector', {}, { a: '1' }, false],
    ['an empty selector', { selector: {} }, { a: '1' }, false],
  ];
  it.each(selections)('belong together by %s', (_, spec, labels, expected) => {
    expect(selects(service(T[0], spec), labels as Record<string, string> | undefined)).toBe(expected);
  });

  it('have nothing to do with one another where a service is a name for something outside', () => {
    expect(followsPods(service(T[0], { selector: { a: '1' }, type: 'ExternalName' }))).toBe(false);
  });

  const full = (metadata: object, spec: object, status: object): Pod =>
    ({ metadata: { name: 'p', labels: { a: '1' }, ...metadata }, spec, status }) as unknown as Pod;
  const changes: readonly [string, Pod, boolean][] = [
    ['nothing that is shown', full({ annotations: { a: '1' }, resourceVersion: '2' }, {}, { message: 'well' }), false],
    ['its labels', full({ labels: { a: '2' } }, {}, {}), true],
    ['its deletion', full({ deletionTimestamp: T[0] }, {}, {}), true],
    ['its node', full({}, { nodeName: 'a' }, {}), true],
    ['its name in DNS', full({}, { hostname: 'a' }, {}), true],
    ['its addresses', full({}, {}, { podIPs: [{ ip: '10.0.0.1' }] }), true],
    ['its end', full({}, {}, { phase: 'Failed' }), true],
    ['that it is ready', full({}, {}, { conditions: [{ type: 'Ready', status: 'True' }] }), true],
  ];
  it.each(changes)('make services look when a pod changes %s', (_, after, expected) => {
    expect(changesEndpoints(full({}, {}, {}), after)).toBe(expected);
  });
});
