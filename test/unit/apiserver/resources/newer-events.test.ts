import { describe, expect, it } from 'vitest';
import type { Event } from '../../../../src/api/types/gen/core-v1.ts';
import { fieldErrorText } from '../../../../src/api/validation/field-error.ts';
import { eventsV1Strategy } from '../../../../src/apiserver/resources/events/event.ts';
import { CONTEXT } from './judge.ts';

const event: Event = {
  metadata: { name: 'e', namespace: 'default', resourceVersion: '5', uid: 'uid-1', creationTimestamp: CONTEXT.now },
  involvedObject: { kind: 'Pod', namespace: 'default', name: 'x' },
  source: {},
  eventTime: '2026-01-01T00:00:00.000000Z',
  type: 'Normal',
  reason: 'Started',
  action: 'Start',
  reportingComponent: 'example.com/watcher',
  reportingInstance: 'w1',
};
const UNSET = 'Invalid value: "": needs to be unset';
const FIXED = 'field is immutable';

describe('an event of events.k8s.io/v1, in the form that is stored', () => {
  it.each<[string, Partial<Event>, string[]]>([
    ['is created', {}, []],
    [
      'is not created with what is deprecated',
      { firstTimestamp: CONTEXT.now, lastTimestamp: CONTEXT.now, count: 1, source: { host: 'n1' } },
      [`firstTimestamp: ${UNSET}`, `lastTimestamp: ${UNSET}`, `count: ${UNSET}`, `source: ${UNSET}`],
    ],
    [
      'is not created without time or with a type of its own; its series is looked at first',
      { eventTime: undefined, type: 'Odd', series: { count: 1 } },
      [
        'series.count: Invalid value: "": should be at least 2',
        'series.lastObservedTime: Required value',
        'eventTime: Required value',
        'type: Invalid value: "": has invalid value: Odd',
      ],
    ],
  ])('%s', (_, changes, errors) => {
    expect(eventsV1Strategy.validate({ ...event, ...changes }, CONTEXT).map(fieldErrorText)).toEqual(errors);
  });

  it.each<[string, Partial<Event>, string[]]>([
    ['its series', { series: { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' } }, []],
    ['what means the same', { message: '', involvedObject: { ...event.involvedObject, uid: '' } }, []],
    [
      'nothing else, each shown as upstream’s own types print it',
      { involvedObject: { kind: 'Pod', namespace: 'default', name: 'y' }, source: { component: 'c' }, type: undefined },
      [
        `involvedObject: Invalid value: {"Kind":"Pod","Namespace":"default","Name":"y","UID":"","APIVersion":"","ResourceVersion":"","FieldPath":""}: ${FIXED}`,
        `source: Invalid value: {"Component":"c","Host":""}: ${FIXED}`,
        `type: Invalid value: "": ${FIXED}`,
      ],
    ],
    [
      'no time and nothing that is related',
      { eventTime: '2026-01-01T00:00:00.000001Z', related: {} },
      [
        `eventTime: Invalid value: "2026-01-01T00:00:00.000001Z": ${FIXED}`,
        `related: Invalid value: {"Kind":"","Namespace":"","Name":"","UID":"","APIVersion":"","ResourceVersion":"","FieldPath":""}: ${FIXED}`,
      ],
    ],
  ])('changes %s', (_, changes, errors) => {
    expect(eventsV1Strategy.validateUpdate({ ...event, ...changes }, event, CONTEXT).map(fieldErrorText)).toEqual(
      errors,
    );
  });
});
