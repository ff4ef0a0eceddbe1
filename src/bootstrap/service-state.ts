import { likelyCause } from './likely-cause.ts';
import type { Services } from './services.ts';

/** What to say of a daemon that was waited for in vain: whether it runs, the end of its log, and what is likely the cause. Never fails. */
export async function serviceState(services: Services, name: string): Promise<string> {
  const log = await services.lastLog(name);
  const running = await services.isRunning(name).catch(() => false);
  const cause = likelyCause(log);
  const parts = [
    running ? `${name} runs` : `${name} does not run`,
    `the end of its log: ${log}`,
    ...(cause === undefined ? [] : [`likely cause: ${cause}`]),
  ];
  return parts.join('; ');
}
