import type { Event } from '../../../api/types/gen/core-v1.ts';
import type { Event as EventsV1Event } from '../../../api/types/gen/events-v1.ts';
import { type FieldError, invalid, invalidFor, required } from '../../../api/validation/field-error.ts';
import { dns1123Subdomain, qualifiedName } from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { column, since } from '../cells.ts';
import { defineStrategy } from '../define.ts';

/** Both groups serve the same objects: events are stored as core/v1 has them. */
export const eventStrategy = defineStrategy<Event>(
  { group: '', version: 'v1', plural: 'events' },
  {
    // The name of an event may be anything that fits into a path.
    names: () => [],
    createOnUpdate: true,
    validate: event => placeErrors(event, 'reportingComponent'),
    validateUpdate: event => placeErrors(event, 'reportingComponent'),
    columns: {
      definitions: [
        column('Last Seen'),
        column('Type'),
        column('Reason'),
        column('Object'),
        column('Subobject', { wide: true }),
        column('Source', { wide: true }),
        column('Message'),
        column('First Seen', { wide: true }),
        column('Count', { type: 'integer', wide: true }),
        column('Name', { format: 'name', wide: true }),
      ],
      cells: eventCells,
    },
    fields: event => eventFields(event, event.reportingComponent),
  },
);

/** events.k8s.io/v1 is stricter: what is deprecated must be empty, and a stored event stays as it is but for its series. */
export const eventsV1Strategy = defineStrategy<EventsV1Event>(
  { group: 'events.k8s.io', version: 'v1', plural: 'events' },
  {
    createOnUpdate: true,
    validate: event => [...placeErrors(coreEvent(event), 'reportingController'), ...newEventErrors(event)],
    validateUpdate: (event, old) => {
      const changed = seriesText(event) !== seriesText(old);
      const fields = [
        ['involvedObject', event.regarding, old.regarding],
        ['reason', event.reason, old.reason],
        ['message', event.note, old.note],
        ['source', event.deprecatedSource, old.deprecatedSource],
        ['firstTimestamp', event.deprecatedFirstTimestamp, old.deprecatedFirstTimestamp],
        ['lastTimestamp', event.deprecatedLastTimestamp, old.deprecatedLastTimestamp],
        ['count', event.deprecatedCount ?? 0, old.deprecatedCount ?? 0],
        ['type', event.type, old.type],
        ['eventTime', event.eventTime, old.eventTime],
        ['action', event.action, old.action],
        ['related', event.related, old.related],
        ['reportingController', event.reportingController, old.reportingController],
        ['reportingInstance', event.reportingInstance, old.reportingInstance],
      ] as const;
      return [
        ...placeErrors(coreEvent(event), 'reportingController'),
        ...(changed ? seriesErrors(event) : []),
        ...fields.flatMap(([name, value, before]) => immutable(name, value, before)),
      ];
    },
    columns: {
      definitions: eventStrategy.columns.definitions,
      cells: (event, now) => eventCells(coreEvent(event), now),
    },
    fields: event => ({
      ...Object.fromEntries(
        Object.entries(event.regarding).map(([key, value]) => [`regarding.${key}`, String(value ?? '')]),
      ),
      reason: event.reason ?? '',
      reportingController: event.reportingController ?? '',
      type: event.type ?? '',
    }),
  },
);

/** The stored form of an event of the newer group. */
export function coreEvent(event: EventsV1Event): Event {
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

function placeErrors(event: Event, controllerField: string): FieldError[] {
  const namespace = event.metadata.namespace ?? '';
  const about = event.involvedObject.namespace ?? '';
  const mismatch = invalid('involvedObject.namespace', about, 'does not match event.namespace');
  const errors: FieldError[] = [];
  if (event.eventTime === undefined) {
    const fits = about === '' ? namespace === '' || namespace === 'default' : namespace === about;
    if (!fits) errors.push(mismatch);
  } else {
    if (about === '' && namespace !== 'default' && namespace !== 'kube-system') errors.push(mismatch);
    errors.push(...reportErrors(event, controllerField));
  }
  return [...errors, ...invalidFor('namespace', namespace, dns1123Subdomain(namespace))];
}

function reportErrors(event: Event, controllerField: string): FieldError[] {
  const errors: FieldError[] = [];
  const limited = (field: string, value: string, most: number): void => {
    if (value === '' && field !== 'message') errors.push(required(field));
    if (value.length > most) errors.push(invalid(field, '', `can have at most ${most} characters`));
  };
  if (event.reportingComponent === '') errors.push(required(controllerField));
  errors.push(...invalidFor(controllerField, event.reportingComponent, qualifiedName(event.reportingComponent)));
  limited('reportingInstance', event.reportingInstance, 128);
  limited('action', event.action ?? '', 128);
  limited('reason', event.reason ?? '', 128);
  limited('message', event.message ?? '', 1024);
  return errors;
}

function newEventErrors(event: EventsV1Event): FieldError[] {
  const unset = (field: string, set: boolean): FieldError[] => (set ? [invalid(field, '', 'needs to be unset')] : []);
  const { component = '', host = '' } = event.deprecatedSource;
  return [
    ...(event.eventTime === undefined ? [required('eventTime')] : []),
    ...(event.type === 'Normal' || event.type === 'Warning'
      ? []
      : [invalid('type', '', `has invalid value: ${event.type ?? ''}`)]),
    ...unset('firstTimestamp', event.deprecatedFirstTimestamp !== undefined),
    ...unset('lastTimestamp', event.deprecatedLastTimestamp !== undefined),
    ...unset('count', (event.deprecatedCount ?? 0) !== 0),
    ...unset('source', component !== '' || host !== ''),
    ...seriesErrors(event),
  ];
}

function seriesErrors({ series }: EventsV1Event): FieldError[] {
  if (series === undefined) return [];
  return [
    ...(series.count < 2 ? [invalid('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime === undefined ? [required('series.lastObservedTime')] : []),
  ];
}

function seriesText({ series }: EventsV1Event): string {
  return series === undefined ? '' : `${series.count} ${series.lastObservedTime ?? ''}`;
}

function eventCells(event: Event, now: number): readonly unknown[] {
  const first = since(event.firstTimestamp ?? event.eventTime, now);
  const last = event.lastTimestamp === undefined ? first : since(event.lastTimestamp, now);
  const { kind = '', name = '', fieldPath = '' } = event.involvedObject;
  const component = event.source.component ?? event.reportingComponent;
  const host = event.source.host ?? event.reportingInstance;
  return [
    event.series === undefined ? last : since(event.series.lastObservedTime, now),
    event.type ?? '',
    event.reason ?? '',
    name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`,
    fieldPath,
    host === '' ? component : `${component}, ${host}`,
    (event.message ?? '').trim(),
    first,
    event.series?.count ?? (event.count === undefined || event.count === 0 ? 1 : event.count),
    event.metadata.name ?? '',
  ];
}

function eventFields(event: Event, controller: string): Readonly<Record<string, string>> {
  const about = event.involvedObject;
  return {
    'involvedObject.kind': about.kind ?? '',
    'involvedObject.namespace': about.namespace ?? '',
    'involvedObject.name': about.name ?? '',
    'involvedObject.uid': about.uid ?? '',
    'involvedObject.apiVersion': about.apiVersion ?? '',
    'involvedObject.resourceVersion': about.resourceVersion ?? '',
    'involvedObject.fieldPath': about.fieldPath ?? '',
    reason: event.reason ?? '',
    reportingComponent: controller,
    source: event.source.component ?? controller,
    type: event.type ?? '',
  };
}
