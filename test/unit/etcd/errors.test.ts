import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { prefixEnd } from '../../../src/etcd/client.ts';
import { EtcdConnection } from '../../../src/etcd/connection.ts';
import { EtcdError, fromEtcdServiceError, isCompacted, mayRepeat } from '../../../src/etcd/errors.ts';

const serviceError = (code: status, details: string): ServiceError =>
  Object.assign(new Error(`${code} ${details}`), { code, details, metadata: new Metadata() });

const ROWS = [
  {
    name: 'a revision that is compacted',
    error: serviceError(status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted'),
    fault: 'compacted',
    code: 'out-of-range',
    read: false,
    write: false,
  },
  {
    name: 'a connection that could not be made: nothing was sent',
    error: serviceError(status.UNAVAILABLE, 'No connection established. Last error: connect ECONNREFUSED'),
    fault: 'not-sent',
    code: 'unavailable',
    read: true,
    write: true,
  },
  {
    name: 'a connection that broke: the write may have been carried out',
    error: serviceError(status.UNAVAILABLE, 'Connection dropped'),
    fault: 'other',
    code: 'unavailable',
    read: true,
    write: false,
  },
  {
    name: 'a member that lost its leader while it worked',
    error: serviceError(status.UNAVAILABLE, 'etcdserver: leader changed'),
    fault: 'server-timeout',
    code: 'unavailable',
    read: true,
    write: false,
  },
  {
    name: 'a time limit of our own',
    error: serviceError(status.DEADLINE_EXCEEDED, 'Deadline exceeded'),
    fault: 'other',
    code: 'deadline-exceeded',
    read: false,
    write: false,
  },
  {
    name: 'a full database',
    error: serviceError(status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded'),
    fault: 'no-space',
    code: 'resource-exhausted',
    read: false,
    write: false,
  },
];

describe('errors of etcd', () => {
  it.each(ROWS)('$name', ({ error, fault, code, read, write }) => {
    const converted = fromEtcdServiceError(error, 'etcd Range', 'http://127.0.0.1:2379');
    expect(converted).toBeInstanceOf(EtcdError);
    expect([converted.fault, converted.code]).toEqual([fault, code]);
    expect([mayRepeat(converted, true), mayRepeat(converted, false)]).toEqual([read, write]);
    expect(isCompacted(converted)).toBe(fault === 'compacted');
  });

  it('never repeats after an error that is not of etcd', () => {
    expect(mayRepeat(new Error('x'), true)).toBe(false);
  });
});

describe('endpoints', () => {
  it.each([
    ['no port', 'http://127.0.0.1'],
    ['no scheme', '127.0.0.1:2379'],
    ['TLS without certificates', 'https://127.0.0.1:2379'],
    ['a path', 'http://127.0.0.1:2379/v3'],
    ['no URL', 'http://[:::]'],
  ])('refuses one with %s', (_, endpoint) => {
    expect(() => new EtcdConnection({ endpoints: [endpoint] })).toThrow(/etcd endpoint ".*" is not of the form/);
  });

  it('refuses an empty list', () => {
    expect(() => new EtcdConnection({ endpoints: [] })).toThrow('no etcd endpoint');
  });
});

it('ends a prefix with the next character', () => {
  expect(prefixEnd('/registry/')).toBe('/registry0');
});
