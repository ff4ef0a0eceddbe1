import { describe, expect, it } from 'vitest';
import { GantryError } from '../../../../src/base/errors.ts';
import { EMPTY_MEMORY } from '../../../../src/kubelet/decide/pod-memory.ts';
import { rememberImage } from '../../../../src/kubelet/decide/remember.ts';
import { ImagePuller } from '../../../../src/kubelet/images/image-puller.ts';
import { sandboxConfig } from '../../../../src/kubelet/runtime/sandbox-config.ts';
import { FakeRuntime } from '../fake-runtime.ts';
import { podWith } from '../pods.ts';

const signal = new AbortController().signal;
const pod = podWith('containers: [{name: main, image: localhost/absent:1}]');
const dns = { host: { servers: [], searches: [], options: [] }, clusterDns: [], clusterDomain: '' };

/** What comes of a pull that ends with UNAVAILABLE while the runtime does, or does not, answer other calls. */
async function outcome(reachable: boolean): Promise<unknown> {
  const runtime = new FakeRuntime();
  runtime.pullImage = async () => {
    throw new GantryError('unavailable', 'PullImage: no answer: registry r cannot be reached');
  };
  if (!reachable)
    runtime.version = async () => {
      throw new GantryError('unavailable', 'no answer');
    };
  const [container] = pod.pod.spec.containers;
  if (container === undefined) throw new Error('the pod has no container');
  const sandbox = sandboxConfig({ pod, attempt: 0, logDirectory: '/l', cgroupParent: '/k', dns });
  const answer = await new ImagePuller(runtime, 1).ensure(container, sandbox, signal);
  return answer !== 'cut-off' && 'pull' in answer ? answer.pull : answer;
}

describe('a pull that was unavailable', () => {
  it('failed, when the runtime answers: it is the registry that is down', async () => {
    expect(await outcome(true)).toMatchObject({
      reason: 'ErrImagePull',
      message: expect.stringContaining('registry r'),
    });
  });

  it('was cut off, when the runtime is away: the image is asked for again without a wait', async () => {
    expect(await outcome(false)).toBe('cut-off');
    const pulling = rememberImage(EMPTY_MEMORY, 'main', 'pulling', 0);
    expect(rememberImage(pulling, 'main', 'cut-off', 0)).toEqual(EMPTY_MEMORY);
  });
});
