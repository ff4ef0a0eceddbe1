import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../../src/api/status.ts';
import { asApiError } from '../../../../src/apiserver/handlers/storage-failure.ts';
import { fromEtcdServiceError } from '../../../../src/etcd/errors.ts';

const PODS = { group: '', resource: 'pods' };

function ofEtcd(code: status, details: string): unknown {
  const error = Object.assign(new Error(details), { code, details, metadata: new Metadata() }) as ServiceError;
  return asApiError(fromEtcdServiceError(error, 'etcd Txn', 'http://127.0.0.1:2379'), PODS, 'p');
}

describe('what etcd refuses', () => {
  it.each([
    ['a request that is too large', status.INVALID_ARGUMENT, 'etcdserver: request is too large'],
    ['writes when its space is used up', status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded'],
    ['a caller without rights', status.PERMISSION_DENIED, 'etcdserver: permission denied'],
  ])('%s: is told in its words, as a failure of the server', (_, code, details) => {
    const answer = ofEtcd(code, details);
    expect(answer).toBeInstanceOf(ApiError);
    expect((answer as ApiError).toStatus()).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: details,
      code: 500,
    });
  });

  it('an etcd that is away stays an error of its own, for the pipeline tells clients to come back', () => {
    expect(ofEtcd(status.UNAVAILABLE, 'No connection established')).not.toBeInstanceOf(ApiError);
  });
});
