import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { fieldErrorText } from '../../../../src/api/validation/field-error.ts';
import { validatePodStatusUpdate } from '../../../../src/apiserver/resources/core/pod/status-rules.ts';
import { validatePodUpdate } from '../../../../src/apiserver/resources/core/pod/update-rules.ts';

const pod = (annotations: Readonly<Record<string, string>> | undefined): Pod =>
  ({ metadata: { name: 'web', annotations }, spec: { containers: [], nodeName: 'n' }, status: {} }) as unknown as Pod;
const mirror = (value: string): Pod => pod({ 'kubernetes.io/config.mirror': value });

describe('the annotation that makes a pod a mirror', () => {
  const at = 'metadata.annotations[kubernetes.io/config.mirror]: Forbidden:';
  const cases: readonly [sentence: string, after: Pod, before: Pod, refused: readonly string[]][] = [
    ['is not taken away', pod(undefined), mirror('x'), [`${at} may not remove or update mirror pod annotation`]],
    ['is not changed', mirror('y'), mirror('x'), [`${at} may not remove or update mirror pod annotation`]],
    ['is not emptied', mirror(''), mirror('x'), [`${at} may not remove or update mirror pod annotation`]],
    ['is not added', mirror('x'), pod({}), [`${at} may not add mirror pod annotation`]],
    ['may stay', mirror('x'), mirror('x'), []],
    ['says nothing of others', pod({ note: 'b' }), pod({ note: 'a' }), []],
  ];
  it.each(cases)('%s', (_, after, before, refused) => {
    const told = (errors: ReturnType<typeof validatePodUpdate>): readonly string[] =>
      errors.map(fieldErrorText).filter(line => line.startsWith('metadata.'));
    expect(told(validatePodUpdate(after, before))).toEqual(refused);
    expect(told(validatePodStatusUpdate(after, before))).toEqual(refused);
  });
});
