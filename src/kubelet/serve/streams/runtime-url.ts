import { Refusal } from '../refusal.ts';

/** The address at which a runtime serves a stream; http where it says no scheme, as upstream. Throws 500 for what is none. Pure. */
export function runtimeUrl(text: string): URL {
  const whole = text.startsWith('//') ? `http:${text}` : text;
  const url = /^https?:\/\/[^/]/i.test(whole) && URL.canParse(whole) ? new URL(whole) : undefined;
  if (url === undefined)
    throw new Refusal(
      500,
      `the runtime serves the stream at ${JSON.stringify(text)}, which is no URL of http or https`,
    );
  return url;
}
