import { durationMs } from '../api/duration.ts';
import type { ConfigMap, Secret } from '../api/types/gen/core-v1.ts';
import { systemClock } from '../base/clock.ts';
import {
  errorMessage,
  failedPrecondition,
  GantryError,
  invalidArgument,
  isAlreadyExists,
  isNotFound,
} from '../base/errors.ts';
import { clusterOfKubeconfig } from '../bootstrap/discovery/kubeconfig-cluster.ts';
import { CLUSTER_INFO } from '../bootstrap/objects/plan.ts';
import { ONE_CONTROL_PLANE } from '../bootstrap/settings.ts';
import { generateToken, parseToken } from '../bootstrap/token.ts';
import { configuredToken } from '../bootstrap/tokens/configured-token.ts';
import {
  checkStoredToken,
  rfc3339,
  type StoredToken,
  secretOfToken,
  TOKEN_NAMESPACE,
  TOKEN_SECRET_TYPE,
  tokenOfSecret,
  tokenSecretName,
} from '../bootstrap/tokens/stored-token.ts';
import { tokenDocuments, tokenTable } from '../bootstrap/tokens/token-list.ts';
import { ApiConnection } from '../client/connection.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import { ResourceClient } from '../client/resource-client.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { spkiPin } from '../pki/keys.ts';
import { words } from './flag-values.ts';
import { readInitFile } from './init-file.ts';
import { untilInterrupted } from './interrupt.ts';
import { AT_TERMINAL } from './patience.ts';
import { VERSION } from './version.ts';

/** Flags of `gantry token …`, named as kubeadm's. */
export interface TokenFlags {
  readonly kubeconfig: string;
}

export interface CreateTokenFlags extends TokenFlags {
  readonly printJoinCommand?: boolean;
  readonly ttl: string;
  readonly description: string;
  readonly usages: string;
  readonly groups: string;
  readonly config?: string;
  readonly certificateKey?: string;
  readonly dryRun?: boolean;
  /** Names of flags that were given and that a file says, too. */
  readonly mixed: readonly string[];
}

const SECRETS = { group: '', version: 'v1', plural: 'secrets' } as const;
const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' } as const;

/** `gantry token create`. Returns the exit code. */
export function createTokenCommand(text: string | undefined, flags: CreateTokenFlags): Promise<number> {
  return withConnection(flags, async (connection, signal) => {
    if (flags.certificateKey !== undefined)
      throw new GantryError('unimplemented', `${ONE_CONTROL_PLANE}: leave --certificate-key out`);
    const tokens = flags.config === undefined ? [tokenOfFlags(text, flags)] : tokensOfFile(flags.config, text, flags);
    for (const token of tokens) checkStoredToken(token);
    const secrets = new ResourceClient<Secret>(connection, SECRETS);
    for (const token of tokens) {
      const { id } = parseToken(token.token);
      if (flags.dryRun === true) {
        const until = token.expires === undefined ? 'for ever' : `until ${rfc3339(token.expires)}`;
        console.log(
          `[dryrun] Would make the Secret "${tokenSecretName(id)}" in ${TOKEN_NAMESPACE}: a token that holds ${until}`,
        );
        continue;
      }
      await secrets.create(secretOfToken(token), signal).catch((error: unknown) => {
        if (!isAlreadyExists(error)) throw error;
        throw failedPrecondition(`a token with id "${id}" already exists`);
      });
    }
    const [first] = tokens;
    if (flags.dryRun !== true && first !== undefined)
      console.log(flags.printJoinCommand === true ? await joinCommandOf(connection, first.token, signal) : first.token);
    return 0;
  });
}

function tokenOfFlags(text: string | undefined, flags: CreateTokenFlags): StoredToken {
  const ttlMs = durationMs(flags.ttl);
  if (ttlMs < 0) throw invalidArgument(`--ttl: "${flags.ttl}" is over before it begins`);
  return {
    token: text ?? generateToken(),
    description: flags.description,
    expires: ttlMs === 0 ? undefined : systemClock.now() + ttlMs,
    usages: words(flags.usages),
    groups: words(flags.groups),
  };
}

