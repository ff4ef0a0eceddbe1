import { describe, expect, it } from 'vitest';
import { encodeObject } from '../../../../src/api/encode/encode-object.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';

const pod = builtinTable.struct('core/v1.Pod');

describe('JSON as upstream writes it', () => {
  it('leaves out empty fields and writes structs held by value', () => {
    const value = {
      status: {},
      spec: {
        containers: [{ name: 'a', image: '', command: [], tty: false, resources: {}, securityContext: {} }],
        hostNetwork: false,
      },
      metadata: { name: 'p', labels: {} },
      kind: 'Pod',
    };
    expect(JSON.stringify(encodeObject(pod, value))).toBe(
      '{"kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"a","resources":{},"securityContext":{}}]},"status":{}}',
    );
  });

  it('writes what is missing as Go would: null for a list, a zero for a name', () => {
    expect(JSON.stringify(encodeObject(pod, { spec: {} }))).toBe(
      '{"metadata":{},"spec":{"containers":null},"status":{}}',
    );
  });

  it('keeps a zero behind a pointer', () => {
    expect(encodeObject(pod, { spec: { terminationGracePeriodSeconds: 0 } })).toMatchObject({
      spec: { terminationGracePeriodSeconds: 0 },
    });
  });

  it('leaves out what the table does not know', () => {
    expect(encodeObject(pod, { extra: 1 })).not.toHaveProperty('extra');
  });
});
