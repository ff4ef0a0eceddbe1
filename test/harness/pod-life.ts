import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { errorCode } from '../../src/base/errors.ts';
import {
  AttachRequest,
  ContainerConfig,
  type ContainerStatus,
  ExecRequest,
  ExecSyncRequest,
  PodSandboxConfig,
  UpdateContainerResourcesRequest,
  UpdatePodSandboxResourcesRequest,
} from '../../src/rpc/cri-api.ts';
import { collect } from './bytes.ts';
import { containerConfig, podConfig } from './cri-pod.ts';
import { BUSYBOX } from './images.ts';
import type { RuntimeHost } from './runtime-host.ts';
import { openCommand } from './stream-client.ts';
import { waitFor } from './wait-for.ts';

/** A range such as kubelets give: ids of which the machine has nobody. */
const POD_IDS = [{ hostId: 196_608, containerId: 0, length: 65_536 }];

/** Says once that it has begun; ends with 7 when it is asked to. */
const PROGRAM = 'trap "exit 7" TERM; echo begun; sleep 100000 & wait';

/**
 * A pod from RunPodSandbox to RemovePodSandbox with everything in between that changes something in the shim. A caller that is `persistent` makes each call again while
 * nobody answers, as a kubelet does across a restart; what the shim refuses is thrown at once: a pod that works at the second try after an error of the first is a
 * fault that shall be seen. Any other caller throws at the first call that fails.
 */
export class PodLife {
  readonly #target: RuntimeHost;
  readonly #name: string;
  readonly #persistent: boolean;
  readonly #ids: typeof POD_IDS;
  #containerId = '';

  /** `ownUsers` gives the pod a user namespace. */
  constructor(target: RuntimeHost, name: string, persistent: boolean, ownUsers = false) {
    this.#ids = ownUsers ? POD_IDS : [];
    this.#target = target;
    this.#name = name;
    this.#persistent = persistent;
  }

  /** The log directory of the pod as a process inside the host names it. */
  get logDirectory(): string {
    return `/var/log/pods/default_${this.#name}_uid-${this.#name}`;
  }

  /** Resolves with the sandbox's id when the container runs. */
  async start(): Promise<string> {
    const { client, host } = this.#target;
    const portMappings = [{ protocol: 0, hostPort: 18080, containerPort: 80, hostIp: '' }];
    const usernsOptions = this.#ids.length === 0 ? undefined : { mode: 0, uids: this.#ids, gids: this.#ids };
    const securityContext = { namespaceOptions: { network: 0, pid: 1, ipc: 0, usernsOptions } };
    const plain = podConfig(this.#name);
    const linux = { ...plain.linux, securityContext };
    const sandboxConfig = PodSandboxConfig.fromPartial({ ...plain, linux, portMappings });
    const { podSandboxId } = await this.#call('RunPodSandbox', () =>
      client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' }),
    );
    mkdirSync(host.path('/var/lib/kubelet/volume'), { recursive: true });
    const program = containerConfig(['/bin/sh', '-c', PROGRAM]);
    const config = ContainerConfig.fromPartial({
      ...program,
      linux: { ...program.linux, securityContext },
      mounts: [
        { containerPath: '/volume', readonly: true, image: { image: BUSYBOX } },
        { containerPath: '/data', hostPath: '/var/lib/kubelet/volume', uidMappings: this.#ids, gidMappings: this.#ids },
      ],
    });
    const { containerId } = await this.#call('CreateContainer', () =>
      client.createContainer({ podSandboxId, config, sandboxConfig }),
    );
    this.#containerId = containerId;
    await this.#call('StartContainer', () => client.startContainer({ containerId }));
    return podSandboxId;
  }

  /** How often the program has begun, by its logs. */
  begun(): number {
    const directory = this.#target.host.path(`${this.logDirectory}/main`);
    const texts = readdirSync(directory).map(file => readFileSync(`${directory}/${file}`, 'utf8'));
    return texts.join('').split(' begun\n').length - 1;
  }

