import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { requestLifetime } from '../../../../src/apiserver/serve/request-lifetime.ts';

it('ends with the client, which is no defect of the server', () => {
  const response = new EventEmitter();
  const { signal, end } = requestLifetime(response, new EventEmitter());
  expect(signal.aborted).toBe(false);
  response.emit('close');
  expect(signal.reason).toMatchObject({ name: 'GantryError', code: 'cancelled', message: 'the client is gone' });
  end();
  expect(signal.reason).toMatchObject({ message: 'the client is gone' });
});

it('ends with the request, and leaves nothing behind at the response', () => {
  const response = new EventEmitter();
  const { signal, end } = requestLifetime(response, new EventEmitter());
  end();
  expect(signal.reason).toMatchObject({ name: 'GantryError', code: 'cancelled', message: 'the request has ended' });
  expect(response.listenerCount('close')).toBe(0);
});

it('ends with the connection, also where the answer still waits for its turn', () => {
  const connection = new EventEmitter();
  const lifetimes = Array.from({ length: 20 }, () => requestLifetime(new EventEmitter(), connection));
  lifetimes[0]?.end();
  expect(connection.listenerCount('close')).toBe(1);
  connection.emit('close');
  expect(lifetimes.map(({ signal }) => signal.reason.message)).toEqual([
    'the request has ended',
    ...Array(19).fill('the client is gone'),
  ]);
});
