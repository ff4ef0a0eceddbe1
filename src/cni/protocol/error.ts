/** Error codes of the CNI specification, section 5, "Error". */
export const CNI_ERROR = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  containerUnknown: 3,
  invalidEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfig: 7,
  /** Not in the specification's table, but what libcni uses. */
  invalidNetns: 8,
  tryAgainLater: 11,
  /** Of STATUS: ADD would not work. */
  notAvailable: 50,
  /** Of CHECK, from the numbers that are a plugin's own: an attachment is not as ADD left it. */
  changed: 100,
  /** What plugins written with the Go library answer for every error without a code of its own. */
  internal: 999,
} as const;

/** What a plugin answers instead of a result. */
export class CniError extends Error {
  readonly cniCode: number;
  readonly details: string;

  constructor(cniCode: number, message: string, details = '') {
    super(message);
    this.name = 'CniError';
    this.cniCode = cniCode;
    this.details = details;
  }
}

export interface CniErrorObject {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

/** The JSON object that a plugin prints when it fails. */
export function errorObject(error: unknown, cniVersion: string): CniErrorObject {
  if (error instanceof CniError)
    return {
      cniVersion,
      code: error.cniCode,
      msg: error.message,
      ...(error.details === '' ? {} : { details: error.details }),
    };
  return { cniVersion, code: CNI_ERROR.internal, msg: error instanceof Error ? error.message : String(error) };
}

/** The error that a plugin printed, or undefined when the text is not an error object. */
export function parseErrorObject(text: string): CniError | undefined {
  try {
    const value = JSON.parse(text) as { code?: unknown; msg?: unknown; details?: unknown };
    if (typeof value.code !== 'number') return undefined;
    return new CniError(value.code, String(value.msg ?? ''), typeof value.details === 'string' ? value.details : '');
  } catch {
    return undefined;
  }
}
