import { describe, expect, it } from 'vitest';
import { matchesContainerFilter, matchesSandboxFilter } from '../../../../src/cri/runtime-service/filters.ts';
import { ContainerFilter, PodSandboxFilter } from '../../../../src/rpc/cri-api.ts';
import { containerRecord, creatingContainer, creatingSandbox, idOf, sandboxRecord } from '../records.ts';

describe('sandbox filters', () => {
  it.each([
    ['no filter takes all', sandboxRecord(), undefined, true],
    ['an empty filter takes all', sandboxRecord(), {}, true],
    ['but never what is being made', creatingSandbox(), {}, false],
    ['the whole id', sandboxRecord(), { id: idOf('a') }, true],
    ['a beginning of the id', sandboxRecord(), { id: 'aaaa' }, true],
    ['another id', sandboxRecord(), { id: 'ab' }, false],
    ['its state', sandboxRecord(), { state: { state: 0 } }, true],
    ['another state', sandboxRecord({ notReadyAt: 1n }), { state: { state: 0 } }, false],
    ['all labels', sandboxRecord(), { labelSelector: { app: 'web', tier: 'front' } }, true],
    ['one label with another value', sandboxRecord(), { labelSelector: { app: 'web', tier: 'back' } }, false],
    ['a label that every object inherits is none', sandboxRecord(), { labelSelector: { toString: '' } }, false],
  ])('%s', (_sentence, record, filter, expected) => {
    expect(matchesSandboxFilter(record, filter && PodSandboxFilter.fromPartial(filter))).toBe(expected);
  });
});

describe('container filters', () => {
  it.each([
    ['an empty filter takes all', containerRecord(), {}, true],
    ['but never what is being made', creatingContainer(), {}, false],
    ['a beginning of the id', containerRecord(), { id: 'bb' }, true],
    ['a beginning of the sandbox id', containerRecord(), { podSandboxId: 'aa' }, true],
    ['another sandbox', containerRecord(), { podSandboxId: idOf('c') }, false],
    ['its state', containerRecord(), { state: { state: 1 } }, true],
    ['another state', containerRecord({ finishedAt: 9n }), { state: { state: 1 } }, false],
    ['id and a label that is not there', containerRecord(), { id: 'bb', labelSelector: { x: 'y' } }, false],
  ])('%s', (_sentence, record, filter, expected) => {
    expect(matchesContainerFilter(record, ContainerFilter.fromPartial(filter))).toBe(expected);
  });
});
