import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { requestLifetime } from '../../../../src/apiserver/serve/request-lifetime.ts';

it('ends with the client, which is no defect of the server', () => {
  const response = new EventEmitter();
  const { signal, end } = requestLifetime(response);
  expect(signal.aborted).toBe(false);
  response.emit('close');
  expect(signal.reason).toMatchObject({ name: 'GantryError', code: 'cancelled', message: 'the client is gone' });
  end();
  expect(signal.reason).toMatchObject({ message: 'the client is gone' });
});

it('ends with the request, and leaves nothing behind at the response', () => {
  const response = new EventEmitter();
  const { signal, end } = requestLifetime(response);
  end();
  expect(signal.reason).toMatchObject({ name: 'GantryError', code: 'cancelled', message: 'the request has ended' });
  expect(response.listenerCount('close')).toBe(0);
});
