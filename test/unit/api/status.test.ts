import { describe, expect, it } from 'vitest';
import * as status from '../../../src/api/status.ts';
import { duplicate, invalid, required } from '../../../src/api/validation/field-error.ts';
import { errorCode, isNotFound } from '../../../src/base/errors.ts';

const PODS = { group: '', resource: 'pods' };
const DEPLOYMENTS = { group: 'apps', resource: 'deployments' };

/** The error, its code, its reason, its message: the texts that people search for. */
const ERRORS: readonly (readonly [error: status.ApiError, code: number, reason: string, message: string])[] = [
  [status.notFoundError(PODS, 'x'), 404, 'NotFound', 'pods "x" not found'],
  [status.notFoundError(DEPLOYMENTS, 'x'), 404, 'NotFound', 'deployments.apps "x" not found'],
  [status.unknownResourceError(), 404, 'NotFound', 'the server could not find the requested resource'],
  [status.alreadyExistsError(PODS, 'x'), 409, 'AlreadyExists', 'pods "x" already exists'],
  [
    status.generateNameConflictError(PODS, 'x-1', 1),
    409,
    'AlreadyExists',
    'pods "x-1" already exists, the server was not able to generate a unique name for the object',
  ],
  [
    status.conflictError(PODS, 'x'),
    409,
    'Conflict',
    'Operation cannot be fulfilled on pods "x": the object has been modified; please apply your changes to the latest version and try again',
  ],
  [status.unauthorizedError(), 401, 'Unauthorized', 'Unauthorized'],
  [status.forbiddenError(PODS, 'x', 'because'), 403, 'Forbidden', 'pods "x" is forbidden: because'],
  [status.forbiddenError(PODS, '', 'because'), 403, 'Forbidden', 'pods is forbidden: because'],
  [status.forbiddenError({ group: '', resource: '' }, '', 'because'), 403, 'Forbidden', 'forbidden: because'],
  [status.expiredError('too old'), 410, 'Expired', 'too old'],
  [status.goneError('gone'), 410, 'Gone', 'gone'],
  [status.badRequestError('bad'), 400, 'BadRequest', 'bad'],
  [status.tooManyRequestsError('slow down', 10), 429, 'TooManyRequests', 'slow down'],
  [status.serviceUnavailableError('later'), 503, 'ServiceUnavailable', 'later'],
  [
    status.methodNotSupportedError(DEPLOYMENTS, 'watch'),
    405,
    'MethodNotAllowed',
    'watch is not supported on resources of kind "deployments.apps"',
  ],
  [
    status.methodNotAllowedError(),
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  ],
  [
    status.serverTimeoutError(PODS, 'list', 1),
    500,
    'ServerTimeout',
    'The list operation against pods could not be completed at this time, please try again.',
  ],
  [status.timeoutError('too slow'), 504, 'Timeout', 'Timeout: too slow'],
  [status.tooLargeResourceVersionError('9', '7'), 504, 'Timeout', 'Timeout: Too large resource version: 9, current: 7'],
  [
    status.requestTooLargeError('limit is 3145728'),
    413,
    'RequestEntityTooLarge',
    'Request entity too large: limit is 3145728',
  ],
  [status.internalApiError('boom'), 500, 'InternalError', 'Internal error occurred: boom'],
  [
    status.notAcceptableError(['application/json', 'application/yaml']),
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml',
  ],
  [
    status.unsupportedMediaTypeError(['application/json']),
    415,
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json',
  ],
];

describe('status', () => {
  it.each(ERRORS)('%s', (error, code, reason, message) => {
    expect(error.toStatus()).toMatchObject({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      code,
      reason,
      message,
    });
  });

  it('writes the fields in the order of upstream', () => {
    expect(JSON.stringify(status.notFoundError(DEPLOYMENTS, 'x').toStatus())).toBe(
      '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"deployments.apps \\"x\\" not found",' +
        '"reason":"NotFound","details":{"name":"x","group":"apps","kind":"deployments"},"code":404}',
    );
  });

  it('tells every broken rule of an object, in the message and as causes', () => {
    const error = status.invalidError({ group: 'apps', kind: 'Deployment' }, 'x', [
      required('spec.selector'),
      invalid('spec.replicas', -1, 'must be greater than or equal to 0'),
      duplicate('spec.template.spec.containers[1].name', 'web'),
    ]);
    expect(error.message).toBe(
      'Deployment.apps "x" is invalid: [spec.selector: Required value, ' +
        'spec.replicas: Invalid value: -1: must be greater than or equal to 0, ' +
        'spec.template.spec.containers[1].name: Duplicate value: "web"]',
    );
    expect(error.toStatus()).toMatchObject({
      code: 422,
      details: {
        name: 'x',
        group: 'apps',
        kind: 'Deployment',
        causes: [
          { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.selector' },
          { reason: 'FieldValueInvalid', field: 'spec.replicas' },
          { reason: 'FieldValueDuplicate', message: 'Duplicate value: "web"' },
        ],
      },
    });
  });

  it('puts one broken rule without brackets', () => {
    const error = status.invalidError({ group: '', kind: 'Pod' }, 'x', [required('spec.containers')]);
    expect(error.message).toBe('Pod "x" is invalid: spec.containers: Required value');
  });

  it('carries causes that programs look for', () => {
    expect(status.tooLargeResourceVersionError('9', '7').hasCause('ResourceVersionTooLarge')).toBe(true);
    expect(status.badRequestError('x').hasCause('ResourceVersionTooLarge')).toBe(false);
    const terminating = status.forbiddenError(PODS, 'x', 'y', [
      { reason: 'NamespaceTerminating', field: 'metadata.namespace' },
    ]);
    expect(terminating.toStatus().details?.causes).toEqual([
      { reason: 'NamespaceTerminating', field: 'metadata.namespace' },
    ]);
  });

  it('puts the token that continues an expired list into the metadata', () => {
    expect(status.expiredError('old', 'token').toStatus().metadata).toEqual({ continue: 'token' });
  });

  it('has a meaning inside the program', () => {
    expect(isNotFound(status.notFoundError(PODS, 'x'))).toBe(true);
    expect(errorCode(status.conflictError(PODS, 'x'))).toBe('aborted');
  });

  it('answers success with the details of what was deleted', () => {
    expect(status.successStatus({ name: 'x', kind: 'pods', uid: 'u' })).toMatchObject({
      status: 'Success',
      details: { uid: 'u' },
    });
  });
});
