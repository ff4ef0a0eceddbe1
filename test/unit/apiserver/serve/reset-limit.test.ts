import { EventEmitter } from 'node:events';
import { constants, type ServerHttp2Session } from 'node:http2';
import { expect, it } from 'vitest';
import { endResettingSession } from '../../../../src/apiserver/serve/reset-limit.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

class Session extends EventEmitter {
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
  }

  /** A request from its beginning to its end. */
  end(rstCode: number): void {
    const stream = Object.assign(new EventEmitter(), { rstCode });
    this.emit('stream', stream);
    stream.emit('close');
  }

  /** Requests that the client gives up at once. */
  reset(count: number): void {
    for (let i = 0; i < count; i++) {
      this.end(constants.NGHTTP2_CANCEL);
    }
  }
}

const limited = () => {
  const clock = new FakeClock();
  const session = new Session();
  const ends: number[] = [];
  endResettingSession(session as unknown as ServerHttp2Session, clock, () => ends.push(clock.monotonic()));
  return { clock, session, ends };
};

it('ends a connection at the 901st request that is given up in a burst, once', () => {
  const { session, ends } = limited();
  session.reset(900);
  expect(session.destroyed).toBe(false);
  session.reset(5);
  expect([session.destroyed, ends]).toEqual([true, [0]]);
});

it('lets a client give up 30 a second for ever', async () => {
  const { clock, session } = limited();
  session.reset(900);
  for (let second = 0; second < 100; second++) {
    await clock.advance(1000);
    session.reset(30);
  }
  expect(session.destroyed).toBe(false);
  session.reset(1);
  expect(session.destroyed).toBe(true);
});

it('does not count requests that end', () => {
  const { session } = limited();
  for (let i = 0; i < 5000; i++) session.end(constants.NGHTTP2_NO_ERROR);
  session.reset(900);
  expect(session.destroyed).toBe(false);
});
