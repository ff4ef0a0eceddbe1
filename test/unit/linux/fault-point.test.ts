import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FAULT_POINTS } from '../../../src/linux/fault-point.ts';

const called = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .flatMap(name => [...readFileSync(`src/${name}`, 'utf8').matchAll(/faultPoint\('([^']+)'\)/g)])
  .map(([, point]) => point);

describe('fault points', () => {
  it('have names of their own', () => {
    expect(new Set(FAULT_POINTS).size).toBe(FAULT_POINTS.length);
  });

  it('are each at one place in the program', () => {
    // those of phases are put together where the phase has ended
    const named = FAULT_POINTS.filter(point => !point.startsWith('bootstrap/'));
    expect(called.sort()).toEqual([...named].sort());
  });
});
