import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { failedPrecondition, invalidArgument } from '../base/errors.ts';
import type { ImageSpec } from '../rpc/cri-api.ts';
import { createImagesClient, type ImagesClient } from '../rpc/images-client.ts';

export interface ImageCommandOptions {
  /** Path of the shim's socket. */
  readonly socket: string;
}

/** `gantry image ls`: a table of names, ids and sizes. */
export function imageLsCommand(options: ImageCommandOptions): Promise<number> {
  return withClient(options, async client => {
    const { images } = await client.listImages({ filter: undefined });
    const rows = images.flatMap(image => {
      const names =
        image.repoTags.length > 0 ? image.repoTags : image.repoDigests.length > 0 ? image.repoDigests : ['<none>'];
      return names.map(name => [name, image.id.slice('sha256:'.length, 'sha256:'.length + 12), megabytes(image.size)]);
    });
    printTable([['IMAGE', 'ID', 'SIZE'], ...rows.sort((a, b) => (a[0] ?? '').localeCompare(b[0] ?? ''))]);
  });
}

export interface ImagePullOptions extends ImageCommandOptions {
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

/** `gantry image pull`: prints the id of the image. The password comes from stdin, so that it stands in no process list. */
export function imagePullCommand(reference: string, options: ImagePullOptions): Promise<number> {
  return withClient(options, async client => {
    if ((options.username === undefined) !== (options.passwordStdin !== true))
      throw invalidArgument('--username and --password-stdin go together');
    const password = options.passwordStdin === true ? (await text(process.stdin)).replace(/\r?\n$/, '') : '';
    const auth = {
      username: options.username ?? '',
      password,
      auth: '',
      serverAddress: '',
      identityToken: '',
      registryToken: '',
    };
    const { imageRef } = await client.pullImage({
      image: imageSpec(reference),
      auth: options.username === undefined ? undefined : auth,
      sandboxConfig: undefined,
    });
    process.stdout.write(`${imageRef}\n`);
  });
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
