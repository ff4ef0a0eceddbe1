import { encodeObject } from '../../api/encode/encode-object.ts';
import { encodeProtobuf } from '../../api/protobuf/object.ts';
import { encodeWatchFrame } from '../../api/protobuf/watch-frame.ts';
import { builtinTable } from '../../api/schema/builtin.ts';
import { ApiError } from '../../api/status.ts';
import { type Agreement, type Conversion, JSON_TYPE } from '../negotiation/negotiate.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { ObjectEvent, WatchItem } from '../storage/watch-cache/cache-event.ts';
import { type IncludeObject, partialObject, tableHead, tableRow } from './converted-object.ts';
import { protobufOf } from './represent.ts';
import type { Entry, ServedResource } from './served-resource.ts';
import { asApiError } from './storage-failure.ts';

const INITIAL_EVENTS_END = { 'k8s.io/initial-events-end': 'true' };
const PARTIAL = builtinTable.struct('meta/v1.PartialObjectMetadata');
const STATUS = builtinTable.struct('meta/v1.Status');
const FRAME_END = Buffer.from('}\n');

/** Makes the frames of one watch. What many watchers see in the same form is made once. */
export class WatchFrames {
  readonly #served: ServedResource;
  readonly #conversion: Conversion | undefined;
  readonly #include: IncludeObject;
  readonly #isJson: boolean;
  #columnsTold = false;

  constructor(served: ServedResource, agreement: Agreement, include: IncludeObject) {
    this.#served = served;
    this.#conversion = agreement.conversion;
    this.#include = include;
    this.#isJson = agreement.mediaType === JSON_TYPE;
  }

  /** Throws `corrupt` for an object that cannot be decoded. */
  frame(item: WatchItem<ApiObject>): Buffer {
    const conversion = this.#conversion;
    const served = this.#served;
    if (item.type === 'BOOKMARK') return this.#bookmark(item.revision, item.initialEventsEnd);
    if (conversion !== undefined) {
      const make = (event: ObjectEvent<Entry['object']>): Buffer =>
        this.#converted(event.type, event.entry.object, conversion);
      // a table tells ages, so it is made when it is sent
      if (conversion.kind !== 'Table')
        return item.frame(served.form(`${conversion.version} metadata ${this.#isJson}`), make);
      const frame = make(item);
      this.#columnsTold = true;
      return frame;
    }
    const make = (event: ObjectEvent<Entry['object']>): Buffer =>
      this.#isJson
        ? jsonFrame(event.type, served.json(event.entry))
        : encodeWatchFrame(event.type, protobufOf(served, event.entry));
    return item.frame(served.form(this.#isJson ? 'json' : 'protobuf'), make);
  }

  /** The last event of a watch that cannot go on; undefined for what is no refusal. */
  failure(error: unknown): Buffer | undefined {
    const known = asApiError(error, this.#served.groupResource, '');
    if (!(known instanceof ApiError)) return undefined;
    const status = known.toStatus();
    return this.#isJson
      ? jsonFrame('ERROR', Buffer.from(JSON.stringify(status)))
      : encodeWatchFrame('ERROR', encodeProtobuf(STATUS, status));
  }

  /** An object of the kind that holds nothing but the revision. */
  #bookmark(revision: number, initialEventsEnd: boolean): Buffer {
    const { type, apiVersion, resource } = this.#served;
    const annotations = initialEventsEnd ? { annotations: INITIAL_EVENTS_END } : {};
    const object: ApiObject = {
      kind: resource.kind,
      apiVersion,
      metadata: { resourceVersion: String(revision), ...annotations },
    };
    if (this.#conversion !== undefined) {
      const frame = this.#converted('BOOKMARK', object, this.#conversion);
      this.#columnsTold = true;
      return frame;
    }
    return this.#isJson
      ? jsonFrame('BOOKMARK', Buffer.from(JSON.stringify(encodeObject(type, object))))
      : encodeWatchFrame('BOOKMARK', encodeProtobuf(type, object));
  }

  #converted(event: string, object: ApiObject, conversion: Conversion): Buffer {
    if (conversion.kind === 'Table')
      return jsonFrame(event, Buffer.from(JSON.stringify(this.#table(event, object, conversion))));
    const partial = partialObject(object, conversion.version);
    return this.#isJson
      ? jsonFrame(event, Buffer.from(JSON.stringify(partial)))
      : encodeWatchFrame(event, encodeProtobuf(PARTIAL, partial));
  }

  /** The columns stand in the first table of a stream alone. */
  #table(event: string, object: ApiObject, conversion: Conversion): object {
    const { resourceVersion, annotations } = object.metadata;
    const isBookmark = event === 'BOOKMARK';
    // the end of the initial state is told by an annotation, which no client can do without
    const include = isBookmark && annotations !== undefined && this.#include === 'None' ? 'Metadata' : this.#include;
    const shown = isBookmark ? this.#served.empty(object.metadata) : object;
    const head = tableHead(this.#served, conversion, { resourceVersion }, !this.#columnsTold);
    return { ...head, rows: [tableRow(this.#served, shown, conversion, include, Date.now())] };
  }
}

function jsonFrame(type: string, object: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, FRAME_END]);
}
