import { type status as GrpcStatus, Metadata, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { GantryError, notFound } from '../../../src/base/errors.ts';
import { fromServiceError, statusName, toRpcStatus } from '../../../src/rpc/status.ts';

function serviceError(code: GrpcStatus, details: string): ServiceError {
  return Object.assign(new Error(`${code} ${statusName(code)}: ${details}`), {
    code,
    details,
    metadata: new Metadata(),
  });
}

const CODES = [
  ['cancelled', 1],
  ['unknown', 2],
  ['invalid-argument', 3],
  ['deadline-exceeded', 4],
  ['not-found', 5],
  ['already-exists', 6],
  ['permission-denied', 7],
  ['resource-exhausted', 8],
  ['failed-precondition', 9],
  ['aborted', 10],
  ['out-of-range', 11],
  ['unimplemented', 12],
  ['internal', 13],
  ['unavailable', 14],
  ['data-loss', 15],
  ['unauthenticated', 16],
] as const;

describe('the mapping between meanings and gRPC codes', () => {
  it.each(CODES)('%s is %i, and back', (meaning, code) => {
    expect(toRpcStatus(new GantryError(meaning, 'why')).code).toBe(code);
    expect(fromServiceError(serviceError(code, 'why'), 'Version', 'unix:///x').code).toBe(meaning);
  });

  it('sends the message as one line', () => {
    expect(toRpcStatus(notFound('no container\n  "x"'))).toEqual({ code: 5, details: 'no container "x"' });
  });

  it.each([
    ['an error without meaning is internal', new TypeError('boom'), 13, 'boom'],
    ['a thrown string is internal', 'boom', 13, 'boom'],
    [
      'an abort is cancelled',
      new DOMException('This operation was aborted', 'AbortError'),
      1,
      'This operation was aborted',
    ],
  ])('%s', (_sentence, error, code, details) => {
    expect(toRpcStatus(error)).toEqual({ code, details });
  });

  it.each([
    ['the words of the peer are kept', 5, 'no such image', 'no such image'],
    [
      'a peer that cannot be reached is named',
      14,
      'connect ENOENT',
      'Status: no answer from unix:///x: connect ENOENT',
    ],
    [
      'a missed deadline names the call',
      4,
      'Deadline exceeded after 2s',
      'Status at unix:///x: 4 DEADLINE_EXCEEDED: Deadline exceeded after 2s',
    ],
    ['silence is put into words', 13, '', 'Status at unix:///x: 13 INTERNAL: '],
  ])('%s', (_sentence, code, details, message) => {
    expect(fromServiceError(serviceError(code, details), 'Status', 'unix:///x').message).toBe(message);
  });

  it('keeps the words of a peer that answers that something behind it is unavailable', () => {
    const answered = serviceError(14, 'registry a:5000: connection refused');
    answered.metadata.set('content-type', 'application/grpc');
    expect(fromServiceError(answered, 'PullImage', 'unix:///x').message).toBe('registry a:5000: connection refused');
  });

  it('takes a code that does not exist as unknown', () => {
    expect(fromServiceError(serviceError(99 as GrpcStatus, 'odd'), 'Status', 'unix:///x').code).toBe('unknown');
  });
});
