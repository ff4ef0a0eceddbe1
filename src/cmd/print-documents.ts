import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describeCommand } from './command-tree.ts';
import { completionScript, type Shell } from './completion.ts';
import { manPages } from './man-page.ts';
import { VERSION } from './version.ts';

/** `gantry completion SHELL`. Returns the exit code. */
export async function printCompletion(program: Command, shell: Shell): Promise<number> {
  process.stdout.write(completionScript(describeCommand(program), shell));
  return 0;
}

/** `gantry man-pages DIRECTORY`, for the build of packages: the pages with the date of SOURCE_DATE_EPOCH, or of now. Returns the exit code. */
export async function writeManPages(program: Command, directory: string): Promise<number> {
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  const date = (epoch === undefined ? new Date() : new Date(Number(epoch) * 1000)).toISOString().slice(0, 10);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  for (const { file, text } of manPages(describeCommand(program), { version: VERSION, date }))
    writeFileSync(join(directory, file), text);
  return 0;
}
