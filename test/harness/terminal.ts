import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { promisify } from 'node:util';
import { makeRunDirectory, RUN_DIR } from './run-id.ts';
import { waitFor } from './wait-for.ts';

const execute = promisify(execFile);
let opened = 0;

/** What a shell of the terminal says when it waits for the next command. */
const PROMPT = 'here$';

/** A terminal with a shell in it, as a person has one: typed into, looked at and resized by tmux, of a server of its own. */
export class Terminal {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  /** A shell with these variables, which has said its prompt. */
  static async open(env: Readonly<Record<string, string>>, columns = 80, rows = 24): Promise<Terminal> {
    makeRunDirectory();
    opened += 1;
    const terminal = new Terminal(`${RUN_DIR}/tmux-${opened}`);
    const variables = { PATH: process.env['PATH'] ?? '', HOME: RUN_DIR, TERM: 'screen', PS1: `${PROMPT} `, ...env };
    const settings = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const size = ['-x', String(columns), '-y', String(rows)];
    await terminal.#tmux('new-session', '-d', '-s', 'main', '-c', RUN_DIR, ...size, 'env', '-i', ...settings, 'sh');
    await terminal.shows(PROMPT);
    return terminal;
  }

  /** Types a line and ends it. */
  async type(line: string): Promise<void> {
    await this.#tmux('send-keys', '-t', 'main', '-l', line);
    await this.press('Enter');
  }

  /** Presses keys by the names that tmux has for them: `C-c`, `Enter`, `Escape`. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux('send-keys', '-t', 'main', ...keys);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-t', 'main', '-x', String(columns), '-y', String(rows));
  }

  /** What stands on the screen now, without blank lines at its end. */
  async screen(): Promise<string> {
    return (await this.#tmux('capture-pane', '-p', '-t', 'main')).trimEnd();
  }

  async clear(): Promise<void> {
    await this.press('C-l');
  }

  /** Resolves with the screen once this stands on it. */
  shows(what: string | RegExp): Promise<string> {
    return waitFor(`${what} to stand on the screen`, async saw => {
      const screen = await this.screen();
      saw(screen);
      return (typeof what === 'string' ? screen.includes(what) : what.test(screen)) && screen;
    });
  }

  /** Ends the terminal with everything in it. Safe to repeat. */
  async close(): Promise<void> {
    await this.#tmux('kill-server').catch(() => {});
    rmSync(this.#socket, { force: true });
  }

  async #tmux(...words: readonly string[]): Promise<string> {
    return (await execute('tmux', ['-S', this.#socket, '-f', '/dev/null', ...words])).stdout;
  }
}
