import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LayersProgress } from '../../../../src/cri/images/fetch-image.ts';
import { LoggedProgress, PullProgress } from '../../../../src/cri/images/pull-progress.ts';

const at = (bytesDone: number): LayersProgress => ({ bytesDone, bytesTotal: 9, layersDone: 0, layersTotal: 1 });

describe('the progress of pulls', () => {
  it('is told to all who wait for the same one, and to nobody else', () => {
    const pulls = new PullProgress();
    const heard: string[] = [];
    const leaveFirst = pulls.listen('a', p => heard.push(`first ${p.bytesDone}`));
    pulls.listen('b', p => heard.push(`other ${p.bytesDone}`));
    pulls.tell('a', at(1));
    pulls.listen('a', p => heard.push(`late ${p.bytesDone}`));
    leaveFirst();
    pulls.tell('a', at(2));
    expect(heard).toEqual(['first 1', 'late 1', 'late 2']);
  });

  it('is forgotten when the last one has left', () => {
    const pulls = new PullProgress();
    pulls.listen('a', () => undefined)();
    pulls.tell('a', at(1));
    const heard: LayersProgress[] = [];
    pulls.listen('a', p => heard.push(p));
    expect(heard).toEqual([]);
  });
});

describe('the log', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('says every quarter of a minute how far a pull is, and what came since the last line', () => {
    const lines: { readonly msg: string; readonly newBytes: number; readonly bytesDone: number }[] = [];
    const log = pino({}, { write: line => lines.push(JSON.parse(line)) });
    const logged = new LoggedProgress(log, 'docker.io/library/web:1');
    vi.advanceTimersByTime(20_000);
    logged.tell(at(1));
    logged.tell(at(5));
    vi.advanceTimersByTime(10_000);
    logged.tell(at(7));
    vi.advanceTimersByTime(15_000);
    logged.end();
    vi.advanceTimersByTime(60_000);
    expect(lines.map(l => [l.msg, l.bytesDone, l.newBytes])).toEqual([
      ['still pulling', 5, 5],
      ['still pulling', 7, 2],
    ]);
  });
});
