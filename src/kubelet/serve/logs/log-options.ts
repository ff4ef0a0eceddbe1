import { GantryError } from '../../../base/errors.ts';

/** What of a container's log is asked for. */
export interface LogOptions {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  /** Milliseconds since the epoch: older lines are left out. */
  readonly since: number | undefined;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
}

/** The query of a request for a log. Throws `invalid-argument` where it cannot be read, `failed-precondition` where it makes no sense. Pure. */
export function parseLogOptions(query: URLSearchParams, now: number): LogOptions {
  // older clients say tail, and all of it is the same as not saying it
  const tail = query.get('tail') ?? undefined;
  const tailText = tail === undefined ? (query.get('tailLines') ?? undefined) : tail === 'all' ? undefined : tail;
  const tailLines = wholeNumber(tailText);
  const limitBytes = wholeNumber(query.get('limitBytes') ?? undefined);
  const sinceSeconds = wholeNumber(query.get('sinceSeconds') ?? undefined);
  const sinceTime = query.get('sinceTime') ?? undefined;
  const time = sinceTime === undefined ? undefined : Date.parse(sinceTime);
  if (time !== undefined && Number.isNaN(time)) throw undecodable();
  const senseless =
    (tailLines !== undefined && tailLines < 0) ||
    (limitBytes !== undefined && limitBytes < 1) ||
    (sinceSeconds !== undefined && sinceSeconds < 1) ||
    (sinceSeconds !== undefined && time !== undefined);
  if (senseless) throw new GantryError('failed-precondition', '{"message": "Invalid request."}');
  return {
    follow: truth(query.get('follow')),
    previous: truth(query.get('previous')),
    timestamps: truth(query.get('timestamps')),
    since: sinceSeconds === undefined ? time : now - sinceSeconds * 1000,
    tailLines,
    limitBytes,
  };
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d{1,15}$/.test(text)) throw undecodable();
  return Number(text);
}

/** As upstream decodes booleans of a query: what is there is true, but for 0 and false. */
function truth(text: string | null): boolean {
  return text !== null && !['0', 'false'].includes(text.toLowerCase());
}

function undecodable(): GantryError {
  return new GantryError('invalid-argument', '{"message": "Unable to decode query."}');
}
