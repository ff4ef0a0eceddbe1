import { isNotFound, isUnimplemented } from '../../base/errors.ts';
import { AuthConfig, CgroupDriver } from '../../rpc/cri-api.ts';
import type { CriClient } from '../../rpc/cri-client.ts';
import { LABEL } from './labels.ts';
import { podStatsOf } from './pod-stats.ts';
import type { ContainerRuntime } from './ports.ts';

/** The port on a CRI client. `images` is another client where the image service has an endpoint of its own. */
export function criRuntime(client: CriClient, images: CriClient = client): ContainerRuntime {
  const selector = (podUid: string | undefined): { [key: string]: string } =>
    podUid === undefined ? {} : { [LABEL.podUid]: podUid };
  return {
    async version(signal) {
      const answer = await client.version({ version: 'v1' }, { signal });
      return { name: answer.runtimeName, version: answer.runtimeVersion };
    },
    async status(signal) {
      const { status, runtimeHandlers, features } = await client.status({ verbose: false }, { signal });
      return {
        conditions: status?.conditions ?? [],
        handlers: runtimeHandlers.map(({ name, features: able }) => ({
          name,
          recursiveReadOnlyMounts: able?.recursiveReadOnlyMounts ?? false,
          userNamespaces: able?.userNamespaces ?? false,
        })),
        supplementalGroupsPolicy: features?.supplementalGroupsPolicy,
      };
    },
    async cgroupDriver(signal) {
      try {
        const { linux } = await client.runtimeConfig({}, { signal });
        if (linux === undefined) return undefined;
        return linux.cgroupDriver === CgroupDriver.SYSTEMD ? 'systemd' : 'cgroupfs';
      } catch (error) {
        if (isUnimplemented(error)) return undefined;
        throw error;
      }
    },
    async listSandboxes(podUid, signal) {
      const filter = { id: '', state: undefined, labelSelector: selector(podUid) };
      return (await client.listPodSandbox({ filter }, { signal })).items;
    },
    async sandboxStatus(podSandboxId, signal) {
      return orUndefined(
        async () => (await client.podSandboxStatus({ podSandboxId, verbose: false }, { signal })).status,
      );
    },
    async runSandbox(config, runtimeHandler, signal) {
      return (await client.runPodSandbox({ config, runtimeHandler }, { signal })).podSandboxId;
    },
    async stopSandbox(podSandboxId, signal) {
      await orUndefined(() => client.stopPodSandbox({ podSandboxId }, { signal }));
    },
    async removeSandbox(podSandboxId, signal) {
      await orUndefined(() => client.removePodSandbox({ podSandboxId }, { signal }));
    },
    async listContainers(podUid, signal) {
      const filter = { id: '', state: undefined, podSandboxId: '', labelSelector: selector(podUid) };
      return (await client.listContainers({ filter }, { signal })).containers;
    },
    async containerStatus(containerId, signal) {
      return orUndefined(
        async () => (await client.containerStatus({ containerId, verbose: false }, { signal })).status,
      );
    },
    async createContainer(podSandboxId, config, sandboxConfig, signal) {
      return (await client.createContainer({ podSandboxId, config, sandboxConfig }, { signal })).containerId;
    },
    async startContainer(containerId, signal) {
      await client.startContainer({ containerId }, { signal });
    },
    async updateContainer(containerId, linux, signal) {
      await client.updateContainerResources({ containerId, linux, annotations: {} }, { signal });
    },
    async updateSandboxResources(podSandboxId, { resources, overhead }, signal) {
      await client.updatePodSandboxResources({ podSandboxId, resources, overhead }, { signal });
    },
    async stopContainer(containerId, graceSeconds, signal) {
      await orUndefined(() => client.stopContainer({ containerId, timeout: BigInt(graceSeconds) }, { signal }));
    },
    async removeContainer(containerId, signal) {
      await orUndefined(() => client.removeContainer({ containerId }, { signal }));
    },
    async reopenContainerLog(containerId, signal) {
      await client.reopenContainerLog({ containerId }, { signal });
    },
    async checkpointContainer(containerId, location, timeout, signal) {
      await client.checkpointContainer({ containerId, location, timeout }, { signal });
    },
    async execSync(containerId, cmd, timeoutSeconds, signal) {
      return client.execSync({ containerId, cmd, timeout: BigInt(timeoutSeconds) }, { signal });
    },
    async exec(containerId, cmd, wanted, signal) {
      return (await client.exec({ containerId, cmd, ...wanted }, { signal })).url;
    },
    async attach(containerId, wanted, signal) {
      return (await client.attach({ containerId, ...wanted }, { signal })).url;
    },
    async portForward(podSandboxId, port, signal) {
      return (await client.portForward({ podSandboxId, port }, { signal })).url;
    },
    podStats: podStatsOf(client),
    async imageFsInfo(signal) {
      return images.imageFsInfo({}, { signal });
    },
    async listImages(signal) {
      return (await images.listImages({ filter: undefined }, { signal })).images;
    },
    async imageStatus(image, runtimeHandler, signal) {
      const spec = { image, annotations: {}, userSpecifiedImage: '', runtimeHandler, imageRef: '' };
      return (await images.imageStatus({ image: spec, verbose: false }, { signal })).image;
    },
    async pullImage(image, runtimeHandler, credential, sandboxConfig, signal) {
      const spec = { image, annotations: {}, userSpecifiedImage: image, runtimeHandler, imageRef: '' };
      const auth = credential === undefined ? undefined : AuthConfig.fromPartial(credential);
      return (await images.pullImage({ image: spec, auth, sandboxConfig }, { signal })).imageRef;
    },
    async removeImage(image, signal) {
      const spec = { image, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
      await orUndefined(() => images.removeImage({ image: spec }, { signal }));
    },
    events(onOpen, signal) {
      return client.getContainerEvents({}, { signal, onOpen });
    },
  };
}

async function orUndefined<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
