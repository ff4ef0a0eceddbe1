import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ApiConnection } from '../../../../src/client/connection.ts';
import { createLogger } from '../../../../src/daemon/logger.ts';
import type { DesiredPod } from '../../../../src/kubelet/desired/desired-pod.ts';
import { type ApiObjects, apiObjects } from '../../../../src/kubelet/objects/api-objects.ts';
import { NO_OBJECTS, objectsFor } from '../../../../src/kubelet/objects/pod-objects.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { podWith } from '../pods.ts';

const file = podWith(`volumes: [{name: c, configMap: {name: conf}}, {name: s, secret: {secretName: pass}}]
  containers: [{name: main, image: i}]`);
const pod: DesiredPod = { ...file, source: 'api', file: '' };

let watched: Map<string, AbortSignal>;
let told: (readonly string[])[];
let sendServices: (line: string) => void;
let objects: ApiObjects;
const open = (): string[] => [...watched].filter(([, signal]) => !signal.aborted).map(([name]) => name);

beforeEach(() => {
  watched = new Map();
  told = [];
  const services = new Promise<string>(resolve => {
    sendServices = resolve;
  });
  const connection = {
    async stream({ path, signal }: { path: string; signal: AbortSignal }) {
      const { pathname, searchParams } = new URL(path, 'https://x');
      const kind = pathname.split('/').at(-1) ?? '';
      watched.set(`${kind} ${searchParams.get('fieldSelector') ?? 'all'}`, signal);
      const ended = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
      return {
        status: 200,
        pieces: (async function* () {
          if (kind === 'services') yield Buffer.from(await services);
          await ended;
        })(),
      };
    },
  } as unknown as ApiConnection;
  objects = apiObjects({
    connection,
    clock: new FakeClock(),
    log: createLogger({ daemon: 'test' }),
    onChange: uids => told.push(uids),
  });
});

describe('apiObjects', () => {
  it('watches what a pod refers to, until it is forgotten', () => {
    objects.watch(pod);
    objects.watch(pod);
    expect(open()).toEqual(['configmaps metadata.name=conf', 'secrets metadata.name=pass']);
    objects.forget(pod.uid);
    expect(open()).toEqual([]);
  });

  it('watches nothing for a pod that has finished, nor for one from a file', () => {
    objects.watch(pod);
    objects.watch({ ...pod, finished: true });
    objects.watch(file);
    expect(open()).toEqual([]);
  });

  it('knows services once they were read, and then tells the pods that asked in vain', async () => {
    const end = new AbortController();
    const running = objects.run(end.signal);
    expect(() => objects.services(pod)).toThrow(
      'services have not yet been read at least once, cannot construct envvars',
    );
    expect(objectsFor(file, objects).services(file)).toEqual([]);
    const object = { metadata: { resourceVersion: '1', annotations: { 'k8s.io/initial-events-end': 'true' } } };
    sendServices(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
    await vi.waitFor(() => expect(told).toEqual([[pod.uid]]));
    expect(objects.services(pod)).toEqual([]);
    end.abort();
    await running;
  });
});

describe('objectsFor', () => {
  it('gives a pod from a file no objects, whatever there is', async () => {
    await expect(objectsFor(file, objects).configMap('default', 'conf')).rejects.toThrow('from a file');
    await expect(objectsFor(file, objects).secret('default', 'pass')).rejects.toThrow('from a file');
    await expect(objectsFor(file, objects).token(file, { path: 't' }, new AbortController().signal)).rejects.toThrow(
      'from a file',
    );
    expect(objectsFor(pod, NO_OBJECTS)).toBe(NO_OBJECTS);
  });
});
