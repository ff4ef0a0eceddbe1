import type { Event } from '../../../api/types/gen/core-v1.ts';
import { type FieldError, invalid, invalidFor, required } from '../../../api/validation/field-error.ts';
import { internalForm } from '../../../api/validation/internal-form.ts';
import { dns1123Subdomain, qualifiedName } from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { column, columns, NAME, since } from '../cells.ts';
import { defineStrategy } from '../define.ts';

/** Both groups serve the same objects: events are stored as core/v1 has them. */
export const eventStrategy = defineStrategy<Event>(
  { group: '', version: 'v1', plural: 'events' },
  {
    // The name of an event may be anything that fits into a path.
    names: () => [],
    metadataLast: true,
    dependents: 'none',
    createOnUpdate: true,
    validate: event => placeErrors(event, 'reportingComponent'),
    validateUpdate: event => placeErrors(event, 'reportingComponent'),
    columns: {
      definitions: [
        ...columns({
          'Last Seen': 'How long ago this happened last.',
          Type: 'Normal, or Warning where somebody should look.',
          Reason: 'What happened, in one word.',
          Object: 'The object that this is about.',
        }),
        ...columns(
          {
            Subobject: 'The part of the object that this is about, as the path of a field.',
            Source: 'Who tells this, and where.',
          },
          { wide: true },
        ),
        column('Message', { description: 'What happened, for people.' }),
        ...columns(
          { 'First Seen': 'How long ago this happened first.', Count: 'How often this happened.' },
          { wide: true },
        ),
        { ...NAME, priority: 1 },
      ],
      cells: eventCells,
    },
    fields: event => eventFields(event, event.reportingComponent),
  },
);

/**
 * events.k8s.io/v1 is stricter: what is deprecated must be empty, and a stored event stays as it is but for its series. Its rules run over the stored form,
 * whose names stand in its errors.
 */
export const eventsV1Strategy = defineStrategy<Event>(
  { group: 'events.k8s.io', version: 'v1', plural: 'events' },
  {
    dependents: 'none',
    createOnUpdate: true,
    validate: event => [...placeErrors(event, 'reportingController'), ...newEventErrors(event)],
    validateUpdate: (event, old) => {
      const changed = seriesText(event) !== seriesText(old);
      const before = new Map(fixedFields(old));
      return [
        ...placeErrors(event, 'reportingController'),
        ...(changed ? seriesErrors(event) : []),
        ...fixedFields(event).flatMap(([name, value]) => immutable(name, value, before.get(name))),
      ];
    },
    columns: eventStrategy.columns,
    fields: event => {
      const stored = Object.entries(eventFields(event, event.reportingComponent));
      return Object.fromEntries(stored.flatMap(([name, value]) => namesIn(name).map(other => [other, value])));
    },
  },
);

/** What stays as it is in a stored event, each as upstream's internal type shows it. */
function fixedFields(event: Event): readonly (readonly [string, unknown])[] {
  const { related } = event;
  return [
    ['involvedObject', internalForm('core/v1.ObjectReference', event.involvedObject)],
    ['reason', event.reason ?? ''],
    ['message', event.message ?? ''],
    ['source', internalForm('core/v1.EventSource', event.source)],
    ['firstTimestamp', event.firstTimestamp],
    ['lastTimestamp', event.lastTimestamp],
    ['count', event.count ?? 0],
    ['type', event.type ?? ''],
    ['eventTime', event.eventTime],
    ['action', event.action ?? ''],
    ['related', related === undefined ? undefined : internalForm('core/v1.ObjectReference', related)],
    ['reportingController', event.reportingComponent],
    ['reportingInstance', event.reportingInstance],
  ];
}

/** A selectable field by its name in events.k8s.io/v1, which has none for the source. */
function namesIn(stored: string): readonly string[] {
  if (stored === 'source') return [];
  return [stored.replace(/^involvedObject\./, 'regarding.').replace(/^reportingComponent$/, 'reportingController')];
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
    if (Buffer.byteLength(value) > most) errors.push(invalid(field, '', `can have at most ${most} characters`));
  };
  if (event.reportingComponent === '') errors.push(required(controllerField));
  errors.push(...invalidFor(controllerField, event.reportingComponent, qualifiedName(event.reportingComponent)));
  limited('reportingInstance', event.reportingInstance, 128);
  limited('action', event.action ?? '', 128);
  limited('reason', event.reason ?? '', 128);
  limited('message', event.message ?? '', 1024);
  return errors;
}

function newEventErrors(event: Event): FieldError[] {
  const unset = (field: string, set: boolean): FieldError[] => (set ? [invalid(field, '', 'needs to be unset')] : []);
  const { component = '', host = '' } = event.source;
  return [
    ...seriesErrors(event),
    ...(event.eventTime === undefined ? [required('eventTime')] : []),
    ...(event.type === 'Normal' || event.type === 'Warning'
      ? []
      : [invalid('type', '', `has invalid value: ${event.type ?? ''}`)]),
    ...unset('firstTimestamp', event.firstTimestamp !== undefined),
    ...unset('lastTimestamp', event.lastTimestamp !== undefined),
    ...unset('count', (event.count ?? 0) !== 0),
    ...unset('source', component !== '' || host !== ''),
  ];
}

function seriesErrors({ series }: Event): FieldError[] {
  if (series === undefined) return [];
  return [
    ...((series.count ?? 0) < 2 ? [invalid('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime === undefined ? [required('series.lastObservedTime')] : []),
  ];
}

function seriesText({ series }: Event): string {
  return series === undefined ? '' : `${series.count ?? 0} ${series.lastObservedTime ?? ''}`;
}

function eventCells(event: Event, now: number): readonly unknown[] {
  const first = since(event.firstTimestamp ?? event.eventTime, now);
  const last = event.lastTimestamp === undefined ? first : since(event.lastTimestamp, now);
  const { kind = '', name = '', fieldPath = '' } = event.involvedObject;
  const component = event.source.component || event.reportingComponent;
  const host = event.source.host || event.reportingInstance;
  return [
    event.series === undefined ? last : since(event.series.lastObservedTime, now),
    event.type ?? '',
    event.reason ?? '',
    name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`,
    fieldPath,
    host === '' ? component : `${component}, ${host}`,
    (event.message ?? '').trim(),
    first,
    event.series === undefined ? event.count || 1 : (event.series.count ?? 0),
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
