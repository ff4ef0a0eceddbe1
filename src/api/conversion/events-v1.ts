import type { Event } from '../types/gen/core-v1.ts';
import type { Event as EventsV1Event } from '../types/gen/events-v1.ts';
import type { VersionConversion } from './version-conversion.ts';

/** Events of events.k8s.io/v1 are stored as core/v1 has them: the same fields, some under another name. */
export const eventsV1Conversion: VersionConversion = {
  toStored: object => toCore(object as EventsV1Event),
  fromStored: object => fromCore(object as Event),
};

function toCore(event: EventsV1Event): Event {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: event.metadata,
    involvedObject: event.regarding,
    reason: event.reason,
    message: event.note,
    source: event.deprecatedSource,
    firstTimestamp: event.deprecatedFirstTimestamp,
    lastTimestamp: event.deprecatedLastTimestamp,
    count: event.deprecatedCount,
    type: event.type,
    eventTime: event.eventTime,
    series: event.series,
    action: event.action,
    related: event.related,
    reportingComponent: event.reportingController ?? '',
    reportingInstance: event.reportingInstance ?? '',
  };
}

function fromCore(event: Event): EventsV1Event {
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: event.metadata,
    eventTime: event.eventTime,
    series: event.series === undefined ? undefined : { ...event.series, count: event.series.count ?? 0 },
    reportingController: event.reportingComponent,
    reportingInstance: event.reportingInstance,
    action: event.action,
    reason: event.reason,
    regarding: event.involvedObject,
    related: event.related,
    note: event.message,
    type: event.type,
    deprecatedSource: event.source,
    deprecatedFirstTimestamp: event.firstTimestamp,
    deprecatedLastTimestamp: event.lastTimestamp,
    deprecatedCount: event.count,
  };
}
