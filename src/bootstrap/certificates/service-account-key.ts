import { errorMessage } from '../../base/errors.ts';
import { publicKeyPem, readPublicKeys } from '../../pki/keys.ts';
import { type Disk, realDisk } from '../disk.ts';
import { type CertificateProblem, standingKey } from './standing.ts';

/** The two halves of the pair that signs tokens of service accounts. */
export function serviceAccountFiles(pkiDir: string): { readonly keyFile: string; readonly publicFile: string } {
  return { keyFile: `${pkiDir}/sa.key`, publicFile: `${pkiDir}/sa.pub` };
}

/** What speaks against this pair as it stands: its key was lost, or its public half is of another one. A key alone is none, it has its public half made. Nothing where nothing stands. Changes nothing. */
export function serviceAccountKeyProblems({
  pkiDir,
  disk = realDisk,
}: {
  readonly pkiDir: string;
  readonly disk?: Disk;
}): readonly CertificateProblem[] {
  const { keyFile, publicFile } = serviceAccountFiles(pkiDir);
  if (!disk.exists(publicFile)) return [];
  const problem = (path: string, message: string): readonly CertificateProblem[] => [{ path, message }];
  if (!disk.exists(keyFile))
    return problem(
      publicFile,
      `${publicFile} is there and its key ${keyFile} is not: put the key there from a backup; or remove ${publicFile}, and a new pair is made, by which all tokens of service accounts that the old one has signed end`,
    );
  try {
    const own = publicKeyPem(standingKey(keyFile, disk));
    // several during a rotation
    if (publicKeysIn(disk.read(publicFile)).includes(own)) return [];
  } catch (error) {
    return problem(keyFile, errorMessage(error));
  }
  return problem(
    publicFile,
    `${publicFile} has not the public half of ${keyFile}, so that no token which that signs is taken: put the one that is wrong there from a backup; or remove ${publicFile}, and it is made anew of the key`,
  );
}

/** None where the text has none. */
function publicKeysIn(text: string): readonly string[] {
  try {
    return readPublicKeys(text).map(publicKeyPem);
  } catch {
    return [];
  }
}
