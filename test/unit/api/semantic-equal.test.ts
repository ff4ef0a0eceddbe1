import { beforeAll, describe, expect, it } from 'vitest';
import { loadPackages } from '../../../src/api/schema/packages.ts';
import { equalAs } from '../../../src/api/semantic-equal.ts';

beforeAll(() => loadPackages());

const resources = (memory: string) => ({ limits: { memory } });

describe('equality as the API machinery sees it', () => {
  it.each([
    ['quantities are compared by amount', resources('1Gi'), resources('1073741824'), true],
    ['and are not equal where the amounts differ', resources('1Gi'), resources('1G'), false],
    ['an absent map is an empty one', { limits: {} }, {}, true],
    ['a quantity of zero is not an absent one in a map', resources('0'), { limits: {} }, false],
  ])('%s', (_, a, b, expected) => {
    expect(equalAs('core/v1.ResourceRequirements', a, b)).toBe(expected);
  });
});
