import { expect, it } from 'vitest';
import { readAddresses } from '../../../../src/bootstrap/preflight/addresses.ts';

it('an address that no link has is told apart from one that a link has', async () => {
  const here = { address: '127.0.0.1', of: 'node' } as const;
  const nowhere = { address: '192.0.2.77', of: 'control-plane' } as const;
  const { absent, present } = await readAddresses([here, nowhere]);
  expect(absent).toEqual([nowhere]);
  expect(present).not.toContain('127.0.0.1');
});
