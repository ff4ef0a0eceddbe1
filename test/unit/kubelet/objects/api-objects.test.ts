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
let send: { readonly [kind: string]: (line: string) => void };
let objects: ApiObjects;
const open = (): string[] => [...watched].filter(([, signal]) => !signal.aborted).map(([name]) => name);

const END_OF_STATE = `${JSON.stringify({
  type: 'BOOKMARK',
  object: { metadata: { resourceVersion: '1', annotations: { 'k8s.io/initial-events-end': 'true' } } },
})}\n`;

/** What a watch says, once somebody calls the second. */
function line(): [Promise<string>, (text: string) => void] {
  let send = (_text: string): void => {};
  const said = new Promise<string>(resolve => {
    send = resolve;
  });
  return [said, text => send(text)];
}

beforeEach(() => {
  watched = new Map();
  told = [];
  const [services, sendServices] = line();
  const [classes, sendClasses] = line();
  const lines: { readonly [kind: string]: Promise<string> } = { services, runtimeclasses: classes };
  send = { services: sendServices, runtimeclasses: sendClasses };
  const connection = {
    async stream({ path, signal }: { path: string; signal: AbortSignal }) {
      const { pathname, searchParams } = new URL(path, 'https://x');
      const kind = pathname.split('/').at(-1) ?? '';
      watched.set(`${kind} ${searchParams.get('fieldSelector') ?? 'all'}`, signal);
      const ended = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
      return {
        status: 200,
        pieces: (async function* () {
          const said = lines[kind];
          if (said !== undefined) yield Buffer.from(await Promise.race([said, ended.then(() => '')]));
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
    send['services']?.(END_OF_STATE);
    await vi.waitFor(() => expect(told).toEqual([[pod.uid]]));
    expect(objects.services(pod)).toEqual([]);
    end.abort();
    await running;
  });

  it('knows the handlers of runtime classes once they were read, and then tells the pods that asked in vain', async () => {
    const end = new AbortController();
    const running = objects.run(end.signal);
    expect(() => objects.runtimeHandler(pod, 'strong')).toThrow(
      'failed to lookup RuntimeClass strong: runtime classes have not yet been read',
    );
    const object = { metadata: { name: 'strong', uid: 'u', resourceVersion: '1' }, handler: 'kata' };
    send['runtimeclasses']?.(`${JSON.stringify({ type: 'ADDED', object })}\n${END_OF_STATE}`);
    await vi.waitFor(() => expect(told).toEqual([[pod.uid]]));
    expect(objects.runtimeHandler(pod, 'strong')).toBe('kata');
    expect(objectsFor(file, objects).runtimeHandler(file, 'strong')).toBe('kata');
    expect(() => objects.runtimeHandler(pod, 'gone')).toThrow('runtimeclass.node.k8s.io "gone" not found');
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
