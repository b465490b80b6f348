import type { Json } from '../model/store.ts'

/** What the two ends of a bridge say to each other, beside the bytes of streams. */
export type BridgeMessage =
  /** Do something and answer. A stream that it is about was opened before, and is named in `args`. */
  | { readonly say: 'call'; readonly id: number; readonly op: string; readonly args: Json }
  | { readonly say: 'answer'; readonly id: number; readonly value: Json }
  | { readonly say: 'fail'; readonly id: number; readonly code: string; readonly message: string }
  /** Nothing is answered. */
  | { readonly say: 'tell'; readonly op: string; readonly args: Json }
  /** A new stream, of the next number of this side. */
  | { readonly say: 'open'; readonly stream: number }
  /** So many more bytes of the stream may be sent. */
  | { readonly say: 'credit'; readonly stream: number; readonly bytes: number }
  /** No more bytes come. */
  | { readonly say: 'end'; readonly stream: number }
  /** The stream is broken, both ways. */
  | { readonly say: 'reset'; readonly stream: number; readonly message: string }
