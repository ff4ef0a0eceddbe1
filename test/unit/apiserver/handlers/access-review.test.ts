import { expect, it } from 'vitest';
import type { FieldSelectorAttributes, SubjectAccessReview } from '../../../../src/api/types/gen/authorization-v1.ts';
import type { Attributes } from '../../../../src/apiserver/authz/attributes.ts';
import { answerAccessReview } from '../../../../src/apiserver/handlers/access-review.ts';
import type { HandlerContext } from '../../../../src/apiserver/handlers/handler-context.ts';
import type { RequestContext } from '../../../../src/apiserver/pipeline/context.ts';

const NODE = { field: 'spec.nodeName', operator: '=', value: 'n' };
const cases: readonly [sentence: string, selector: FieldSelectorAttributes | undefined, asked: readonly object[]][] = [
  ['nothing', undefined, []],
  ['a text', { rawSelector: 'spec.nodeName=n' }, [NODE]],
  ['a text that cannot be read', { rawSelector: 'spec.nodeName' }, []],
  [
    'requirements, as far as they are understood',
    {
      requirements: [
        { key: 'spec.nodeName', operator: 'In', values: ['n'] },
        { key: 'metadata.name', operator: 'NotIn', values: ['x'] },
        { key: 'metadata.name', operator: 'NotIn', values: ['y', 'z'] },
        { key: 'metadata.name', operator: 'Exists' },
      ],
    },
    [NODE, { field: 'metadata.name', operator: '!=', value: 'x' }],
  ],
];
it.each(cases)('a question about access is narrowed by %s', (_, fieldSelector, asked) => {
  const seen: Attributes[] = [];
  const authorize = (attributes: Attributes) => {
    seen.push(attributes);
    return { kind: 'allow', reason: '' };
  };
  const handlers = { authorizer: { authorize } } as unknown as HandlerContext;
  const spec = { user: 'system:node:n', resourceAttributes: { verb: 'list', resource: 'pods', fieldSelector } };
  const context = { info: { namespace: '' } } as RequestContext;
  const review = { metadata: {}, spec } as SubjectAccessReview;
  expect(answerAccessReview(handlers, review, 'SubjectAccessReview', context).status.allowed).toBe(true);
  expect(seen.map(({ fieldRequirements }) => fieldRequirements)).toEqual([asked]);
});