/** What a file says of tokens stands in the place of flags, as with kubeadm; one that says nothing of them gives one, as flags that say nothing do. */
function tokensOfFile(path: string, text: string | undefined, flags: CreateTokenFlags): readonly StoredToken[] {
  const both = [...(text === undefined ? [] : ['token']), ...flags.mixed];
  if (both.length > 0) throw invalidArgument(`can not mix '--config' with arguments [${both.join(' ')}]`);
  const { tokens } = readInitFile(path);
  const otherwise = { newToken: generateToken, now: systemClock.now(), description: '' };
  return tokens?.map(token => configuredToken(token, otherwise)) ?? [tokenOfFlags(undefined, flags)];
}

/** `gantry token list`. */
export function listTokensCommand(flags: TokenFlags & { readonly output: string }): Promise<number> {
  return withConnection(flags, async (connection, signal) => {
    if (flags.output !== 'text' && flags.output !== 'json')
      throw invalidArgument(`-o: "${flags.output}" is neither text nor json`);
    const secrets = new ResourceClient<Secret>(connection, SECRETS);
    const { items } = await secrets.list(TOKEN_NAMESPACE, { fieldSelector: `type=${TOKEN_SECRET_TYPE}` }, signal);
    const tokens: StoredToken[] = [];
    for (const secret of items) {
      const token = tokenOfSecret(secret);
      if (token === undefined)
        process.stderr.write(`the Secret "${secret.metadata.name}" holds no token that could be used\n`);
      else tokens.push(token);
    }
    if (flags.output === 'text') process.stdout.write(tokenTable(tokens, systemClock.now()));
    else for (const document of tokenDocuments(tokens)) console.log(JSON.stringify(document, undefined, 4));
    return 0;
  });
}

/** `gantry token delete`: the first that is not there ends it. */
export function deleteTokensCommand(
  texts: readonly string[],
  flags: TokenFlags & { readonly dryRun?: boolean },
): Promise<number> {
  return withConnection(flags, async (connection, signal) => {
    const ids = texts.map(text => (/^[a-z0-9]{6}$/.test(text) ? text : parseToken(text).id));
    const secrets = new ResourceClient<Secret>(connection, SECRETS);
    for (const id of ids) {
      if (flags.dryRun !== true)
        await secrets.delete(TOKEN_NAMESPACE, tokenSecretName(id), {}, signal).catch((error: unknown) => {
          if (!isNotFound(error)) throw error;
          throw failedPrecondition(`failed to delete bootstrap token "${id}": the cluster knows none of this id`);
        });
      console.log(
        flags.dryRun === true ? `[dryrun] Would delete the bootstrap token "${id}"` : `bootstrap token "${id}" deleted`,
      );
    }
    return 0;
  });
}

/** `gantry token generate`. */
export async function generateTokenCommand(): Promise<number> {
  console.log(generateToken());
  return 0;
}

/** The command by which a node joins: where cluster-info says that the cluster is, else where this kubeconfig does. */
async function joinCommandOf(connection: ApiConnection, token: string, signal: AbortSignal): Promise<string> {
  const maps = new ResourceClient<ConfigMap>(connection, CONFIG_MAPS);
  const told = await maps.get(CLUSTER_INFO.namespace, CLUSTER_INFO.name, signal).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const text = told?.data?.['kubeconfig'];
  const { endpoint } = connection;
  const { server, ca } =
    text === undefined ? { server: endpoint.server, ca: endpoint.ca ?? '' } : clusterOfKubeconfig(text, 'cluster-info');
  const pin = spkiPin(parseCertificate(ca).publicKey);
  return `gantry join ${new URL(server).host} --token ${token} --discovery-token-ca-cert-hash ${pin}`;
}

function withConnection(
  { kubeconfig }: TokenFlags,
  work: (connection: ApiConnection, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  return untilInterrupted(async signal => {
    const userAgent = `gantry-token/${VERSION}`;
    const connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent, patience: AT_TERMINAL });
    try {
      return await work(connection, signal);
    } catch (error) {
      // a token is a secret, and may stand in what was typed
      throw failedPrecondition(errorMessage(error).replace(/\b([a-z0-9]{6})\.[a-z0-9]{16}\b/g, '$1.***'), {
        cause: error,
      });
    } finally {
      connection.close();
    }
  });
}
