import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { invalidArgument } from '../../base/errors.ts';
import { kubeconfigReferences, readKubeconfig } from '../../client/kubeconfig.ts';
import { silentDirectories } from '../../linux/directory-answers.ts';
import type { Files } from '../files.ts';
import { standingName } from '../join/standing-node.ts';
import { ANSWER_PATIENCE_MS, isSilent } from './silence.ts';

/** What tells which Node of its cluster a machine is. */
export interface ToldNames {
  /** By the certificate of its kubelet, and the file that names or has that. */
  readonly certified: { readonly name: string; readonly path: string } | undefined;
  /** By the command line of its daemon. */
  readonly unit: string | undefined;
  /** By who runs the command; empty is nothing. */
  readonly asked: string | undefined;
}

/**
 * The name of the Node that this machine is; undefined where nothing tells it: the host name may be that of another machine's Node. Throws `invalid-argument` where another one is asked for than the
 * certificate is of. Pure.
 */
export function nodeOfMachine({ certified, unit, asked }: ToldNames): string | undefined {
  if (certified === undefined) return asked || unit || undefined;
  const { name, path } = certified;
  if (asked && asked !== name)
    throw invalidArgument(
      `--node-name: this machine is not the node "${asked}" but "${name}", by the certificate of its kubelet (${path}): leave --node-name out, or delete another machine's Node by "kubectl delete node ${asked}"`,
    );
  return name;
}

/** The name in the certificate of this machine's kubelet. Undefined where there is none, it cannot be read, or a disk that it is on does not answer. Changes nothing. */
export async function certifiedName(
  { kubeletConf, kubeletClientPem }: Pick<Files, 'kubeletConf' | 'kubeletClientPem'>,
  silent: readonly string[],
  signal: AbortSignal,
): Promise<ToldNames['certified']> {
  const answers = async (path: string): Promise<boolean> =>
    !isSilent(path, silent) && (await silentDirectories([dirname(path)], ANSWER_PATIENCE_MS, signal)).length === 0;
  const everyAnswers = async (paths: readonly string[]): Promise<boolean> =>
    (await Promise.all(paths.map(answers))).every(Boolean);
  const byConfig = async (): Promise<string | undefined> =>
    (await everyAnswers(kubeconfigReferences(kubeletConf))) ? readKubeconfig(kubeletConf).certificate?.cert : undefined;
  // what a reset that was killed, or a kubelet that was stopped in between, has left of the two
  for (const [path, read] of [
    [kubeletConf, byConfig],
    [kubeletClientPem, () => readFileSync(kubeletClientPem, 'utf8')],
  ] as const) {
    if (!(await answers(path)) || !existsSync(path)) continue;
    try {
      const name = standingName({ certificate: await read() });
      if (name !== undefined) return { name, path };
    } catch {
      signal.throwIfAborted();
    }
  }
  return undefined;
}