  /** Changes its limits, runs programs in it, attaches to it, has its log reopened. */
  async use(): Promise<void> {
    const { client, host } = this.#target;
    const containerId = this.#containerId;
    const update = UpdateContainerResourcesRequest.fromPartial({ containerId, linux: { cpuShares: 204n } });
    await this.#call('UpdateContainerResources', () => client.updateContainerResources(update));
    const podSandboxId = await this.#call('ListContainers', async () => {
      const { containers } = await client.listContainers({ filter: undefined });
      return containers.find(c => c.id === containerId)?.podSandboxId ?? '';
    });
    const resize = UpdatePodSandboxResourcesRequest.fromPartial({ podSandboxId, resources: { cpuShares: 204n } });
    await this.#call('UpdatePodSandboxResources', () => client.updatePodSandboxResources(resize));
    const echo = ExecSyncRequest.fromPartial({ containerId, cmd: ['/bin/echo', 'synchronous'], timeout: 10n });
    await this.#call('ExecSync', () => client.execSync(echo));
    await this.#call('Exec', () => this.#exec());
    await this.#call('Attach', () => this.#attach());
    const log = host.path(`${this.logDirectory}/main/0.log`);
    // as after a crash between its two steps: what is renamed already is not renamed again
    if (existsSync(log)) renameSync(log, `${log}.1`);
    await this.#call('ReopenContainerLog', () => client.reopenContainerLog({ containerId }));
  }

  /** Resolves with the container's last status when nothing of the pod should be left. */
  async stop(podSandboxId: string): Promise<ContainerStatus | undefined> {
    const { client } = this.#target;
    const containerId = this.#containerId;
    await this.#call('StopContainer', () => client.stopContainer({ containerId, timeout: 10n }));
    const { status } = await this.#call('ContainerStatus', () =>
      client.containerStatus({ containerId, verbose: false }),
    );
    await this.#call('RemoveContainer', () => client.removeContainer({ containerId }));
    await this.#call('StopPodSandbox', () => client.stopPodSandbox({ podSandboxId }));
    await this.#call('RemovePodSandbox', () => client.removePodSandbox({ podSandboxId }));
    return status;
  }

  async #exec(): Promise<void> {
    const { client } = this.#target;
    const request = { containerId: this.#containerId, cmd: ['/bin/echo', 'streamed'], stdout: true, stderr: true };
    const { url } = await client.exec(ExecRequest.fromPartial(request));
    const command = await openCommand(this.#netns(), url, { stdout: true, stderr: true });
    const output = String(await collect(command.stdout));
    await command.end;
    if (output !== 'streamed\n') throw new Error(`exec printed ${JSON.stringify(output)}`);
  }

  async #attach(): Promise<void> {
    const { client } = this.#target;
    const request = { containerId: this.#containerId, stdout: true, stderr: true };
    const { url } = await client.attach(AttachRequest.fromPartial(request));
    const command = await openCommand(this.#netns(), url, { stdout: true, stderr: true });
    // nothing says that the shim is through with it but what the shim serves afterwards
    await client.version({ version: '' });
    command.cut();
  }

  #netns(): string {
    return `/proc/${this.#target.host.pid1.pid}/ns/net`;
  }

  async #serves(pid: number | undefined): Promise<boolean> {
    const { client, service } = this.#target;
    return client.version({ version: '' }).then(
      () => service.pid() === pid,
      () => false,
    );
  }

  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    if (!this.#persistent) return call();
    const { service } = this.#target;
    const answer = await waitFor(what, async () => {
      const server = service.pid();
      try {
        const value = await call();
        return () => value;
      } catch (error) {
        // a stream tells less than a call of its server's end
        if (errorCode(error) === 'unavailable' || !(await this.#serves(server))) throw error;
        return () => {
          throw error;
        };
      }
    });
    return answer();
  }
}
