import { readFileSync } from 'node:fs';
import { errnoName, errorMessage } from '../../../base/errors.ts';
import { type BundleItem, beginningOf } from '../item.ts';

/** A file of the kernel. */
export function fileItem(path: string, file: string): BundleItem {
  try {
    return { path, ...beginningOf(readFileSync(file, 'utf8')) };
  } catch (error) {
    return { path, missing: errnoName(error) === 'ENOENT' ? `there is no ${file} here` : errorMessage(error) };
  }
}
