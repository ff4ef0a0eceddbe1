import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { containerScopes } from '../../../../src/cri/oci/container-scopes.ts';
import type { UnitProperty } from '../../../../src/linux/systemd-slice.ts';

describe('the limits of a scope', () => {
  const scope = { id: 'abc', group: '/kubepods.slice/gantry-abc.scope' };
  const limits = { cpu: { quota: 33_300, period: 100_000 }, unified: { 'memory.oom.group': '1' } };
  let mountPoint: string;
  const file = (name: string): string => join(mountPoint, scope.group, name);
  const warnings: unknown[] = [];
  const told: [string, Record<string, unknown>][] = [];
  /** As systemd 252: it writes what it knows of a unit. */
  const systemd = {
    async setProperties(unit: string, properties: readonly UnitProperty[]): Promise<void> {
      told.push([unit, Object.fromEntries(properties.map(({ name, value }) => [name, value]))]);
      writeFileSync(file('cpu.max'), '34000 100000');
      writeFileSync(file('memory.oom.group'), '0');
    },
  };
  const open = (version: 1 | 2 = 2) =>
    containerScopes(
      systemd,
      { warn: (...words: unknown[]) => void warnings.push(words) },
      { version, hierarchies: [{ mountPoint, controllers: [] }], hybridUnified: undefined },
    );
  const read = (): readonly string[] => ['cpu.max', 'memory.oom.group'].map(name => readFileSync(file(name), 'utf8'));

  beforeEach(() => {
    mountPoint = mkdtempSync(join(tmpdir(), 'gantry-container-scopes-'));
    mkdirSync(join(mountPoint, scope.group), { recursive: true });
    for (const name of ['cpu.max', 'memory.oom.group']) writeFileSync(file(name), 'as the runtime left it');
    told.length = 0;
    warnings.length = 0;
  });
  afterEach(() => {
    rmSync(mountPoint, { recursive: true, force: true });
    expect(warnings).toEqual([]);
  });

  it('are told to systemd, and what that rounds or takes back is written again', async () => {
    const scopes = open();
    await scopes?.setLimits(scope, limits);
    expect(told).toEqual([['gantry-abc.scope', { CPUQuotaPeriodUSec: 100_000n, CPUQuotaPerSecUSec: 340_000n }]]);
    expect(read()).toEqual(['33300 100000', '1']);
    await systemd.setProperties('gantry-abc.scope', []);
    for (let n = 0; n < 2000 && read().join() !== '33300 100000,1'; n += 1) await setTimeout(1);
    expect(read()).toEqual(['33300 100000', '1']);
    scopes?.release('abc');
  });

  it('are kept without a word to systemd where it knows them', () => {
    const scopes = open();
    scopes?.keepLimits(scope, limits);
    expect(told).toEqual([]);
    expect(read()).toEqual(['33300 100000', '1']);
    scopes?.release('abc');
  });

  it('of cgroup v1 are the runtime’s', () => {
    expect(open(1)).toBeUndefined();
  });
});
