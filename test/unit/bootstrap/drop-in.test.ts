import { describe, expect, it } from 'vitest';
import { dropInText } from '../../../src/bootstrap/daemons/drop-in.ts';
import { controlPlaneUnit } from '../../../src/bootstrap/daemons/plan.ts';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import { initSettings } from './init-settings.ts';

describe('the drop-in of a unit', () => {
  it.each([
    ['/etc/kubernetes/pki', []],
    ['/etc/kubernetes', []],
    ['/etc/kubernetes-pki', ['/etc/kubernetes-pki']],
    ['/srv/pki', ['/srv/pki']],
  ])('is of the control plane whose certificates are in %s: %j', (certificatesDir, writes) => {
    expect(controlPlaneUnit(initSettings(), filesBelow('/', { certificatesDir }), ['gantry']).writes).toEqual(writes);
  });

  it('is of one whose usual directory is a link to another disk', () => {
    const files = filesBelow('/');
    const leadsTo = (path: string): string => (path === files.pkiDir ? '/data/pki' : path);
    expect(controlPlaneUnit(initSettings(), files, ['gantry'], leadsTo).writes).toEqual([files.pkiDir]);
  });

  it.each([
    [[], undefined],
    [['/srv/pki'], '-/srv/pki'],
    [['/a', '/b c'], '-/a "-/b c"'],
    [['/50%'], '-/50%%'],
    [['/a"b\\c'], String.raw`"-/a\"b\\c"`],
  ])('says %j as systemd reads it', (writes, words) => {
    expect(dropInText(writes)?.split('\n').slice(1).join('\n')).toBe(
      words === undefined ? undefined : `[Service]\nReadWritePaths=${words}\n`,
    );
  });

  it('refuses a line break, after which anything could stand', () => {
    expect(() => dropInText(['/a\nUser=x'])).toThrow('has a control character');
  });
});
