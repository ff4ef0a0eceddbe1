/** Numbers of SPDY/3.1 (sections 2.2 and 2.6). */

export const SYN_STREAM = 1;
export const SYN_REPLY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const HEADERS = 8;
export const WINDOW_UPDATE = 9;

export type FrameType =
  | typeof SYN_STREAM
  | typeof SYN_REPLY
  | typeof RST_STREAM
  | typeof SETTINGS
  | typeof PING
  | typeof GOAWAY
  | typeof HEADERS
  | typeof WINDOW_UPDATE;

export const FLAG_FIN = 1;
export const FLAG_UNIDIRECTIONAL = 2;
export const SETTING_INITIAL_WINDOW = 7;

/** Why a stream is reset. */
export const RESET_PROTOCOL_ERROR = 1;
export const RESET_REFUSED = 3;
export const RESET_CANCEL = 5;

export const GOAWAY_OK = 0;
export const GOAWAY_PROTOCOL_ERROR = 1;

/** Of a stream and of a session until a peer says otherwise. */
export const DEFAULT_WINDOW = 64 * 1024;
export const MAX_WINDOW = 0x7fffffff;

/** The payload of each control frame has at least so many bytes. */
export const PAYLOAD_BYTES: Readonly<Record<number, number>> = {
  [SYN_STREAM]: 10,
  [SYN_REPLY]: 4,
  [RST_STREAM]: 8,
  [SETTINGS]: 4,
  [PING]: 4,
  [GOAWAY]: 8,
  [HEADERS]: 4,
  [WINDOW_UPDATE]: 8,
};
