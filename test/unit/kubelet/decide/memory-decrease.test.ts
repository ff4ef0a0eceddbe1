import { describe, expect, it } from 'vitest';
import { refuseMemoryDecrease } from '../../../../src/kubelet/decide/memory-decrease.ts';

const change = (before: number | undefined, after: number | undefined, used: number | undefined) => ({
  before,
  after,
  used,
});
const LOWERED = change(100, 50, 40);

describe('a memory limit', () => {
  it.each([
    ['that is raised', change(50, 100, 200)],
    ['that stays', change(50, 50, 50)],
    ['that is lifted', change(50, undefined, 200)],
    ['that was never there', change(undefined, undefined, undefined)],
    ['that stays above what is used', LOWERED],
    ['that comes above what is used', change(undefined, 50, 49)],
  ])('%s is taken, of the pod and of a container', (_what, each) => {
    expect(refuseMemoryDecrease(each, [{ name: 'main', ...each }])).toBeUndefined();
  });

  it.each([
    ['below what is used', change(100, 50, 60), 'attempting to set pod memory limit (50) below current usage (60)'],
    ['at what is used', change(100, 50, 50), 'attempting to set pod memory limit (50) below current usage (50)'],
    [
      'new below what is used',
      change(undefined, 50, 60),
      'attempting to set pod memory limit (50) below current usage (60)',
    ],
    ['lowered under nobody knows what', change(100, 50, undefined), 'missing pod memory usage'],
  ])('of the pod %s is refused', (_what, pod, message) => {
    expect(refuseMemoryDecrease(pod, [])).toBe(`cannot decrease memory limits: ${message}`);
  });

  it.each([
    [
      'below what is used',
      change(100, 50, 60),
      'attempting to set container "a" memory limit (50) below current usage (60)',
    ],
    ['lowered under nobody knows what', change(100, 50, undefined), 'missing container "a" memory usage'],
  ])('of a container %s is refused', (_what, container, message) => {
    expect(
      refuseMemoryDecrease(undefined, [
        { name: 'b', ...LOWERED },
        { name: 'a', ...container },
      ]),
    ).toBe(`cannot decrease memory limits: ${message}`);
  });

  it('is refused with all that is against it', () => {
    expect(refuseMemoryDecrease(change(100, 50, 60), [{ name: 'a', ...change(100, 50, 60) }])).toBe(
      'cannot decrease memory limits: [attempting to set pod memory limit (50) below current usage (60), attempting to set container "a" memory limit (50) below current usage (60)]',
    );
  });
});
