import { describe, expect, it } from 'vitest';
import { type AttachStreamRequest, StreamRequests } from '../../../../src/cri/streaming/stream-requests.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const REQUEST: AttachStreamRequest = {
  kind: 'attach',
  containerId: 'a',
  wanted: { stdin: false, stdout: true, stderr: true, tty: false },
};

function served(): { clock: FakeClock; requests: StreamRequests; path: () => string } {
  const clock = new FakeClock();
  const requests = new StreamRequests(clock);
  requests.servedAt('http://127.0.0.1:1');
  return { clock, requests, path: () => new URL(requests.urlFor(REQUEST)).pathname };
}

describe('requests for streams', () => {
  it('are given out once, by the path that they were given', () => {
    const { requests, path } = served();
    const [first, second] = [path(), path()];
    expect(first).toMatch(/^\/attach\/[A-Za-z0-9_-]{8}$/);
    expect(requests.take(second)).toBe(REQUEST);
    expect(requests.take(first)).toBe(REQUEST);
    expect(requests.take(first)).toBeUndefined();
  });

  it.each(['/', '/attach/', '/attach/unknown0', '/logs/unknown0'])('are not given out for %s', wrong => {
    const { requests, path } = served();
    path();
    expect(requests.take(wrong)).toBeUndefined();
  });

  it.each([
    { what: 'of another kind', change: (path: string) => path.replace('attach', 'exec') },
    { what: 'with more behind it', change: (path: string) => `${path}/x` },
  ])('are not given out for a path $what', ({ change }) => {
    const { requests, path } = served();
    expect(requests.take(change(path()))).toBeUndefined();
  });

  it('are good for a minute', async () => {
    const { clock, requests, path } = served();
    const [early, late] = [path(), path()];
    await clock.advance(60_000);
    expect(requests.take(early)).toBe(REQUEST);
    await clock.advance(1);
    expect(requests.take(late)).toBeUndefined();
  });

  it('are a thousand at most, and those that are too old or used do not count', async () => {
    const { clock, requests, path } = served();
    const paths = Array.from({ length: 1000 }, path);
    expect(path).toThrow('maximum number of in-flight requests exceeded');
    requests.take(paths[500] ?? '');
    path();
    expect(path).toThrow('maximum number of in-flight requests exceeded');
    await clock.advance(60_001);
    expect(Array.from({ length: 1000 }, path)).toHaveLength(1000);
  });

  it('are refused where no streams are served', () => {
    const requests = new StreamRequests(new FakeClock());
    expect(() => requests.urlFor(REQUEST)).toThrow('no streams are served');
  });
});
