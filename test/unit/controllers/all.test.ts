import { describe, expect, it } from 'vitest';
import { allControllers, chosenControllers } from '../../../src/controllers/all.ts';

const ALL = allControllers({ rootCa: 'PEM' });
const names = (...wanted: string[]): string[] => chosenControllers(ALL, wanted).map(row => row.name);

describe('the list of controllers', () => {
  it('has each name once', () => {
    expect(new Set(ALL.map(row => row.name)).size).toBe(ALL.length);
  });

  it('publishes no CA where there is none', () => {
    expect(allControllers({}).map(row => row.name)).not.toContain('root-ca-certificate-publisher-controller');
  });
});

describe('--controllers', () => {
  it('runs all of them with *, but for those that are off by default', () => {
    const off = ['bootstrap-signer-controller', 'token-cleaner-controller'];
    expect(names('*')).toEqual(ALL.map(row => row.name).filter(name => !off.includes(name)));
    expect(names('*', 'bootstrapsigner', 'tokencleaner')).toEqual(ALL.map(row => row.name));
  });

  it('leaves out what has a minus, with and without -controller', () => {
    expect(names('*', '-namespace')).not.toContain('namespace-controller');
    expect(names('*', '-namespace-controller')).not.toContain('namespace-controller');
  });

  it('runs those that are named', () => {
    expect(names('namespace', 'serviceaccount-controller')).toEqual([
      'serviceaccount-controller',
      'namespace-controller',
    ]);
  });

  it('takes the older names of upstream', () => {
    expect(names('csrapproving')).toEqual(['certificatesigningrequest-approving-controller']);
    expect(names('podgc', 'garbagecollector', 'endpoint', 'root-ca-cert-publisher', 'pv-protection')).toHaveLength(5);
    expect(names('*', '-csrapproving')).not.toContain('certificatesigningrequest-approving-controller');
  });

  it('takes the names of those that lack what they need', () => {
    expect(names('*', '-nodeipam', 'csrsigning')).toEqual(names('*'));
  });

  it('lets the first that speaks of a controller count', () => {
    expect(names('namespace', '-namespace')).toEqual(['namespace-controller']);
    expect(names('-namespace', 'namespace')).toEqual([]);
  });

  it('refuses a name that there is not, and tells those that there are', () => {
    expect(() => names('*', '-nonsense')).toThrow(
      /^--controllers: there is no controller "nonsense"; there are serviceaccount, .*namespace/,
    );
  });
});
