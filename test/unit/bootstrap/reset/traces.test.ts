import { expect, test } from 'vitest';
import { readTraces, traceProblems } from '../../../../src/bootstrap/reset/traces.ts';

const signal = new AbortController().signal;

test('daemons that nobody can be asked of are told of, and hide no others', async () => {
  const traces = await readTraces(
    {
      traces: async name => {
        if (name !== 'gantry-node') throw new Error('Failed to connect to bus');
        return ['/etc/gantry/gantry-node.env'];
      },
    },
    signal,
  );
  expect(traces.find(({ name }) => name === 'gantry-node')).toEqual({
    name: 'gantry-node',
    traces: ['/etc/gantry/gantry-node.env'],
  });
  expect(traceProblems(traces)).toHaveLength(3);
  expect(traceProblems(traces)[0]).toBe('what is left of gantry-etcd is not known: Failed to connect to bus');
});

test('a command that was interrupted is no such problem', async () => {
  const aborted = AbortSignal.abort();
  const services = { traces: async () => Promise.reject(new Error('aborted')) };
  await expect(readTraces(services, aborted)).rejects.toThrow();
});
