import { describe, expect, it } from 'vitest';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import type { Body } from '../../../../src/apiserver/body/decode-body.ts';
import { answerBody, bodyMessage, readReply } from '../../../../src/apiserver/body/worker-messages.ts';
import { JSON_TYPE } from '../../../../src/apiserver/negotiation/negotiate.ts';

const type = builtinTable.struct('core/v1.Pod');
const bodyOf = (text: string): Body => ({
  bytes: Buffer.from(text),
  mediaType: JSON_TYPE,
  expected: { type, apiVersion: 'v1', kind: 'Pod' },
  fieldValidation: 'Warn',
});
const decoded = (body: Body) => readReply(answerBody(structuredClone(bodyMessage(body))), body);

describe('a body that goes to a thread', () => {
  it('comes back as the object, with what the client is to be told', () => {
    expect(decoded(bodyOf('{"spec":{"containers":[]},"foo":1}'))).toEqual({
      object: { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: { containers: [] }, status: {} },
      warnings: ['unknown field "foo"'],
    });
  });

  it('comes back as the refusal', () => {
    expect(() => decoded(bodyOf('{"spec":1}'))).toThrow(
      expect.objectContaining({ httpCode: 400, message: expect.stringContaining('cannot unmarshal number') }),
    );
  });
});
