import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeCriPod, runCriPod } from '../harness/cri-pod.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';

// scripts/test runs this file a second time with GANTRY_NODE set to the current LTS of Node

let target: RuntimeHost;
beforeAll(async () => {
  target = await gantryHost();
});
afterAll(() => target.delete());

it('prints its version', async () => {
  expect(await run(target.host, gantryCommand('--version'))).toMatch(/^v1\.\d+\.\d+\+gantry\.\d+\n$/);
  expect(await run(target.host, gantryCommand('version'))).toMatch(
    /^gantry version: v1\.\S+, on Node\.js v\S+, linux\/\w+\n$/,
  );
  const document = JSON.parse(await run(target.host, gantryCommand('version', '-o', 'json'))) as object;
  expect(document).toMatchObject({
    clientVersion: { major: '1', minor: '36', platform: expect.stringMatching(/^linux\//) },
  });
});

it('runs a pod and removes it', async () => {
  const pod = await runCriPod(target.client, 'smoke');
  const { containers } = await target.client.listContainers({ filter: undefined });
  expect(containers.map(c => [c.id, c.state])).toEqual([[pod.containerId, 1]]);
  await removeCriPod(target.client, pod);
  expect((await target.client.listPodSandbox({ filter: undefined })).items).toEqual([]);
});
