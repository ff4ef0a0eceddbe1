import { mkdirSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { failedPrecondition, internalError } from '../base/errors.ts';
import type { CriConfig } from '../cri/config.ts';
import { DEFAULT_CRI_CONFIG_FILE, readCriConfig } from '../cri/config-file.ts';
import { criServer } from '../cri/cri-server.ts';
import { hostAndPort } from '../cri/host-and-port.ts';
import { openImageStore } from '../cri/images/image-store.ts';
import { openPodNetwork } from '../cri/network/pod-network.ts';
import { linuxNode } from '../cri/node-linux.ts';
import { chooseRuntimes, type RuntimeChoice, runtimesToLookFor } from '../cri/oci/choose-runtime.ts';
import { createConmonMonitor } from '../cri/oci/conmon.ts';
import { containerScopes } from '../cri/oci/container-scopes.ts';
import { handlerFeatures, programName } from '../cri/oci/handler-features.ts';
import { readHostFacts } from '../cri/oci/host-facts.ts';
import { prepareInfraRootfs } from '../cri/oci/infra-rootfs.ts';
import { raiseInotifyLimit } from '../cri/oci/inotify-limit.ts';
import { moveToScope } from '../cri/oci/monitor-scope.ts';
import { createOciRuntime } from '../cri/oci/oci-runtime.ts';
import { readRuntimeFacts } from '../cri/oci/runtime-facts.ts';
import { ociRuntimes, type RuntimeHandler, runtimePlaces } from '../cri/oci/runtimes.ts';
import { sealRuntime } from '../cri/oci/sealed-runtime.ts';
import { criPaths } from '../cri/paths.ts';
import type { HostFacts } from '../cri/spec/inputs.ts';
import { healthServer, withReadiness } from '../daemon/health-server.ts';
import { createLogger, type Logger } from '../daemon/logger.ts';
import { loopLag } from '../daemon/loop-lag.ts';
import { mainLoop } from '../daemon/main-loop.ts';
import { createRegistry } from '../daemon/metrics.ts';
import { openServiceManager } from '../daemon/service-manager.ts';
import { type CgroupDriverName, defaultCgroupDriver } from '../linux/cgroup-driver.ts';
import { holdLockFile } from '../linux/lock-file.ts';
import { relabel } from '../linux/selinux.ts';
import { systemdManager, systemdRuns } from '../linux/systemd-manager.ts';
import { cniSocket, cniSocketPath } from './cni-socket.ts';
import { VERSION } from './version.ts';

export interface RunCriOptions {
  readonly cgroupDriver?: CgroupDriverName;
  readonly config?: string;
  readonly socket?: string;
  readonly root?: string;
  readonly state?: string;
}

/** `gantry run cri`: the CRI shim in the foreground. Returns the exit code. Flags win over the file; the default file need not exist. */
export async function runCri(options: RunCriOptions): Promise<number> {
  const manager = openServiceManager();
  const config = effectiveConfig(options);
  const log = createLogger({ daemon: 'cri' });
  const paths = criPaths(config);
  takeDirectories(config);
  const choices = chooseRuntimes(config, await readRuntimeFacts(runtimesToLookFor(config)));
  const choice = choices.fallback;
  log.info({ runtime: choice.handler, path: choice.path, version: choice.version }, `runtime chosen: ${choice.reason}`);
  for (const [handler, why] of choices.unusable) log.warn({ handler }, `a runtime handler cannot be used: ${why}`);
  const facts = readHostFacts();
  const raised = raiseInotifyLimit(facts.cgroupVersion);
  if (raised !== undefined) log.info(raised);
  const handlers = await Promise.all(choices.handlers.map(each => openHandler(each, { config, choice, facts, log })));
  const fallback = handlers.find(({ name }) => name === choice.handler);
  if (fallback === undefined) throw internalError(`the default runtime ${choice.handler} is no handler`);
  const systemd = systemdRuns() ? systemdManager() : undefined;
  const cgroupDriver = chooseCgroupDriver(config.cgroupDriver);
  log.info({ cgroupDriver, cgroup: facts.cgroupVersion }, 'cgroup driver chosen');
  const registry = createRegistry();
  const pause = await prepareInfraRootfs(config.state, config.catatonit);
  if (facts.selinux !== undefined) await relabel(pause.path, facts.selinux.readOnlyFile);
  const server = criServer({
    config,
    paths,
    node: linuxNode(paths, facts, log),
    runtimes: ociRuntimes({ fallback, handlers, unusable: choices.unusable, state: config.state }),
    runtimeChoice: `${choice.version} at ${choice.path}: ${choice.reason}`,
    cgroupDriver,
    scopes: systemd && containerScopes(systemd, log),
    monitor: createConmonMonitor({
      path: config.conmon,
      exitDir: paths.exitDir,
      logSizeMax: config.logSizeMax,
      runtimePaths: choices.handlers.map(({ path }) => path),
      moveAway: systemd && moveToScope(systemd, log),
      log,
    }),
    pause,
    images: await openImageStore(config, log),
    network: openPodNetwork(config.cni, log),
    clock: systemClock,
    registry,
    version: VERSION,
    log,
  });
  const { component, check: serving } = withReadiness(server);
  const components = [component, loopLag(registry), cniSocket(cniSocketPath(config), config.cni.journalDir, log)];
  if (config.metricsAddress !== undefined) {
    const { host, port } = hostAndPort(config.metricsAddress);
    components.push(healthServer({ host, port, registry, checks: [serving] }));
  }
  return mainLoop(components, log, { manager });
}

/**
 * The runtime of a handler. The default one and those of the configuration are executed from a copy in memory; one that is merely installed may never be used,
 * and its copy would be memory for nothing.
 */
async function openHandler(
  each: RuntimeChoice,
  {
    config,
    choice,
    facts,
    log,
  }: {
    readonly config: CriConfig;
    readonly choice: RuntimeChoice;
    readonly facts: HostFacts;
    readonly log: Logger;
  },
): Promise<RuntimeHandler> {
  const { handler, path, version } = each;
  const { root, bin } = runtimePlaces(config.state, handler);
  const sealed = handler === choice.handler || Object.hasOwn(config.runtimes, handler);
  const program = sealed ? await sealRuntime(path, bin) : undefined;
  if (program?.unsealedBecause !== undefined)
    log.warn({ runtime: handler }, `the runtime copies itself at each call: ${program.unsealedBecause}`);
  return {
    name: handler,
    runtime: createOciRuntime({
      name: programName(version) || handler,
      path: program?.path ?? path,
      sealedFrom: program !== undefined && program.unsealedBecause === undefined ? path : undefined,
      root,
    }),
    features: handlerFeatures(each, { ...facts, userNamespaces: facts.noUserNamespaces === undefined }),
  };
}

/**
 * A second shim on the same directories would undo the first one's work at its start: no step comes before this. The modes are those the server wants.
 */
function takeDirectories({ root, state }: CriConfig): void {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  mkdirSync(state, { recursive: true, mode: 0o711 });
  holdLockFile(`${root}/root.lock`, `the root directory ${root}`);
  holdLockFile(`${state}/state.lock`, `the state directory ${state}`);
}

function effectiveConfig(options: RunCriOptions): CriConfig {
  const file = readCriConfig(options.config ?? DEFAULT_CRI_CONFIG_FILE, options.config !== undefined);
  return {
    ...file,
    ...(options.socket === undefined ? {} : { socket: options.socket }),
    ...(options.root === undefined ? {} : { root: options.root }),
    ...(options.state === undefined ? {} : { state: options.state }),
    ...(options.cgroupDriver === undefined ? {} : { cgroupDriver: options.cgroupDriver }),
  };
}

/** Throws `failed-precondition` for a driver that cannot work here. */
function chooseCgroupDriver(configured: CriConfig['cgroupDriver']): CgroupDriverName {
  if (configured === 'systemd' && !systemdRuns())
    throw failedPrecondition(
      'cgroupDriver: systemd is configured, and this machine was not booted with systemd (there is no /run/systemd/system): set cgroupfs',
    );
  return configured === '' ? defaultCgroupDriver() : configured;
}
