import { spawnSync } from 'node:child_process';
import { execa } from 'execa';
import type { Program } from './kubectl.ts';

/** Debian's interpreter, for which its packages are; another one on PATH would not find them. */
const PYTHON = '/usr/bin/python3';

/** What every story begins with: a client of the kubeconfig, its namespace, and how it tells what it saw. */
const PRELUDE = `
import json, os, sys
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
config.load_kube_config(os.environ['KUBECONFIG'])
NS = os.environ['NAMESPACE']
core = client.CoreV1Api()
def tell(value):
    print(json.dumps(value, default=str))
def config_map(name, data=None, labels=None):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels), data=data)
def refusal(call, *args, **named):
    try:
        call(*args, **named)
    except ApiException as e:
        body = json.loads(e.body)
        return {'status': e.status, 'reason': body['reason'], 'message': body['message']}
    raise Exception('it was not refused')
`;

/** Debian's python3-kubernetes. */
export function pythonClient(): Program {
  const { status } = spawnSync(PYTHON, ['-c', 'import kubernetes']);
  return status === 0
    ? { path: PYTHON }
    : { missing: `${PYTHON} has no package kubernetes (Debian: python3-kubernetes)` };
}

/** Runs a story and returns what it told. Fails with its traceback; after half a minute it is ended. */
export async function python(story: string, kubeconfig: string, namespace: string): Promise<unknown> {
  const result = await execa(PYTHON, ['-'], {
    input: `${PRELUDE}\n${story}`,
    env: { KUBECONFIG: kubeconfig, NAMESPACE: namespace, PYTHONDONTWRITEBYTECODE: '1' },
    reject: false,
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  if (result.exitCode !== 0) throw new Error(`the story ended with ${result.exitCode}: ${result.stderr}`);
  return JSON.parse(result.stdout);
}
