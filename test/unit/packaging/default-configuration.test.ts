import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CRI_CONFIG } from '../../../src/cri/config.ts';
import { parseCriConfig } from '../../../src/cri/config-file.ts';

const FILE = 'packaging/etc/gantry/cri.yaml';
const text = readFileSync(FILE, 'utf8');

describe('the configuration that the package installs', () => {
  it('sets nothing', () => {
    expect(parseCriConfig(text, FILE)).toEqual(DEFAULT_CRI_CONFIG);
  });

  it('shows every field with its default: taken in whole it changes nothing either', () => {
    // prose has a space after the mark, unless it is indented below a key that was taken in
    const takenIn = text
      .split('\n')
      .filter(line => /^#\S|^# {2,}\S/.test(line))
      .map(line => line.slice(1))
      .join('\n');
    expect(parseCriConfig(takenIn, FILE)).toEqual(DEFAULT_CRI_CONFIG);
    for (const field of Object.keys(DEFAULT_CRI_CONFIG)) expect(takenIn).toMatch(new RegExp(`^${field}:`, 'm'));
  });
});
