/** What stands in the place of a secret. */
export const REDACTED = '[redacted]';
/** What stands in the place of what anybody may write what he likes into, and a bundle does not need. */
export const LEFT_OUT = '[left out]';
