import { runCommand } from '../../src/linux/command.ts';
import { PROJECT } from './gantry-command.ts';

/** What is packed; where Node's LTS cannot be fetched, the end of why. GANTRY_DEB names a package that is built already. */
export async function builtPackage(output: string): Promise<{ readonly deb: string; readonly missing: string }> {
  const given = process.env['GANTRY_DEB'] ?? '';
  if (given !== '') return { deb: given, missing: '' };
  const { code, stdout, stderr } = await runCommand(`${PROJECT}/scripts/build-deb`, ['--fast', '--output', output]);
  const lines = stdout.toString().trimEnd().split('\n');
  if (code === 0) return { deb: lines.at(-1) ?? '', missing: '' };
  const why = `${stdout.toString()}${stderr.toString()}`;
  if (!why.includes('fetch the LTS of Node ... FAILED')) throw new Error(`scripts/build-deb failed:\n${why}`);
  return { deb: '', missing: 'the LTS of Node that is packed could not be fetched' };
}
