import { afterEach, beforeEach, vi } from 'vitest';

/** Within a `describe`: standard error is caught in each of its tests, and shown nowhere. Returns what was said in the one that runs. All spies end with each test. */
export function standardError(): () => string {
  let said = '';
  beforeEach(() => {
    said = '';
    vi.spyOn(process.stderr, 'write').mockImplementation(text => {
      said += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  return () => said;
}
