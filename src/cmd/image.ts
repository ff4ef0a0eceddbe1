import { createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { failedPrecondition, invalidArgument, isUnimplemented } from '../base/errors.ts';
import { dockerCredentials } from '../cri/images/docker-credentials.ts';
import { parseReference, repositoryName } from '../cri/images/reference.ts';
import { registryServer } from '../cri/images/registry-endpoints.ts';
import type { AuthConfig, ImageSpec } from '../rpc/cri-api.ts';
import { createImagesClient, type ImagesClient } from '../rpc/images-client.ts';
import { PullDisplay } from './pull-display.ts';

export interface ImageCommandOptions {
  /** Path of the shim's socket. */
  readonly socket: string;
}

/** `gantry image ls`: a table of names, ids and sizes, and which are pinned. */
export function imageLsCommand(options: ImageCommandOptions): Promise<number> {
  return withClient(options, async client => {
    const { images } = await client.listImages({ filter: undefined });
    const rows = images.flatMap(image => {
      const names =
        image.repoTags.length > 0 ? image.repoTags : image.repoDigests.length > 0 ? image.repoDigests : ['<none>'];
      const id = image.id.slice('sha256:'.length, 'sha256:'.length + 12);
      return names.map(name => [name, id, megabytes(image.size), image.pinned ? 'pinned' : '']);
    });
    printTable([['IMAGE', 'ID', 'SIZE', ''], ...rows.sort((a, b) => (a[0] ?? '').localeCompare(b[0] ?? ''))]);
  });
}

export interface ImagePullOptions extends ImageCommandOptions {
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly dockerConfig?: string;
}

/**
 * `gantry image pull`: prints the id of the image, and how far it is to stderr. The password comes from stdin, so that it stands in no process list; without
 * one, what the caller's docker config has for the registry is shown, to that registry alone.
 */
export function imagePullCommand(reference: string, options: ImagePullOptions): Promise<number> {
  return withClient(options, async client => {
    const auth = await pullCredentials(reference, options);
    const display = new PullDisplay(process.stderr, () => performance.now());
    let id = '';
    try {
      for await (const progress of client.pull({ image: reference, auth })) {
        display.show(progress);
        id = progress.id;
      }
    } catch (error) {
      if (!isUnimplemented(error)) throw error;
      // Another runtime's socket: it pulls, and says nothing meanwhile.
      const answer = await client.pullImage({ image: imageSpec(reference), auth, sandboxConfig: undefined });
      id = answer.imageRef;
    } finally {
      display.end();
    }
    process.stdout.write(`${id}\n`);
  });
}

async function pullCredentials(
  reference: string,
  { username, passwordStdin, dockerConfig }: ImagePullOptions,
): Promise<AuthConfig | undefined> {
  const nothing = { username: '', password: '', auth: '', serverAddress: '', identityToken: '', registryToken: '' };
  if ((username === undefined) !== (passwordStdin !== true))
    throw invalidArgument('--username and --password-stdin go together');
  if (username !== undefined)
    return { ...nothing, username, password: (await text(process.stdin)).replace(/\r?\n$/, '') };
  if (dockerConfig !== undefined && !existsSync(dockerConfig))
    throw invalidArgument(`the docker config ${dockerConfig} is not there`);
  const file = dockerConfig ?? join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  const parsed = parseReference(reference);
  const found = await dockerCredentials([file], repositoryName(parsed), new AbortController().signal);
  // The runtime may take a name without a registry for one elsewhere: what was found is not for that. With a scheme, as containerd needs it.
  return found === undefined
    ? undefined
    : { ...nothing, ...found, serverAddress: `https://${registryServer(parsed.domain)}` };
}

/** `gantry image rm`: removes images with all their names. One that is not there is an error here, for people mistype. */
export function imageRmCommand(references: readonly string[], options: ImageCommandOptions): Promise<number> {
  return withClient(options, async client => {
    for (const reference of references) {
      const image = imageSpec(reference);
      const status = await client.imageStatus({ image, verbose: false });
      if (status.image === undefined) throw failedPrecondition(`there is no image ${reference} here`);
      await client.removeImage({ image });
      process.stdout.write(`removed ${status.image.id}\n`);
    }
  });
}

export interface ImageImportOptions extends ImageCommandOptions {
  readonly reference?: string;
}

/** `gantry image import`: an OCI layout, OCI archive or docker archive; `-` reads an archive from stdin. */
export function imageImportCommand(path: string, options: ImageImportOptions): Promise<number> {
  return withClient(options, async client => {
    const spool = path === '-' ? mkdtempSync(join(tmpdir(), 'gantry-import-')) : undefined;
    try {
      let file = resolve(path);
      if (spool !== undefined) {
        file = join(spool, 'archive.tar');
        await pipeline(process.stdin, createWriteStream(file, { mode: 0o600 }));
      }
      let shown = '';
      for await (const step of client.import({ path: file, reference: options.reference ?? '' })) {
        const clear = process.stdout.isTTY ? '\x1b[K' : '';
        if (step.message !== shown) process.stdout.write(`${clear}${step.message}\n`);
        else if (process.stdout.isTTY)
          process.stdout.write(`  ${megabytes(step.bytesDone)} of ${megabytes(step.bytesTotal)}${clear}\r`);
        shown = step.message;
      }
    } finally {
      if (spool !== undefined) rmSync(spool, { recursive: true, force: true });
    }
  });
}

async function withClient(
  options: ImageCommandOptions,
  work: (client: ImagesClient) => Promise<void>,
): Promise<number> {
  const client = createImagesClient(`unix://${resolve(options.socket)}`);
  try {
    await work(client);
    return 0;
  } finally {
    client.close();
  }
}

function imageSpec(image: string): ImageSpec {
  return { image, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
}

function megabytes(bytes: bigint): string {
  return `${(Number(bytes) / 1e6).toFixed(1)} MB`;
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)));
  for (const row of rows)
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
}
