import { describe, expect, it } from 'vitest';
import { wantedMap } from '../../../src/controllers/root-ca/root-ca.ts';

describe('the map with the CA bundle', () => {
  const wanted = wantedMap('team', 'PEM', undefined);

  it('is made where there is none', () => {
    expect(wanted).toMatchObject({
      metadata: { namespace: 'team', name: 'kube-root-ca.crt' },
      data: { 'ca.crt': 'PEM' },
    });
    expect(wanted?.metadata.annotations?.['kubernetes.io/description']).toMatch(/^Contains a CA bundle/);
  });

  it('is left alone where it is right', () => {
    expect(wantedMap('team', 'PEM', wanted)).toBeUndefined();
  });

  it.each([
    ['another bundle', { data: { 'ca.crt': 'OLD' } }],
    ['something more', { data: { 'ca.crt': 'PEM', extra: 'x' } }],
    ['no description', { metadata: { ...wanted?.metadata, annotations: {} } }],
  ])('is set right where it has %s', (_, change) => {
    const found = { ...wanted, ...change } as NonNullable<typeof wanted>;
    expect(wantedMap('team', 'PEM', found)).toEqual({ ...wanted, metadata: { ...wanted?.metadata } });
  });

  it('keeps what others wrote into its metadata', () => {
    const found = { ...wanted, metadata: { ...wanted?.metadata, labels: { a: 'b' } }, data: {} } as NonNullable<
      typeof wanted
    >;
    expect(wantedMap('team', 'PEM', found)?.metadata.labels).toEqual({ a: 'b' });
  });
});
