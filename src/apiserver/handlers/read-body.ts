import { parseFieldValidation } from '../../api/decode/json/field-validation.ts';
import { badRequestError } from '../../api/status.ts';
import { errorMessage } from '../../base/errors.ts';
import type { BodyKind } from '../body/decode-body.ts';
import { negotiateBody, OBJECT_TYPES } from '../negotiation/negotiate.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { HandlerContext } from './handler-context.ts';

type Decoders = Pick<HandlerContext, 'bodies'>;

/**
 * The object of a body in JSON, YAML or protobuf, checked against the kind that the path asks for and by the `fieldValidation` of the request;
 * warnings go to the client. Throws 400, 413 and 415 in upstream's words, and 429 where too many large bodies wait.
 */
export async function readObject<T extends object>(
  handlers: Decoders,
  context: RequestContext,
  expected: BodyKind,
): Promise<T> {
  const bytes = Buffer.from(await context.request.readBody(context.signal));
  return decodeObject<T>(handlers, context, expected, bytes);
}

/** The same where a body may be missing. */
export async function readOptionalObject<T extends object>(
  handlers: Decoders,
  context: RequestContext,
  expected: BodyKind,
): Promise<T | undefined> {
  const bytes = Buffer.from(await context.request.readBody(context.signal));
  return bytes.length === 0 ? undefined : decodeObject<T>(handlers, context, expected, bytes);
}

async function decodeObject<T extends object>(
  { bodies }: Decoders,
  context: RequestContext,
  expected: BodyKind,
  bytes: Buffer,
): Promise<T> {
  const fieldValidation = parseMode(context);
  const mediaType = negotiateBody(context.request.headers.get('content-type'), OBJECT_TYPES);
  const { object, warnings } = await bodies.decode({ bytes, mediaType, expected, fieldValidation }, context.signal);
  for (const warning of warnings) context.warnings.add(warning);
  return object as unknown as T;
}

function parseMode(context: RequestContext): ReturnType<typeof parseFieldValidation> {
  try {
    return parseFieldValidation(context.request.query.get('fieldValidation') ?? undefined);
  } catch (error) {
    throw badRequestError(errorMessage(error));
  }
}
